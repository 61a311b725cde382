"""A release built by uv: a pure-Python project with three variants, its sdist, and a server for its index."""

from __future__ import annotations

import http.server
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from integration.workbench import Place, requirements_lock, write_files

if TYPE_CHECKING:
    from collections.abc import Iterator

    from integration.workbench import Workbench

VARIANTS = ("cpu", "cu126", "cu128")
PYPROJECT = """\
[build-system]
requires = ["hatchling", "cudapin"]
build-backend = "hatchling.build"

[project]
name = "demo"
version = "1.2"
requires-python = ">=3.9"
dependencies = ["numpy>=1"]

[project.optional-dependencies]
cpu = ["torch>=2.9"]
cu126 = ["torch>=2.9"]
cu128 = ["torch>=2.9"]

[tool.cudapin]
lock = "locks/{variant}.txt"
pin = ["torch"]
guard = "demo/_cudapin.py"
[tool.cudapin.variants.cpu]
[tool.cudapin.variants.cu126]
[tool.cudapin.variants.cu128]

[tool.hatch.metadata.hooks.cudapin]
[tool.hatch.build.hooks.cudapin]
"""


def write_project(folder: Path, pyproject: str = PYPROJECT) -> Path:
    """Write the project, with a lock file for each variant and the stub of the guard."""
    from cudapin.adapters.guard import read_template
    from cudapin.core.guard import render_stub

    command = "uv pip compile pyproject.toml --generate-hashes --extra {0} -o locks/{0}.txt"
    pins = {name: ("numpy==2.0", f"torch==2.9.0+{name}") for name in VARIANTS}
    locks = {
        f"locks/{name}.txt": requirements_lock(
            name, *(f"{pin} # via demo (pyproject.toml)" for pin in pins[name]), command=command.format(name)
        )
        for name in VARIANTS
    }
    write_files(folder, {"pyproject.toml": pyproject, "demo/__init__.py": "", **locks})
    (folder / "demo/_cudapin.py").write_text(render_stub(read_template()), encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def release(workbench: Workbench, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheels of all variants and the sdist, each built by uv."""
    base = tmp_path_factory.mktemp("release")
    project, dist, place = write_project(base / "project"), base / "dist", Place(base / "place")
    for name in VARIANTS:
        assert workbench.build("uv", place, project, dist, name).artefact
    assert workbench.build("uv", place, project, dist, target="sdist").artefact
    (dist / ".gitignore").unlink(missing_ok=True)
    return dist


@dataclass
class Served:
    """The address of a folder, and the path of each request."""

    url: str
    asked: list[str] = field(default_factory=list)
    sends_json: bool = False


@contextmanager
def serve_folder(folder: Path) -> Iterator[Served]:
    """Serve a folder as `python -m http.server` does; with `sends_json`, JSON to whoever asks for it (PEP 691)."""
    served = Served("")

    class Handler(http.server.SimpleHTTPRequestHandler):
        def do_GET(self) -> None:
            served.asked.append(self.path)
            page = Path(folder, self.path.lstrip("/"), "index.json")
            if served.sends_json and page.is_file() and "vnd.pypi.simple.v1+json" in self.headers.get("Accept", ""):
                content = page.read_bytes()
                self.send_response(200)
                self.send_header("Content-Type", "application/vnd.pypi.simple.v1+json")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)
            else:
                super().do_GET()

        def log_message(self, *args: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    served.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield served
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
