// Text of data and models: always text nodes, never markup.
// What a browser would hide or obey is shown.

const HIDDEN =
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u115f\u1160\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufff9-\ufffb\u{e0000}-\u{e0fff}]/u;
const NAMED = /<\/?(?:s|pad|unk|bos|eos|mask|start_of_turn|end_of_turn)>/;
const BRACKETED = /\[(?:CLS|SEP|PAD|MASK|UNK|INST|\/INST)\]/;
const SPECIAL = new RegExp(`<\\|[^|<>\\s]{1,60}\\|>|${NAMED.source}|${BRACKETED.source}`);
const MARKS = new RegExp(`(${HIDDEN.source})|(${SPECIAL.source})`, "gu");
const LONG = 6000; // characters shown at first

// An element: el("td", {class: "num", title: "…"}, child, …); strings become text nodes.
function el(name, attributes = {}, ...children) {
  const node = name.startsWith("svg:")
    ? document.createElementNS("http://www.w3.org/2000/svg", name.slice(4))
    : document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (typeof value === "function") node.addEventListener(key, value);
    else if (value !== null && value !== undefined && value !== false)
      node.setAttribute(key, value === true ? "" : value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

function code(character) {
  return `U+${character.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}`;
}

function visible(text) {
  return String(text).replace(new RegExp(HIDDEN.source, "gu"), (each) => `⟨${code(each)}⟩`);
}

// Text as nodes, with hidden characters named and what looks like a special token marked.
function nodes(text) {
  const found = [];
  let end = 0;
  for (const match of text.matchAll(MARKS)) {
    if (match.index > end) found.push(text.slice(end, match.index));
    const [, hidden, special] = match;
    const title = hidden ? "a character that would not show" : "written like a special token";
    const kind = hidden ? "hidden-character" : "token";
    found.push(el("span", { class: kind, title }, hidden ? code(hidden) : special));
    end = match.index + match[0].length;
  }
  if (end < text.length) found.push(text.slice(end));
  return found;
}

// A block of text. Beyond LONG characters its middle is left out until the reader asks for it.
function block(text, attributes = {}) {
  const pre = el("pre", { dir: "auto", ...attributes });
  if (text.length <= LONG) {
    pre.append(...nodes(text));
    if (!text) pre.append(el("span", { class: "nothing" }, "no text"));
    return pre;
  }
  const left = text.length - LONG;
  const more = el(
    "button",
    { type: "button", class: "more", click: () => pre.replaceChildren(...nodes(text)) },
    `… show ${whole(left)} more characters …`,
  );
  pre.append(...nodes(text.slice(0, LONG - 1500)), more, ...nodes(text.slice(-1500)));
  return pre;
}

const whole = (n) => String(n).replace(/\B(?=(\d{3})+$)/g, "\u2009");

function number(value, digits = 3) {
  if (value === null || value === undefined) return "–";
  const size = Math.abs(value);
  if (size >= 1e6) return value.toExponential(2);
  const fixed = value.toFixed(size < 10 ? digits : size < 100 ? 2 : size < 1000 ? 1 : 0);
  const [head, tail] = fixed.replace("-", "−").split(".");
  return whole(head) + (tail ? `.${tail}` : "");
}
const signed = (value, digits = 3) => (value > 0 ? "+" : "") + number(value, digits);
// A difference of scores; of their logarithms the ratio.
const ratio = (value) => `×\u202f${number(Math.exp(value))}`;
const gap = (pair, value) => (pair.scale === "log" ? ratio(value) : signed(value));
function probability(p) {
  return p === null ? "–" : p < 0.001 ? "< 0.001" : p.toFixed(p < 0.1 ? 3 : 2);
}
