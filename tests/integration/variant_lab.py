"""Labelled wheels as `cudapin build --label` makes them, an index that serves a folder of them, and uv before it."""

from __future__ import annotations

import hashlib
import http.server
import io
import json
import os
import platform
import subprocess
import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote

from cudapin import __version__
from cudapin.core.binary import read_binary
from cudapin.core.compiled import Binary, binary_objects
from elves import CUBIN, PTX, Entry, make_elf, make_fatbin
from whl import write_wheel

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

MACHINE = platform.machine()
PYTHON = f"cp{sys.version_info[0]}{sys.version_info[1]}"
LINUX = f"manylinux_2_17_{MACHINE}"
COMPILED = f"{PYTHON}-{PYTHON}-{LINUX}"
_SIMPLE = "application/vnd.pypi.simple.v1+json"


def make_extension(cuda: str | None, arch: tuple[str, ...]) -> bytes:
    """Return a shared library that links a CUDA runtime and carries device code."""
    entries = [
        Entry(
            kind=PTX if kind == "compute" else CUBIN, arch=int(number), version=(7, 0) if kind == "compute" else (1, 8)
        )
        for kind, number in (name.split("_") for name in arch)
    ]
    needed = (f"libcudart.so.{'11.0' if cuda[:2] == '11' else cuda[:2]}",) if cuda else ()
    return make_elf(needed=needed, fatbins={".nv_fatbin": make_fatbin(*entries)})


def make_variant(folder: Path, variant: str, cuda: str | None, *arch: str, tag: str | None = None, **more: Any) -> Path:
    """Write the plain wheel of a variant; with `arch` it has a compiled file that carries them."""
    tag = tag or (COMPILED if arch else f"py3-none-{LINUX if cuda else 'any'}")
    files = {"demo/__init__.py": f"VARIANT = {variant!r}\n".encode()}
    binaries = []
    if arch:
        files["demo/_ext.so"] = make_extension(cuda, arch)
        binaries.append(Binary(path="demo/_ext.so", info=read_binary(io.BytesIO(files["demo/_ext.so"]))))
    record = {"schema": 1, "cudapin": __version__, "variant": variant, "cuda": cuda, "driver": None, "arch": []}
    record |= {"spelling": "none", "binaries": binary_objects(binaries), "waived": [], "settings": {}, **more}
    runtime = (f"nvidia-cuda-runtime-cu{cuda[:2]}",) if cuda else ()
    return write_wheel(folder, files, name=f"demo-1.0-{tag}.whl", requires=runtime, record=json.dumps(record))


@contextmanager
def serve_folder(folder: Path) -> Iterator[str]:
    """Serve all files of a folder: an index in HTML below `/html/`, one in JSON below `/json/`, `/links/` with all."""

    def page(kind: str, name: str | None) -> tuple[bytes, str]:
        found = sorted(path for path in folder.iterdir() if path.is_file())
        files = [path for path in found if name in (None, path.name.partition("-")[0].replace("_", "-"))]
        digests = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
        if kind == "json":
            listed = [
                {"filename": file, "url": f"/files/{quote(file)}", "hashes": {"sha256": digest}}
                for file, digest in digests.items()
            ]
            return json.dumps({"meta": {"api-version": "1.0"}, "name": name, "files": listed}).encode(), _SIMPLE
        links = [f'<a href="/files/{quote(file)}#sha256={digest}">{file}</a>' for file, digest in digests.items()]
        return f"<!DOCTYPE html><html><body>{''.join(links)}</body></html>".encode(), "text/html"

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = [unquote(part) for part in self.path.partition("?")[0].split("/") if part]
            if parts == ["links"] or (len(parts) == 2 and parts[0] in ("html", "json")):
                self._answer(*page(parts[0], parts[1] if parts[1:] else None))
            elif len(parts) == 2 and parts[0] == "files" and (folder / parts[1]).is_file():
                self._answer((folder / parts[1]).read_bytes(), "application/octet-stream")
            else:
                self.send_error(404)

        do_HEAD = do_GET

        def _answer(self, content: bytes, kind: str) -> None:
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(content)

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


def installer_environment(home: Path, **settings: str) -> dict[str, str]:
    """Return an environment without settings of the caller's installers."""
    kept = {name: os.environ[name] for name in ("PATH", "PYENV_ROOT", "SYSTEMROOT") if name in os.environ}
    return {
        **kept,
        "HOME": str(home),
        "UV_CACHE_DIR": str(home / "uv-cache"),
        "UV_NO_SYSTEM_CONFIG": "1",
        "UV_PYTHON_DOWNLOADS": "never",
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PIP_NO_CACHE_DIR": "1",
        "NO_COLOR": "1",
        **settings,
    }


def machine_of(driver: str | None, gpu: str | None) -> dict[str, str]:
    """Return what makes uv's provider see a driver of that CUDA version and that GPU; None: there is none."""
    found = {"NV_VARIANT_PROVIDER_FORCE_CUDA_DRIVER_VERSION": driver, "NV_VARIANT_PROVIDER_FORCE_SM_ARCH": gpu}
    return {name: value for name, value in found.items() if value is not None}


def run(home: Path, *command: str | Path, **settings: str) -> str:
    """Run an installer, which has to succeed."""
    done = subprocess.run(
        [sys.executable, "-m", *map(str, command)],
        env=installer_environment(home, **settings),
        cwd=home,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def uv_install(
    home: Path, target: Path, source: tuple[str, ...], settings: Mapping[str, str], *options: str, preview: bool = True
) -> str:
    """Install `demo`; return the label of what was taken, "" for the ordinary wheel."""
    flags = ("--preview-features", "wheel-variants") if preview else ()
    run(home, "uv", "pip", "install", *flags, *options, "--target", target, *source, "demo", **settings)
    return installed_label(target)


def installed_label(target: Path) -> str:
    """Return the label of the `demo` that is installed in a folder, "" for an ordinary wheel."""
    found = [*target.glob("demo-*.dist-info/variant.json")]
    return next(iter(json.loads(found[0].read_text(encoding="utf-8"))["variants"])) if found else ""
