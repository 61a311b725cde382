"""The runtime guard in wheels that front ends built, in real environments with packages that fit and that do not."""

from __future__ import annotations

import os
import subprocess
import sys
import zipapp
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from cudapin.guard import stub_text
from integration.workbench import FRONTENDS, Place, make_wheel, requirements_lock, unpack, write_files

if TYPE_CHECKING:
    from collections.abc import Callable

    from integration.workbench import FrontendName, Outcome, Workbench

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(sys.platform != "linux", reason="the platform tags are those of Linux"),
]

PYENV = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
PYTHONS = {version: sorted(PYENV.glob(f"{version}.*/bin/python")) for version in ("3.8", "3.9", "3.10", "3.12", "3.13")}
PYPROJECT = """\
[build-system]
requires = ["hatchling", "cudapin"]
build-backend = "hatchling.build"

[project]
name = "demo"
version = "1.0"

[dependency-groups]
cu126 = ["nvidia-cuda-runtime-cu12", "torch"]
cpu = []

[tool.hatch.build.targets.wheel]
packages = ["src/demo"]

[tool.hatch.build.hooks.cudapin]

[tool.cudapin]
guard = "src/demo/_cudapin.py"
lock = "locks/{variant}.txt"

[tool.cudapin.variants.cpu]
[tool.cudapin.variants.cu126]
arch = ["9.0"]
"""
FILES = {
    "src/demo/__init__.py": "from demo._cudapin import check\n\ncheck()\n",
    "src/demo/_cudapin.py": stub_text(),
    "locks/cpu.txt": requirements_lock("cpu"),
    "locks/cu126.txt": requirements_lock("cu126", "nvidia-cuda-runtime-cu12==12.6.77", "torch==2.9.0+cu126"),
}
MADE = (
    ("torch", "2.9.0+cu126"),
    ("torch", "2.9.0+cu130"),
    ("torch", "2.9.0"),
    ("cupy-cuda12x", "13.4.0"),
    ("cupy-cuda13x", "14.2.0"),
    ("jax-cuda12-plugin", "0.10.2"),
    ("jax-cuda13-plugin", "0.10.2"),
)
WRONG = "_cudapin.CudaMismatchError: what is installed is of another CUDA than demo 1.0+cu126"


def source(folder: Path) -> Path:
    return write_files(folder, {"pyproject.toml": PYPROJECT, **FILES})


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Wheels of made-up packages that carry the names of real ones; the plain torch says its CUDA in a file."""
    folder = tmp_path_factory.mktemp("made")
    for name, version in MADE:
        cuda = "'13.2'" if version == "2.9.0" else "None"
        text = f"from typing import Optional\n\n__version__ = '{version}'\ncuda: Optional[str] = {cuda}\n"
        files = {"torch/version.py": text, "torch/__init__.py": "1 / 0\n"} if name == "torch" else {}
        make_wheel(folder, name, version, files)
    return folder


@pytest.fixture(scope="module")
def bench(workbench: Workbench, made: Path) -> Workbench:
    return type(workbench)(workbench.wheelhouse, workbench.uv_cache, (made,))


@pytest.fixture(scope="module")
def wheels(bench: Workbench, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("built")
    project = source(folder / "project")
    return {
        name: bench.build("uv", Place(folder / "place"), project, folder / "out", name).artefact
        for name in ("cpu", "cu126")
    }


def test_the_same_bytes_from_every_front_end(bench: Workbench, tmp_path: Path) -> None:
    """From tree and sdist, in folders of different names; so is the whole wheel."""
    first = source(tmp_path / "project")
    sdist = bench.build("uv", Place(tmp_path / "first"), first, tmp_path / "sdist", target="sdist").artefact

    def job(frontend: FrontendName, origin: str) -> Outcome:
        own = tmp_path / f"{origin}-{frontend}"
        project = source(own / "a") if origin == "tree" else unpack(sdist, own / "unpacked")
        if origin == "sdist":
            assert (project / "src/demo/_cudapin.py").read_text() == stub_text()
        return bench.build(frontend, Place(own / "place"), project, own / "out", "cu126")

    jobs = [(frontend, origin) for frontend in FRONTENDS for origin in ("tree", "sdist")]
    with ThreadPoolExecutor(max_workers=2) as pool:
        built = [outcome.wheel for outcome in pool.map(lambda item: job(*item), jobs)]
    assert all(wheel.faults() == [] for wheel in built)
    modules = {wheel.members["demo/_cudapin.py"] for wheel in built}
    assert len(modules) == 1
    assert len({wheel.sha256 for wheel in built}) == 1
    text = modules.pop().decode()
    assert str(tmp_path) not in text
    assert text.splitlines()[0].endswith(" for demo 1.0+cu126. Do not edit.")


class Env:
    """An environment that packages are put into and taken out of."""

    def __init__(self, bench: Workbench, folder: Path) -> None:
        self.bench, self.place, self.home = bench, Place(folder / "place"), folder / "venv"
        self._uv("venv", "--python", sys.executable, self.home)

    def _uv(self, *command: str | Path) -> None:
        done = self.bench.run(self.place, sys.executable, "-m", "uv", *command)
        assert done.code == 0, done.output

    def change(self, *packages: str | Path, remove: tuple[str, ...] = ()) -> Env:
        """Remove packages, then install others without what they require."""
        if remove:
            self._uv("pip", "uninstall", "--python", self.home, *remove)
        self._uv("pip", "install", "--python", self.home, "--no-deps", *packages)
        return self

    def run(self, code: str = "import demo", **settings: str) -> str:
        """Return the last three lines that Python prints, "" for none; the code runs from another folder."""
        done = self.bench.run(self.place, self.home / "bin" / "python", "-I", "-c", code, **settings)
        assert (done.code == 0) == ("Error" not in done.output), done.output
        return "\n".join(done.output.splitlines()[-3:])


def test_packages_that_fit_and_that_do_not(bench: Workbench, wheels: dict[str, Path], tmp_path: Path) -> None:
    """The runtimes are NVIDIA's own wheels; all else is made up, and would fail if it were imported."""
    env = Env(bench, tmp_path).change(wheels["cu126"])
    assert env.run() == ""
    env.change("nvidia-cuda-runtime==13.0.96")
    assert env.run() == (
        f"demo.{WRONG}\n"
        "  why: wanted CUDA 12.6, found nvidia-cuda-runtime 13.0.96 (CUDA 13.0)\n"
        '  fix: python -m pip install "nvidia-cuda-runtime-cu12==12.6.77"'
    )
    env.change("nvidia-cuda-runtime-cu12==12.9.79")  # beside the other one, as pip would have it
    assert env.run() == ""
    env.change("torch==2.9.0+cu130")
    assert env.run() == (
        f"demo.{WRONG}\n"
        "  why: wanted CUDA 12.6, found torch 2.9.0+cu130 (CUDA 13.0)\n"
        '  fix: python -m pip install "torch==2.9.0+cu126" --index-url https://download.pytorch.org/whl/cu126'
    )
    env.change("torch==2.9.0+cu126", "cupy-cuda12x==13.4.0", "jax-cuda12-plugin")
    assert env.run() == ""
    env.change("cupy-cuda13x==14.2.0", "jax-cuda13-plugin", remove=("cupy-cuda12x", "jax-cuda12-plugin"))
    assert env.run() == (
        f"demo.{WRONG}\n"
        "  why: wanted CUDA 12.6, found cupy-cuda13x 14.2.0 (CUDA 13), jax-cuda13-plugin 0.10.2 (CUDA 13)\n"
        "  fix: python -m pip uninstall -y cupy-cuda13x jax-cuda13-plugin; python -m pip install --force-reinstall"
        ' cupy-cuda12x; python -m pip install "jax[cuda12]"'
    )
    assert env.run(CUDAPIN_GUARD="off", PYTHONWARNINGS="error") == ""


def test_a_torch_that_says_its_cuda_in_a_file(bench: Workbench, wheels: dict[str, Path], tmp_path: Path) -> None:
    env = Env(bench, tmp_path).change(wheels["cu126"], make_wheel(tmp_path, "torch", "2.9.0", {"torch/x.py": ""}))
    assert env.run() == ""
    (Path(env.run("import demo; print(demo.__file__)")).parents[1] / "torch" / "version.py").write_text("cuda = '13.2'")
    assert "found torch 2.9.0 (CUDA 13.2)" in env.run()


def test_a_wheel_without_cuda_and_an_editable(bench: Workbench, wheels: dict[str, Path], tmp_path: Path) -> None:
    """The first is always fine; the other one has the stub, which wants one CUDA for all."""
    env = Env(bench, tmp_path).change(wheels["cpu"], "torch==2.9.0+cu130", "nvidia-cuda-runtime-cu12==12.9.79")
    assert env.run("import demo; print(demo._cudapin.VARIANT, demo._cudapin.CUDA)") == "cpu None"
    env.change("-e", source(tmp_path / "project"))
    assert env.run("import demo; print(demo._cudapin.VARIANT)") == "None"
    env.change("cupy-cuda12x==13.4.0")
    assert env.run() == (
        "demo._cudapin.CudaMismatchError: the installed CUDA packages are of different CUDA majors\n"
        "  why: wanted one major, found cupy-cuda12x 13.4.0 (CUDA 12), torch 2.9.0+cu130 (CUDA 13.0)\n"
        "  fix: install builds of one CUDA major into this environment"
    )


def test_nothing_heavy_is_imported_and_threads_agree(bench: Workbench, wheels: dict[str, Path], tmp_path: Path) -> None:
    env = Env(bench, tmp_path).change(wheels["cu126"], "torch==2.9.0+cu126", "cupy-cuda12x==13.4.0")
    code = (
        "import sys; before = set(sys.modules); import demo; new = set(sys.modules) - before;"
        "print(sorted(new - {'demo', 'demo._cudapin', '__future__'}));"
        "from concurrent.futures import ThreadPoolExecutor as Pool;"
        "print(set(Pool(16).map(lambda _: demo.check(), range(400))))"
    )
    assert env.run(code) == "[]\n{None}"
    env.change("torch==2.9.0+cu130")
    code = (
        "import os, demo; del os.environ['CUDAPIN_GUARD']\n"
        "def ask(_):\n"
        "    try:\n        demo.check()\n"
        "    except demo._cudapin.CudaMismatchError as error:\n        return str(error)\n"
        "from concurrent.futures import ThreadPoolExecutor as Pool\n"
        "print(len(set(Pool(16).map(ask, range(400)))), 'torch 2.9.0+cu130' in ask(0))"
    )
    assert env.run(code, CUDAPIN_GUARD="off") == "1 True"


def test_in_a_zipapp(bench: Workbench, wheels: dict[str, Path], made: Path, tmp_path: Path) -> None:
    """There is no file system below the module, and packages lie beside the archive."""
    app = tmp_path / "app"
    subprocess.run([sys.executable, "-m", "zipfile", "-e", wheels["cu126"], app], check=True)
    zipapp.create_archive(app, tmp_path / "demo.pyz", main="demo:check")
    place = Place(tmp_path / "place")
    assert bench.run(place, sys.executable, "-S", tmp_path / "demo.pyz").output == ""
    subprocess.run(
        [sys.executable, "-m", "zipfile", "-e", made / "torch-2.9.0+cu130-py3-none-any.whl", app], check=True
    )
    done = bench.run(place, sys.executable, "-S", tmp_path / "demo.pyz", PYTHONPATH=f"{app}:{app}::{tmp_path}/none")
    assert f"{WRONG}\n" in done.output


@pytest.mark.parametrize("version", PYTHONS)
def test_on_every_python(wheels: dict[str, Path], made: Path, tmp_path: Path, version: str) -> None:
    """Users of a wheel may have an older Python than those who build it."""
    for python in PYTHONS[version][:1] or [pytest.skip(f"there is no Python {version} in {PYENV}")]:
        unpacked: Callable[[Path], object] = lambda wheel: subprocess.run(  # noqa: E731
            [sys.executable, "-m", "zipfile", "-e", wheel, tmp_path], check=True
        )
        unpacked(wheels["cu126"])
        command = [python, "-S", "-W", "error", "-c", "import sys; sys.path.insert(0, '.'); import demo"]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, "")
        unpacked(made / "cupy_cuda13x-14.2.0-py3-none-any.whl")
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert f"demo.{WRONG}\n" in done.stderr
