"""Package indexes on 127.0.0.1 in the layout of PyTorch's, and a project that is locked from them.

`/whl/cu128/torch/` is a page of relative links to `+cu128` wheels with their metadata beside them; `/simple/` stands
for the default index. Each may ask for a user and password, and each file may be replaced by another.
"""

from __future__ import annotations

import base64
import hashlib
import http.server
import io
import threading
import zipfile
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


def make_wheel(
    name: str,
    version: str,
    requires: tuple[str, ...] = (),
    files: Mapping[str, str] | None = None,
    tag: str = "py3-none-any",
) -> bytes:
    """Return an installable wheel with a module that knows its version and where it is from."""
    module = name.replace("-", "_")
    info = f"{module}-{version}.dist-info"
    metadata = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}"]
    metadata += [f"Requires-Dist: {item}" for item in requires]
    contents = {
        **(files or {f"{module}/__init__.py": f"__version__ = {version!r}\n"}),
        f"{info}/METADATA": "\n".join(metadata) + "\n",
        f"{info}/WHEEL": f"Wheel-Version: 1.0\nGenerator: lab\nRoot-Is-Purelib: true\nTag: {tag}\n",
    }
    rows = []
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as wheel:
        for path, text in contents.items():
            digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
            rows.append(f"{path},sha256={digest},{len(text.encode())}")
            wheel.writestr(zipfile.ZipInfo(path, (2020, 1, 1, 0, 0, 0)), text)
        wheel.writestr(
            zipfile.ZipInfo(f"{info}/RECORD", (2020, 1, 1, 0, 0, 0)), "\n".join([*rows, f"{info}/RECORD,,\n"])
        )
    return buffer.getvalue()


@dataclass
class TorchIndex:
    """All indexes of one server by path: `simple`, `whl/cpu`, `whl/cu128`; each: project -> file name -> bytes."""

    files: dict[str, dict[str, dict[str, bytes]]] = field(default_factory=dict)
    passwords: dict[str, str] = field(default_factory=dict)
    """`user:password` that an index asks for."""
    asked: list[str] = field(default_factory=list)
    """The path of each request."""
    served: dict[str, bytes] = field(default_factory=dict)
    """Wheels that are handed out in the place of those that the page names, by file name."""

    def add(
        self,
        index: str,
        name: str,
        version: str,
        requires: tuple[str, ...] = (),
        *,
        tag: str = "py3-none-any",
        text: str = "",
    ) -> None:
        """Add a wheel to an index."""
        module = name.replace("-", "_")
        files = {f"{module}/__init__.py": f"__version__ = {version!r}\nORIGIN = {index!r}\n{text}"}
        wheel = make_wheel(name, version, requires, files, tag)
        self.files.setdefault(index, {}).setdefault(name, {})[f"{module}-{version}-{tag}.whl"] = wheel

    def page(self, index: str, name: str) -> bytes:
        """Return a project's page as PyTorch's server writes it."""
        lines = ["<!DOCTYPE html>", "<html><body>", f"<h1>Links for {name}</h1>"]
        for file, content in self.files[index][name].items():
            digest = hashlib.sha256(content).hexdigest()
            metadata = hashlib.sha256(_metadata(content)).hexdigest()
            lines.append(
                f'<a href="../{quote(file)}#sha256={digest}" data-dist-info-metadata="sha256={metadata}" '
                f'data-core-metadata="sha256={metadata}">{file}</a><br/>'
            )
        return "\n".join([*lines, "</body></html>"]).encode()

    def find(self, index: str, rest: str) -> tuple[bytes, str] | None:
        """Return body and type of what stands at a path below an index."""
        projects = self.files[index]
        if rest.endswith("/"):
            name = rest.strip("/")
            return (self.page(index, name), "text/html") if name in projects else None
        name = rest.removesuffix(".metadata")
        for files in projects.values():
            if name in files:
                content = self.served.get(name, files[name])
                return (_metadata(content) if rest.endswith(".metadata") else content), "binary/octet-stream"
        return None


def _metadata(wheel: bytes) -> bytes:
    with zipfile.ZipFile(io.BytesIO(wheel)) as archive:
        return archive.read(next(name for name in archive.namelist() if name.endswith("METADATA")))


@contextmanager
def serve(indexes: TorchIndex) -> Iterator[str]:
    """Serve the indexes; yield the address of the server."""

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            path = unquote(self.path).lstrip("/")
            indexes.asked.append(path)
            index = next((name for name in indexes.files if path.startswith(f"{name}/")), None)
            found = indexes.find(index, path.removeprefix(f"{index}/")) if index else None
            wanted = indexes.passwords.get(index or "")
            given = self.headers.get("Authorization", "").removeprefix("Basic ")
            if wanted is not None and base64.b64decode(given).decode() != wanted:
                self.send_response(401)
                self.send_header("WWW-Authenticate", 'Basic realm="lab"')
                found = None
            else:
                self.send_response(200 if found else 404)
            if found:
                self.send_header("Content-Type", found[1])
            self.send_header("Content-Length", str(len(found[0]) if found else 0))
            self.end_headers()
            if found and self.command == "GET":
                self.wfile.write(found[0])

        do_HEAD = do_GET

        def log_message(self, *args: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
