"""The pytest plugin, installed and brought: with the oldest and newest pytest, with workers, and side by side."""

from __future__ import annotations

import json
import os
import re
import statistics
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest

from integration.workbench import write_files

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.integration

_NAME = "cudapin.plugin.pytest_plugin"
_SUITE = """
    import pytest

    @pytest.mark.gpu(min_cuda="12.6", arch="9.0")
    def test_on_gpu():
        pass

    @pytest.mark.parametrize("number", range(6))
    def test_anywhere(number, cudapin):
        assert cudapin.variant == "cu126"
"""
# A machine with a real GPU, in the controller and in each worker.
_CONFTEST = """
    from cudapin.adapters import machine
    from cudapin.core.cuda import parse_cuda
    from cudapin.core.machine import Gpu, Machine

    GPU = Gpu(name="NVIDIA H200", arch="9.0", memory_mib=143771)
    FOUND = Machine(driver="570.86.10", gpus=(GPU,), cuda=parse_cuda("12.8"), sources=("NVML",))
    machine.read_machine = lambda environ: FOUND
"""
_CELL = {
    "CUDAPIN_CELL": "a",
    "CUDAPIN_VARIANT": "cu126",
    "CUDAPIN_CUDA_VERSION": "12.6",
    "CUDAPIN_LOCK_VERDICT": "fresh",
}
_FAKE = {"CUDAPIN_DRIVER_VERSION": "570.86.10", "CUDAPIN_GPU_ARCH": "9.0"}


class Venv:
    """A virtual environment with some pytest, and cudapin where it is named."""

    def __init__(self, folder: Path, *requirements: str | Path) -> None:
        self.folder = folder
        self.python = folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
        uv = (sys.executable, "-m", "uv")
        subprocess.run([*uv, "venv", "--quiet", "--python", sys.executable, folder], check=True, timeout=60)
        install = [*uv, "pip", "install", "--quiet", "--python", self.python, *map(str, requirements)]
        subprocess.run(install, check=True, timeout=120)

    def start(self, suite: Path, *options: str, **environ: str) -> subprocess.Popen[str]:
        """Start pytest in the folder of a suite."""
        dropped = ("CUDA", "PYTEST", "PYTHONPATH", "COV")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(dropped)}
        return subprocess.Popen(
            [self.python, "-m", "pytest", "-p", "no:cacheprovider", *options],
            cwd=suite,
            env={**kept, "NO_COLOR": "1", "COLUMNS": "80", **environ},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, suite: Path, *options: str, **environ: str) -> tuple[int, str]:
        """Run pytest; return its exit status and output."""
        process = self.start(suite, *options, **environ)
        output, _ = process.communicate(timeout=60)
        return process.returncode, output


@pytest.fixture(scope="session")
def cudapin_wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel of this checkout."""
    from integration.workbench import ROOT

    out = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", out, ROOT]
    subprocess.run(command, check=True, timeout=120, stdout=subprocess.DEVNULL)
    return next(out.glob("*.whl"))


@pytest.fixture(scope="session")
def newest(cudapin_wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Venv:
    return Venv(tmp_path_factory.mktemp("newest"), cudapin_wheel, "pytest", "pytest-xdist")


@pytest.fixture(scope="session")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Venv:
    """pytest without cudapin, as in a cell."""
    return Venv(tmp_path_factory.mktemp("bare"), "pytest")


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    return write_files(tmp_path / "suite", {"test_suite.py": _SUITE})


def _cells(path: Path) -> dict[str, Any]:
    document = json.loads(path.read_text(encoding="utf-8"))
    assert document["ok"] is all(entry["outcome"] in ("gpu", "no-gpu") for entry in document["cells"].values())
    return dict(document["cells"])


@pytest.mark.parametrize("version", ["7.4.4", "8.0.2", "8.4.2", "newest"])
def test_each_pytest_registers_it_once(version: str, cudapin_wheel: Path, newest: Venv, suite: Path) -> None:
    """By its entry point, by `PYTEST_PLUGINS`, and by both, as where a cell holds cudapin itself."""
    venv = newest if version == "newest" else Venv(suite / "venv", cudapin_wheel, f"pytest=={version}")
    options = ("--strict-markers", "-W", "error", "-rs", "test_suite.py")
    for environ in ({}, {"PYTEST_PLUGINS": _NAME}, {"PYTEST_PLUGINS": _NAME, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}):
        code, output = venv.run(suite, *options, **_CELL, **_FAKE, **environ)
        assert code == 0, output
        assert output.count("\ncudapin: variant cu126, CUDA 12.6, lock fresh, driver 570.86.10, ") == 1
        assert re.search(r"^=+ 7 passed in ", output, re.MULTILINE), output
    code, output = venv.run(suite, *options, "-p", f"no:{_NAME}", **_CELL)
    assert "cudapin:" not in output


def test_workers_report_as_one(newest: Venv, suite: Path) -> None:
    write_files(suite, {"conftest.py": _CONFTEST})
    code, output = newest.run(suite, "-n", "2", "--cudapin-report", "r.json", **_CELL)
    assert code == 0, output
    entry = _cells(suite / "r.json")["a"]
    assert (entry["outcome"], entry["tests"]) == ("gpu", {"passed": 7, "failed": 0, "skipped": 0, "gpu": 1})


def test_a_marker_that_means_nothing_fails_in_a_worker_too(newest: Venv, suite: Path) -> None:
    write_files(suite, {"test_wrong.py": "import pytest\n\n@pytest.mark.gpu(9)\ndef test_it(): pass\n"})
    code, output = newest.run(suite, "-n", "2", **_CELL, **_FAKE)
    assert code == 1
    wanted = 'test_wrong.py::test_it: `gpu` takes min_cuda="12.6", arch="9.0" and min_memory="8 GiB", found 9'
    assert f"\n{wanted}\n" in output
    assert "INTERNALERROR" not in output


def test_cells_side_by_side_lose_no_entry(newest: Venv, suite: Path) -> None:
    cells = [f"cell-{number}" for number in range(6)]
    running = [
        newest.start(suite, "--cudapin-report", "r.json", **{**_CELL, **_FAKE, "CUDAPIN_CELL": c}) for c in cells
    ]
    for process in running:
        output, _ = process.communicate(timeout=60)
        assert process.returncode == 0, output
    found = _cells(suite / "r.json")
    assert sorted(found) == cells
    assert {entry["outcome"] for entry in found.values()} == {"no-gpu"}


def test_many_writers_lose_no_entry(tmp_path: Path) -> None:
    """Six processes, forty entries each: without the lock, most are lost."""
    code = (
        "import sys; from pathlib import Path; from cudapin.environments.report import update_report\n"
        "for n in range(40): update_report(Path(sys.argv[1]), {f'{sys.argv[2]}-{n}': {'outcome': 'gpu'}})"
    )
    path = tmp_path / "r.json"
    running = [subprocess.Popen([sys.executable, "-c", code, path, str(number)]) for number in range(6)]
    assert [process.wait(timeout=60) for process in running] == [0] * 6
    assert len(_cells(path)) == 240
    assert [file.name for file in tmp_path.iterdir()] == ["r.json"]


@pytest.mark.parametrize("status", [0, 1])
def test_a_process_that_vanishes_has_failed(newest: Venv, suite: Path, status: int) -> None:
    write_files(suite, {"test_suite.py": f"import os\n\ndef test_it(): os._exit({status})\n"})
    code, _ = newest.run(suite, "--cudapin-report", "r.json", **_CELL, **_FAKE)
    assert code == status
    entry = _cells(suite / "r.json")["a"]
    assert (entry["outcome"], entry["why"]) == ("failed", "the test run did not end")


def test_it_is_brought_into_an_environment_that_does_not_hold_it(bare: Venv, suite: Path) -> None:
    """With all that it needs: here the table of facts, which tells the CUDA of a driver that stands in."""
    from cudapin.environments.bring import bring_plugin

    for _ in range(2):  # a second sync replaces the first
        bring_plugin(bare.folder)
    code, output = bare.run(suite, "-rs", **_CELL, **_FAKE, PYTEST_PLUGINS=_NAME)
    assert (code, " 7 passed in " in output) == (0, True), output
    older = {**_FAKE, "CUDAPIN_DRIVER_VERSION": "535.104.05"}
    _, output = bare.run(suite, "-rs", **_CELL, **older, PYTEST_PLUGINS=_NAME)
    assert "needs a driver of CUDA 12.6 or later, and driver 535.104.05 is of CUDA 12.2\n" in output
    share = bare.folder / "share"
    assert [path.name for path in share.iterdir()] == ["cudapin-plugin"]
    assert not [*share.rglob("*.so"), *share.rglob("*.pyd")]
    listed = subprocess.run([bare.python, "-c", _OWN], check=True, capture_output=True, text=True, timeout=30).stdout
    assert listed.split() == ["True", "True", "[]"]


# The copies go behind what is installed, and no installer takes them for a package.
_OWN = """
import sys, cudapin
from importlib.metadata import distributions
site = [n for n, path in enumerate(sys.path) if path.endswith("site-packages")]
ours = [n for n, path in enumerate(sys.path) if path.endswith("cudapin-plugin")]
print(len(ours) == 1, max(site) < ours[0], [d.name for d in distributions() if d.name in ("cudapin", "tomli")])
"""


def _seconds(run: Callable[[], object]) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def test_other_projects_pay_nothing(newest: Venv, tmp_path: Path) -> None:
    """There the plugin is one module that imports nothing; the time that it takes is printed."""
    report = """
        import sys

        def test_it():
            ours = ("cudapin", "packaging", "pynvml", "tomli", "hatchling")
            found = sorted(name for name in sys.modules if name.split(".")[0] in ours)
            assert [name for name in found if not name.startswith("packaging")] == [
                "cudapin", "cudapin.plugin", "cudapin.plugin.pytest_plugin"
            ]
    """
    other = write_files(tmp_path, {"test_it.py": report, "pyproject.toml": "[project]\nname = 'other'\n"})
    code, output = newest.run(other)
    assert code == 0, output
    assert "\ncudapin: " not in output
    options = {"with": (), "without": ("-p", f"no:{_NAME}")}
    times: dict[str, list[float]] = {name: [] for name in options}
    for _ in range(5):
        for name, chosen in options.items():
            times[name].append(_seconds(lambda chosen=chosen: newest.run(other, "--collect-only", *chosen)))  # type: ignore[misc]
    took = {name: min(found) for name, found in times.items()}
    print(f"\npytest starts in {took['with']:.3f} s with the plugin, in {took['without']:.3f} s without (best of 5)")
    print(f"medians: {', '.join(f'{name} {statistics.median(found):.3f} s' for name, found in times.items())}")
    assert took["with"] < took["without"] * 1.5
