"""A project in PyTorch's own pattern, locked by uv from the indexes of the lab, and hatch run in it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from integration.torch_index import TorchIndex, serve
from integration.workbench import Outcome, Place, write_files

if TYPE_CHECKING:
    from collections.abc import Iterator

PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
VARIANTS = ("cpu", "cu126", "cu128")

PYPROJECT = """
[build-system]
requires = ["hatchling", "cudapin"]
build-backend = "hatchling.build"

[project]
name = "app"
version = "1.0"
requires-python = ">=3.10"
dependencies = ["helper>=1"]
[project.optional-dependencies]
cpu = ["torch>=2.9"]
cu126 = ["torch>=2.9"]
cu128 = ["torch>=2.9"]

[tool.uv]
conflicts = [[{{ extra = "cpu" }}, {{ extra = "cu126" }}, {{ extra = "cu128" }}]]
[tool.uv.sources]
torch = [
  {{ index = "torch-cpu", extra = "cpu" }},
  {{ index = "torch-cu126", extra = "cu126" }},
  {{ index = "torch-cu128", extra = "cu128" }},
]
[[tool.uv.index]]
name = "lab"
url = "{url}/simple"
default = true
[[tool.uv.index]]
name = "torch-cpu"
url = "{url}/whl/cpu"
explicit = true
[[tool.uv.index]]
name = "torch-cu126"
url = "{url}/whl/cu126"
explicit = true
[[tool.uv.index]]
name = "torch-cu128"
url = "{url}/whl/cu128"
explicit = true

[tool.hatch.metadata.hooks.cudapin]
[tool.hatch.build.hooks.custom]
[tool.hatch.build.hooks.cudapin]
[tool.hatch.build.targets.wheel]
packages = ["src/app"]

[tool.hatch.env.collectors.cudapin]
[tool.hatch.envs.hatch-test]
installer = "{installer}"
dependencies = ["tool"]
scripts.run = "python check.py {{args}}"
{options}
[[tool.hatch.envs.hatch-test.matrix]]
python = ["{python}"]

[tool.cudapin.variants.cpu]
[tool.cudapin.variants.cu126]
[tool.cudapin.variants.cu128]
{more}
"""
HATCH_BUILD = """
import os, pathlib, tempfile
from hatchling.builders.hooks.plugin.interface import BuildHookInterface

class Made(BuildHookInterface):
    def initialize(self, version, build_data):
        if self.target_name == "wheel" and version != "editable":
            made = pathlib.Path(tempfile.mkdtemp(), "_built.py")
            made.write_text(f"VARIANT = {os.environ.get('CUDAPIN_VARIANT')!r}\\n")
            build_data["force_include"][str(made)] = "app/_built.py"
"""
CHECK = """
import importlib.metadata, json, os, sys
import app, app._built

def version(name):
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None

def origin(name):
    try:
        return __import__(name).ORIGIN
    except ImportError:
        return None

print("FOUND " + json.dumps({
    "cell": os.environ.get("CUDAPIN_CELL"), "variant": os.environ.get("CUDAPIN_VARIANT"),
    "cuda": os.environ.get("CUDAPIN_CUDA_VERSION"), "lock": os.environ.get("CUDAPIN_LOCK_VERDICT"),
    "built": app._built.VARIANT, "text": app.TEXT, "app": version("app"), "prefix": sys.prefix,
    "torch": version("torch"), "origin": origin("torch"), "helper": version("helper"), "tool": version("tool"),
    "base": version("base"), "extra": version("extra-tool"), "user": os.environ.get("USERS_OWN"),
}))
sys.exit(int(os.environ.get("CHECK_EXIT", "0")) if os.environ.get("CHECK_FAILS") == app._built.VARIANT else 0)
"""


def fill(index: TorchIndex) -> None:
    """Add what the project is locked from, what the index of PyTorch has beside it, and the tools."""
    for name in VARIANTS:
        index.add(f"whl/{name}", "torch", f"2.9.0+{name}", ("base",))
    for version in ("1.0", "1.1"):
        index.add("simple", "helper", version)
    index.add("simple", "base", "3.0")
    index.add("simple", "tool", "5.0", ("base",))
    index.add("simple", "extra-tool", "7.0")


@dataclass
class App:
    """The project in a place of its own, with the settings of its user."""

    root: Path
    place: Place
    url: str
    settings: dict[str, str]
    options: str = ""
    more: str = ""
    installer: str = "uv"
    found: list[dict[str, Any]] = field(default_factory=list)

    def write(self, **changes: str) -> None:
        """Write the project; `changes` replace a text of its `pyproject.toml` by another."""
        text = PYPROJECT.format(
            url=self.url, installer=self.installer, python=PYTHON, options=self.options, more=self.more
        )
        for old, new in changes.items():
            assert old in text
            text = text.replace(old, new)
        write_files(
            self.root,
            {
                "pyproject.toml": text,
                "hatch_build.py": HATCH_BUILD,
                "check.py": CHECK,
                "src/app/__init__.py": "TEXT = 'one'\n",
                "tests/test_nothing.py": "",
            },
        )

    def lock(self) -> None:
        """Lock with uv."""
        done = self.run("uv", "lock")
        assert done.code == 0, done.output

    def run(self, tool: str, *arguments: str, cwd: Path | None = None, **settings: str) -> Outcome:
        """Run a tool as a user of the project does."""
        done = subprocess.run(
            [sys.executable, "-m", tool, *arguments],
            cwd=cwd or self.root,
            env=self.environment(**settings),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            timeout=120,
            check=False,
        )
        self.found = [json.loads(line[6:]) for line in done.stdout.splitlines() if line.startswith("FOUND ")]
        assert "Traceback" not in done.stdout, done.stdout
        return Outcome(done.returncode, done.stdout, ())

    def hatch(self, *arguments: str, **settings: str) -> Outcome:
        """Run hatch."""
        return self.run("hatch", *arguments, **settings)

    def passes(self, *arguments: str, **settings: str) -> list[dict[str, Any]]:
        """Run hatch, which has to succeed, and return what its cells found."""
        done = self.hatch(*arguments, **settings)
        assert done.code == 0, done.output
        return self.found

    def environment(self, **settings: str) -> dict[str, str]:
        """Return the variables that the user's shell has."""
        variables = {**self.place.environment(), **self.settings, **settings}
        return {name: value for name, value in variables.items() if value}

    def cell(self, variant: str) -> Path:
        """Return the directory of a cell."""
        (found,) = (self.place.folder / "hatch-data" / "env" / "cudapin" / "app").glob(
            f"*/hatch-test.py{PYTHON}-{variant}"
        )
        return found

    def site(self, variant: str) -> Path:
        """Return where the packages of a cell lie."""
        return self.cell(variant) / "lib" / f"python{PYTHON}" / "site-packages"

    def snapshot(self, variant: str) -> dict[str, tuple[int, int]]:
        """Return size and time of every file of a cell."""
        root = self.cell(variant)
        return {
            str(path.relative_to(root)): (path.stat().st_size, path.stat().st_mtime_ns)
            for path in sorted(root.rglob("*"))
            if path.is_file() and "__pycache__" not in path.parts
        }

    @property
    def cells(self) -> list[str]:
        """The names of all environments that exist."""
        data = self.place.folder / "hatch-data" / "env"
        return sorted(path.parent.name for path in data.glob("cudapin*/app/*/*/pyvenv.cfg"))


def user_settings(url: str, wheelhouse: Path, cache: Path) -> dict[str, str]:
    """Return a user's settings: the lab's default index, and a folder with what builds need."""
    return {
        "PATH": f"{Path(sys.executable).resolve().parent}{os.pathsep}{os.environ['PATH']}",
        "UV_DEFAULT_INDEX": f"{url}/simple",
        "UV_FIND_LINKS": str(wheelhouse),
        "UV_CACHE_DIR": str(cache),
        "UV_PYTHON_DOWNLOADS": "never",
        "UV_NO_SYSTEM_CONFIG": "1",
        "PIP_INDEX_URL": f"{url}/simple",
        "PIP_FIND_LINKS": str(wheelhouse),
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    }


@pytest.fixture
def index() -> TorchIndex:
    """The indexes that the project is locked from."""
    found = TorchIndex()
    fill(found)
    return found


@pytest.fixture
def url(index: TorchIndex) -> Iterator[str]:
    """The address of their server."""
    with serve(index) as address:
        yield address


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The cache of uv, shared by all tests of a session."""
    return tmp_path_factory.mktemp("uv-cache")


@pytest.fixture
def app(url: str, tmp_path: Path, place: Place, wheelhouse: Path, cache: Path) -> App:
    """The project, locked."""
    found = App(tmp_path / "app", place, url, user_settings(url, wheelhouse, cache))
    found.write()
    found.lock()
    return found
