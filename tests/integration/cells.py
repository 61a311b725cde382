"""Cells of `hatch test`: an example for this Python, and an index on 127.0.0.1 with all that is installed."""

from __future__ import annotations

import functools
import hashlib
import html
import http.server
import json
import os
import re
import subprocess
import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from integration.workbench import copy_example

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from integration.workbench import Outcome, Place, Workbench

PYTHON = ".".join(map(str, sys.version_info[:2]))


def download_test_tools(folder: Path) -> Path:
    """Download pytest and what else hatch installs for tests, from the index that the user's pip is configured for."""
    from hatch.env.internal.test import get_default_config

    command = [sys.executable, "-m", "pip", "download", "--quiet", "--only-binary", ":all:", "--dest", folder]
    subprocess.run([*command, *get_default_config()["dependencies"]], check=True, timeout=300)
    return folder


def write_pages(folder: Path, wheels: Iterable[Path]) -> None:
    """Write the pages of a package index into a folder, with links to wheels below the folder's parent."""
    links: dict[str, list[str]] = {}
    for wheel in sorted(wheels):
        digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
        address = f"../../{wheel.relative_to(folder.parent).as_posix().replace('+', '%2B')}#sha256={digest}"
        name = re.sub(r"[-_.]+", "-", wheel.name.partition("-")[0]).lower()
        links.setdefault(name, []).append(f'<a href="{html.escape(address)}">{wheel.name}</a><br>')
    for name, lines in links.items():
        (folder / name).mkdir(parents=True, exist_ok=True)
        page = f"<!DOCTYPE html>\n<html><body>\n{chr(10).join(lines)}\n</body></html>\n"
        (folder / name / "index.html").write_text(page, encoding="utf-8")


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """Serve a folder on 127.0.0.1; yield the address."""

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *args: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def copy_for_cells(name: str, target: Path) -> Path:
    """Copy an example and give its tests one Python, this one."""
    project = copy_example(name, target)
    matrix = f'\n[[tool.hatch.envs.hatch-test.matrix]]\npython = ["{PYTHON}"]\n'
    with (project / "pyproject.toml").open("a", encoding="utf-8") as file:
        file.write(matrix)
    return project


def cell(variant: str) -> str:
    """Return the name of a variant's cell."""
    return f"hatch-test.py{PYTHON}-{variant}"


def online(workbench: Workbench) -> dict[str, str]:
    """Return the settings for uv with a network: what it learns there must not be known to tests without one."""
    return {"UV_OFFLINE": "0", "UV_CACHE_DIR": f"{workbench.uv_cache}-online"}


def hatch(workbench: Workbench, place: Place, index: str, project: Path, *arguments: str, **settings: str) -> Outcome:
    """Run hatch in a project, without any GPU; `index` is the user's own."""
    no_gpu = {"CUDAPIN_DRIVER_VERSION": "", "CUDAPIN_GPU_ARCH": ""}
    own = {**online(workbench), "UV_FIND_LINKS": "", "UV_DEFAULT_INDEX": index, **no_gpu, **settings}
    return workbench.run(place, sys.executable, "-m", "hatch", *arguments, cwd=project, **own)


def network() -> dict[str, str]:
    """Return what the caller's own installers need to reach the default index: certificates and proxies."""
    kept = ("SSL_CERT_FILE", "SSL_CERT_DIR", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")
    return {name: value for name, value in os.environ.items() if name.upper() in kept}


def read_report(path: Path) -> dict[str, Any]:
    """Return the report of a run."""
    found = json.loads(path.read_text(encoding="utf-8"))
    assert isinstance(found, dict)
    return found
