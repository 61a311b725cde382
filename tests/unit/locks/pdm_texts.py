"""A `pdm.lock` and its project for the unit tests, with an invented host."""

from __future__ import annotations

from cudapin.core.lock import Pyproject, Source
from cudapin.locks.pdm.hash import content_hash
from cudapin.locks.pdm.lock import PdmLock, parse_pdm_lock
from unit.support import pyproject_of

HASH = "sha256:" + "a" * 64
PROJECT = """\
[project]
name = "demo"
version = "1.0"
requires-python = ">=3.10"
dependencies = ["numpy>=2", "tqdm; sys_platform == 'win32'"]

[project.optional-dependencies]
cu128 = ["torch>=2.9"]

[dependency-groups]
dev = ["ruff"]

[[tool.pdm.source]]
name = "pypi"
url = "https://me:secret@index.example/simple"

[[tool.pdm.source]]
name = "cu128"
url = "https://index.example/cu128/"
include_packages = ["torch"]
"""
LOCK = f"""\
[metadata]
groups = ["default", "cu128", "dev"]
strategy = ["inherit_metadata"]
lock_version = "4.5.1"
content_hash = "sha256:CONTENT"

[[metadata.targets]]
requires_python = ">=3.10"

[[package]]
name = "colour"
version = "0.4"
groups = ["default", "dev"]
marker = "sys_platform == \\"win32\\""
files = [{{file = "colour-0.4-py3-none-any.whl", hash = "{HASH}"}}]

[[package]]
name = "numpy"
version = "2.1.0"
requires_python = ">=3.10"
groups = ["default", "cu128"]
files = [
    {{file = "numpy-2.1.0.tar.gz", hash = "{HASH}"}},
]

[[package]]
name = "ruff"
version = "0.9"
groups = ["dev"]

[[package]]
name = "torch"
version = "2.9.0"
groups = ["cu128"]
dependencies = [
    "numpy; python_version >= \\"3.9\\"",
    "colour; sys_platform == \\"win32\\"",
]
files = [
    {{file = "torch-2.9.0+cu128-cp312-cp312-linux_x86_64.whl", hash = "{HASH}"}},
    {{file = "torch-2.9.0+cu128-cp312-cp312-win_amd64.whl", hash = "{HASH}"}},
]

[[package]]
name = "tqdm"
version = "4.0"
groups = ["default"]
marker = "sys_platform == \\"win32\\""
dependencies = [
    "colour",
]
"""


def hashed(lock: str, project: str, **members: str) -> str:
    """Return the text of a lock with the hash of the project filled in."""
    others = {path.replace("_", "/"): pyproject_of(text) for path, text in members.items()}
    return lock.replace("CONTENT", content_hash(pyproject_of(project), others))


def parse(text: str, project: str | None = PROJECT) -> PdmLock:
    """Parse a text as `pdm.lock`."""
    pyproject: Pyproject | None = None if project is None else pyproject_of(project)
    return parse_pdm_lock(Source(path="pdm.lock", text=text), pyproject)
