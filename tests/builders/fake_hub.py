"""A server on this machine that answers as the hub does, with the faults that a test needs.

    with FakeHub(folder) as hub: ... hub.endpoint ...

`folder` has repositories as models/ORG/NAME and datasets/ORG/NAME. A fault is a function of
(method, path, count) that returns None, or a status with headers and body. `count` is how often the
same request came before.
"""

import hashlib
import json
import threading
from collections import Counter
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

COMMIT = "0123456789abcdef0123456789abcdef01234567"
LARGE = (".safetensors", ".parquet")  # stored as large files, whose ETag is their sha256

Fault = Callable[[str, str, int], "tuple[int, dict[str, str], bytes] | None"]


class FakeHub:
    """Serves while the context is open. `requests` lists (method, path, authorization header)."""

    def __init__(self, folder: Path, fault: Fault | None = None):
        self.folder, self.fault = folder, fault
        self.requests: list[tuple[str, str, str | None]] = []
        self.counts: Counter[tuple[str, str]] = Counter()
        hub = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                hub.answer(self)

            do_HEAD = do_POST = do_GET

            def log_message(self, *args):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.endpoint = f"http://127.0.0.1:{self.server.server_port}"

    def __enter__(self) -> "FakeHub":
        threading.Thread(
            target=self.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True
        ).start()
        return self

    def __exit__(self, *error) -> None:
        self.server.shutdown()
        self.server.server_close()

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        body = request.rfile.read(int(request.headers.get("Content-Length") or 0))
        path = unquote(urlsplit(request.path).path)
        self.requests.append((request.command, path, request.headers.get("Authorization")))
        count = self.counts[request.command, path]
        self.counts[request.command, path] += 1
        fault = self.fault(request.command, path, count) if self.fault else None
        status, headers, content = fault or self.content(path, body)
        request.send_response(status)
        for key, value in ({"Content-Length": str(len(content))} | headers).items():
            request.send_header(key, value)
        request.end_headers()
        if request.command != "HEAD":
            request.wfile.write(content)
        if "Content-Length" in headers:  # a fault that promises more than it sends
            request.close_connection = True

    def content(self, path: str, body: bytes) -> tuple[int, dict[str, str], bytes]:
        """The answer without a fault."""
        if "/resolve/" in path:
            return self.file(*path.lstrip("/").split("/resolve/"))
        parts = path.strip("/").split("/")
        if parts[0] != "api" or len(parts) < 4:
            return missing("RepoNotFound")
        kind, repository, action = parts[1], self.folder / parts[1] / parts[2] / parts[3], parts[4:]
        if not repository.is_dir():
            return missing("RepoNotFound")
        if len(action) > 1 and action[1] not in ("main", COMMIT):
            return missing("RevisionNotFound")
        files = sorted(file for file in repository.rglob("*") if file.is_file())
        match action:
            case [] | ["revision", _]:
                siblings = [
                    {"rfilename": file.relative_to(repository).as_posix()} for file in files
                ]
                name = f"{parts[2]}/{parts[3]}"
                found = {"id": name, "sha": COMMIT, "siblings": siblings, "tags": [], kind: True}
                return plain_json(found)
            case ["tree", _, *below]:
                folder = repository.joinpath(*below)
                if not folder.is_dir():
                    return missing("EntryNotFound")
                below_folder = sorted(folder.rglob("*"))
                return plain_json([self.described(file, repository) for file in below_folder])
            case ["paths-info", _]:
                wanted = [repository / name for name in json.loads(body)["paths"]]
                existing = [path for path in wanted if path.exists()]
                return plain_json([self.described(path, repository) for path in existing])
        return missing("EntryNotFound")

    def described(self, file: Path, repository: Path) -> dict:
        """A file or folder as the hub lists it."""
        name = file.relative_to(repository).as_posix()
        if file.is_dir():
            return {"type": "directory", "path": name, "oid": "0" * 40, "size": 0}
        size, oid = file.stat().st_size, etag(file)
        found = {"type": "file", "path": name, "size": size, "oid": oid[:40]}
        if file.suffix in LARGE:
            found["lfs"] = {"oid": oid, "size": size, "pointerSize": 130}
        return found

    def file(self, repository: str, rest: str) -> tuple[int, dict[str, str], bytes]:
        kind = "datasets" if repository.startswith("datasets/") else "models"
        folder = self.folder / kind / repository.removeprefix("datasets/")
        revision, _, inside = rest.partition("/")
        if not folder.is_dir():
            return missing("RepoNotFound")
        if revision not in ("main", COMMIT):
            return missing("RevisionNotFound")
        file = folder / inside
        if not file.is_file():
            return 404, {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": COMMIT}, b""
        headers = {
            "ETag": f'"{etag(file)}"',
            "X-Repo-Commit": COMMIT,
            "X-Linked-Etag": f'"{etag(file)}"',
            "X-Linked-Size": str(file.stat().st_size),
        }
        return 200, headers, file.read_bytes()


def etag(file: Path) -> str:
    """sha256 of large files, git's blob hash of small ones."""
    content = file.read_bytes()
    if file.suffix in LARGE:
        return hashlib.sha256(content).hexdigest()
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


def plain_json(value) -> tuple[int, dict[str, str], bytes]:
    return 200, {"Content-Type": "application/json"}, json.dumps(value).encode()


def missing(code: str) -> tuple[int, dict[str, str], bytes]:
    return 404, {"X-Error-Code": code, "X-Error-Message": code}, b""
