"""A package index on 127.0.0.1 that takes uploads and keeps what each form says."""

from __future__ import annotations

import base64
import email
import http.server
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from email.message import Message


@dataclass
class Uploads:
    """The address for uploads, and each form that came: its fields, the file's name and its bytes."""

    url: str = ""
    forms: list[dict[str, list[str]]] = field(default_factory=list)
    files: dict[str, bytes] = field(default_factory=dict)
    users: set[str] = field(default_factory=set)

    def form(self, filename: str) -> dict[str, list[str]]:
        """Return the only form that came with a file."""
        (form,) = [one for one in self.forms if one["filename"] == [filename]]
        return form

    def take(self, message: Message) -> None:
        """Keep one form."""
        form: dict[str, list[str]] = {}
        parts: Any = message.get_payload()
        for part in parts:
            name = part.get_param("name", header="content-disposition")
            content = part.get_payload(decode=True)
            if name == "content":
                form["filename"] = [part.get_filename()]
                self.files[part.get_filename()] = content
            else:
                form.setdefault(name, []).append(content.decode())
        self.forms.append(form)


@contextmanager
def serve_uploads() -> Iterator[Uploads]:
    """Serve an index that takes whatever is uploaded with a user and password."""
    uploads = Uploads()

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            given = self.headers.get("Authorization", "").removeprefix("Basic ")
            if given:
                uploads.users.add(base64.b64decode(given).decode())
                head = f"Content-Type: {self.headers['Content-Type']}\n\n".encode()
                uploads.take(email.message_from_bytes(head + body))
            self.send_response(200 if given else 401)
            self.send_header("WWW-Authenticate", 'Basic realm="lab"')
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *args: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    uploads.url = f"http://127.0.0.1:{server.server_address[1]}/upload/"
    try:
        yield uploads
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
