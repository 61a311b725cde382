"""A tiny world for lock tools: wheels made from text, package indexes on 127.0.0.1, projects, and edits of them."""

from __future__ import annotations

import copy
import hashlib
import http.server
import io
import json
import os
import subprocess
import sys
import threading
import zipfile
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

Table = dict[str, Any]

UV = [sys.executable, "-m", "uv"]


def make_wheel(name: str, version: str, requires: tuple[str, ...] = (), extras: tuple[str, ...] = ()) -> bytes:
    """Return an installable wheel without any module."""
    info = f"{name.replace('-', '_')}-{version}.dist-info"
    lines = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}", "Requires-Python: >=3.8"]
    lines += [f"Requires-Dist: {item}" for item in requires] + [f"Provides-Extra: {item}" for item in extras]
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as wheel:
        for path, text in (
            ("METADATA", "\n".join(lines) + "\n"),
            ("WHEEL", "Wheel-Version: 1.0\nGenerator: lab\nRoot-Is-Purelib: true\nTag: py3-none-any\n"),
            ("RECORD", ""),
        ):
            wheel.writestr(zipfile.ZipInfo(f"{info}/{path}", (2020, 1, 1, 0, 0, 0)), text)
    return buffer.getvalue()


def _metadata(wheel: bytes) -> bytes:
    with zipfile.ZipFile(io.BytesIO(wheel)) as archive:
        return archive.read(next(name for name in archive.namelist() if name.endswith("METADATA")))


class Index:
    """The files of one package index: add wheels, then serve."""

    def __init__(self) -> None:
        self.files: dict[str, dict[str, tuple[bytes, str]]] = {}

    def add(
        self,
        name: str,
        *versions: str,
        requires: tuple[str, ...] = (),
        extras: tuple[str, ...] = (),
        day: str = "2024-01-15",
    ) -> None:
        """Add one wheel for each version, uploaded on that day."""
        for version in versions:
            file_name = f"{name.replace('-', '_')}-{version}-py3-none-any.whl"
            self.files.setdefault(name, {})[file_name] = (make_wheel(name, version, requires, extras), day)

    def page(self, name: str) -> bytes:
        """Return the page of a project in the JSON form of the simple API (PEP 691, PEP 700)."""
        files = [
            {
                "filename": file_name,
                "url": f"../../files/{file_name.replace('+', '%2B')}",
                "hashes": {"sha256": hashlib.sha256(data).hexdigest()},
                "size": len(data),
                "upload-time": f"{day}T12:00:00Z",
                "requires-python": ">=3.8",
                "core-metadata": True,
            }
            for file_name, (data, day) in self.files[name].items()
        ]
        return json.dumps({"meta": {"api-version": "1.1"}, "name": name, "versions": [], "files": files}).encode()

    def find(self, path: str) -> tuple[bytes, str] | None:
        """Return body and type of what stands at a path below the index."""
        parts = [part for part in path.split("/") if part]
        if len(parts) == 2 and parts[0] == "simple" and parts[1] in self.files:
            return self.page(parts[1]), "application/vnd.pypi.simple.v1+json"
        if len(parts) == 2 and parts[0] == "files":
            name = parts[1].replace("%2B", "+")
            for files in self.files.values():
                if name.removesuffix(".metadata") in files:
                    wheel = files[name.removesuffix(".metadata")][0]
                    return _metadata(wheel) if name.endswith(".metadata") else wheel, "application/octet-stream"
        return None


@contextmanager
def serve(indexes: Mapping[str, Index]) -> Iterator[str]:
    """Serve each index below its name; yield the address of the server."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            head, _, rest = self.path.lstrip("/").partition("/")
            found = indexes[head].find(rest) if head in indexes else None
            self.send_response(200 if found else 404)
            if found:
                self.send_header("Content-Type", found[1])
                self.send_header("Content-Length", str(len(found[0])))
            self.end_headers()
            if found and self.command == "GET":
                self.wfile.write(found[0])

        do_HEAD = do_GET

        def log_message(self, *args: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def run_uv(directory: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run uv in a directory, with no configuration but the project's own."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("UV_", "PIP_", "VIRTUAL_ENV"))}
    environment = {
        **kept,
        "UV_CACHE_DIR": str(directory.parent / "uv-cache"),
        "UV_NO_SYSTEM_CONFIG": "1",
        "XDG_CONFIG_HOME": str(directory.parent / "no-config"),
        "UV_PYTHON": sys.executable,
        "UV_PYTHON_DOWNLOADS": "never",
        "NO_COLOR": "1",
        "TZ": "UTC",
    }
    return subprocess.run(
        [*UV, *arguments], cwd=directory, env=environment, capture_output=True, text=True, timeout=120, check=False
    )


BACKEND = """
import pathlib, tomllib

def _metadata(folder):
    project = tomllib.loads(pathlib.Path("pyproject.toml").read_text())["project"]
    lines = ["Metadata-Version: 2.3", f"Name: {project['name']}", f"Version: {project.get('version', '7')}"]
    lines += [f"Dynamic: {field}" for field in project.get("dynamic", ())]
    lines += [f"Requires-Python: {project['requires-python']}"] if "requires-python" in project else []
    lines += [f"Requires-Dist: {text}" for text in project.get("dependencies", ())]
    for extra, texts in project.get("optional-dependencies", {}).items():
        lines.append(f"Provides-Extra: {extra}")
        lines += [f"Requires-Dist: {text}{' and' if ';' in text else ';'} extra == '{extra}'" for text in texts]
    info = pathlib.Path(folder, f"{project['name']}-7.dist-info")
    info.mkdir()
    (info / "METADATA").write_text("\\n".join(lines) + "\\n")
    (info / "WHEEL").write_text("Wheel-Version: 1.0\\nGenerator: lab\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
    return info.name

def prepare_metadata_for_build_wheel(folder, settings=None):
    return _metadata(folder)

prepare_metadata_for_build_editable = prepare_metadata_for_build_wheel

def get_requires_for_build_wheel(settings=None):
    return []

get_requires_for_build_editable = get_requires_for_build_wheel

def build_wheel(folder, settings=None, metadata=None):
    raise SystemExit("not needed")

build_editable = build_wheel
"""


def toml(value: object) -> str:
    """Return a value as inline TOML."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{json.dumps(key)} = {toml(item)}" for key, item in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(toml, value)) + "]"
    return json.dumps(value)


def document(table: Mapping[str, Any]) -> str:
    """Return a table as a TOML file, one line for each key of its second level."""
    lines: list[str] = []
    for name, value in table.items():
        lines.append(f"[{name}]")
        lines += [f"{json.dumps(key)} = {toml(item)}" for key, item in value.items()]
    return "\n".join(lines) + "\n"


def write_project(directory: Path, files: Mapping[str, Table]) -> None:
    """Write each table as `<key>/pyproject.toml`."""
    for place, table in files.items():
        (directory / place).mkdir(parents=True, exist_ok=True)
        (directory / place / "pyproject.toml").write_text(document(table), encoding="utf-8")
        (directory / place / "lab_backend.py").write_text(BACKEND, encoding="utf-8")


def edits(table: Table) -> Iterator[tuple[str, Table]]:
    """Yield a label and an edited copy, for every value in the table and every kind of edit that fits it."""
    for path in _paths(table, ()):
        for label, value in _variants(_get(table, path), path):
            edited = copy.deepcopy(table)
            parent = _get(edited, path[:-1])
            if value is _DROP:
                del parent[path[-1]]
            else:
                parent[path[-1]] = value
            yield f"{'.'.join(map(str, path))}: {label}", edited


_DROP = object()


def _paths(value: Any, prefix: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield (*prefix, key)
        yield from _paths(item, (*prefix, key))


def _get(value: Any, path: tuple[Any, ...]) -> Any:
    for key in path:
        value = value[key]
    return value


def _variants(value: Any, path: tuple[Any, ...]) -> Iterator[tuple[str, Any]]:
    yield "dropped", _DROP
    if isinstance(value, list) and value:
        yield "doubled", [*value, value[-1]]
        if len(value) > 1:
            yield "reversed", value[::-1]
    if isinstance(value, bool):
        yield "flipped", not value
    if isinstance(value, str):
        yield from _texts(value, path)


def _texts(value: str, path: tuple[Any, ...]) -> Iterator[tuple[str, str]]:
    key = next((part for part in reversed(path) if isinstance(part, str)), "")
    if "dependencies" in path or "dependency" in key or "groups" in str(path) or "requires-dist" in path:
        name, semicolon, marker = value.partition(";")
        yield "upper case", value[:1].upper() + value[1:]
        yield "spaces", f" {name.strip()} {semicolon} {marker.strip()} ".replace(">=", " >= ")
        yield "tighter", f"{name.strip()}{',' if name.strip()[-1:].isdigit() else ''}>=1.0.0{semicolon}{marker}"
        yield "bounded", f"{name.strip()}{',' if name.strip()[-1:].isdigit() else ''}<9{semicolon}{marker}"
        yield (
            "trivial marker",
            f"{value} and python_version >= '3.6'" if marker else f"{value}; python_version >= '3.6'",
        )
        yield "windows only", f"{name}; sys_platform == 'win32'"
        yield "never", f"{name}; python_version < '3.6'"
        yield "zeros", value.replace("1.0", "1.0.0") if "1.0.0" not in value else value.replace("1.0.0", "1.0")
        yield "other package", value.replace("alpha", "gamma") if "alpha" in value else "alpha"
    elif key in {"requires-python", "version"}:
        yield "zero added", f"{value}.0"
        yield "other", value.replace("3.10", "3.11") if "3.10" in value else "7.7"
        yield "bounded", f"{value},<4"
    elif key == "marker" or "environments" in path:
        yield "quotes", value.replace("'", '"')
        yield "other", "sys_platform == 'aix'"
        yield "negated", value.replace("==", "!=")
        yield "system", value.replace("sys_platform == 'linux'", "platform_system == 'Linux'")
    elif key == "url":
        yield "slash", value + "/"
        yield "credentials", value.replace("://", "://me:secret@")
    elif key == "name":
        yield "upper case", value.upper()
        yield "other", value + "x"
    elif key in {"resolution", "prerelease", "fork-strategy"}:
        options = (
            "highest",
            "lowest",
            "lowest-direct",
            "allow",
            "disallow",
            "if-necessary",
            "fewest",
            "requires-python",
        )
        yield from ((option, option) for option in options)
