// The address says what is shown: #view/part/part?name=value. Every part is percent-encoded.

// What the scripts of the views add: name of the view -> { show(parts, query), problem }.
// `show` follows the address. What it throws is shown in the element `problem`.
const shows = new Map();

const fragment = (...parts) => `#${parts.map(encodeURIComponent).join("/")}`;

function place() {
  const [path, query] = location.hash.slice(1).split("?");
  const [view, ...parts] = path.split("/").map((part) => decodeURIComponent(part));
  return { view, parts, query: new URLSearchParams(query ?? "") };
}
