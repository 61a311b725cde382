"""What the examples' READMEs promise: `hatch test --all` on each, every cell with what its variant locks."""

from __future__ import annotations

import hashlib
import json
import re
import sys
from functools import partial
from textwrap import dedent
from typing import TYPE_CHECKING

import pytest

from integration.cells import (
    cell,
    copy_for_cells,
    download_test_tools,
    hatch,
    network,
    online,
    read_report,
    served,
    write_pages,
)
from integration.workbench import copy_example, make_wheel, write_files

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from integration.workbench import Place, Workbench

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(sys.platform != "linux", reason="NVIDIA publishes the wheels of the examples for Linux"),
]

_PROBES = ("cpu", "cu118", "cu126", "cu129", "cu130")
_REPORT = ("--", "--cudapin-report", "report.json")


@pytest.fixture(scope="session")
def index_folder(wheelhouse: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder to serve: below `simple` all that builds and cells install, as on the public index."""
    folder = tmp_path_factory.mktemp("index")
    files = download_test_tools(folder / "files")
    for wheel in wheelhouse.glob("*.whl"):
        if not (files / wheel.name).exists():
            (files / wheel.name).symlink_to(wheel)
    write_pages(folder / "simple", files.glob("*.whl"))
    return folder


@pytest.fixture
def address(index_folder: Path) -> Iterator[str]:
    """The address of that folder."""
    with served(index_folder) as found:
        yield found


def _seen(project: Path) -> dict[str, dict[str, str]]:
    """Return what the tests of each cell wrote down."""
    return {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in (project / "seen").glob("*.json")}


# cudart-probe

# Beside the example's own tests: what was compiled into the extension that this cell imports.
_LOOK = """
    import hashlib, json, os
    from importlib.metadata import version
    from pathlib import Path

    import cudart_probe
    from cudart_probe import _probe

    def test_look():
        seen = Path("seen")
        seen.mkdir(exist_ok=True)
        found = {
            **cudart_probe.info(),
            "file": _probe.__file__,
            "sha256": hashlib.sha256(Path(_probe.__file__).read_bytes()).hexdigest(),
        }
        (seen / (os.environ["CUDAPIN_CELL"] + ".json")).write_text(json.dumps(found))
"""


def test_each_cell_of_the_probe_tests_its_own_build(
    workbench: Workbench, place: Place, address: str, tmp_path: Path
) -> None:
    """All five, then the first again: nothing of the other builds is in it.

    Its locks record no index, so its packages come from the default one: this is the test that needs the network.
    """
    project = copy_for_cells("cudart-probe", tmp_path / "project")
    write_files(project, {"tests/test_look.py": _LOOK})
    run = partial(hatch, workbench, place, f"{address}/simple", project, **network())
    done = run("test", "--all", *_REPORT)
    assert done.code == 0, done.output
    for variant in _PROBES:
        cuda = "" if variant == "cpu" else f", CUDA {variant[2:-1]}.{variant[-1]}"
        assert f"\ncudapin: variant {variant}{cuda}, lock fresh, no GPU (by " in done.output, done.output
    report = read_report(project / "report.json")
    assert report["ok"] is True
    assert {name: entry["outcome"] for name, entry in report["cells"].items()} == {
        cell(variant): "no-gpu" for variant in _PROBES
    }
    first = _seen(project)
    assert set(first) == {cell(variant) for variant in _PROBES}
    for variant in _PROBES:
        found = first[cell(variant)]
        assert found["version"] == ("1.0.0" if variant == "cpu" else f"1.0.0+{variant}")
        assert found["headers"] == (None if variant == "cpu" else f"{variant[2:-1]}.{variant[-1]}")
        assert found["library"] == {"cpu": None, "cu118": "libcudart.so.11.0", "cu130": "libcudart.so.13"}.get(
            variant, "libcudart.so.12"
        )
    assert len({found["sha256"] for found in first.values()}) == len(_PROBES)
    assert len({found["file"] for found in first.values()}) == len(_PROBES)

    (project / "seen" / f"{cell('cpu')}.json").unlink()
    again = run("test", "-i", "cuda=cpu", *_REPORT)
    assert again.code == 0, again.output
    assert _seen(project)[cell("cpu")] == first[cell("cpu")]
    built = hashlib.sha256(_extension(first, "cpu").read_bytes()).hexdigest()
    assert built == first[cell("cpu")]["sha256"]

    # A source that changes is built anew in the cell that is tested, and only there.
    source = project / "src" / "cudart_probe" / "__main__.py"
    source.write_text(source.read_text(encoding="utf-8") + "# changed\n", encoding="utf-8")
    assert run("test", "-i", "cuda=cu126").code == 0
    assert "# changed" in _installed_main(first, "cu126")
    assert "# changed" not in _installed_main(first, "cu130")


def _extension(seen: dict[str, dict[str, str]], variant: str) -> Path:
    from pathlib import Path

    return Path(seen[cell(variant)]["file"])


def _installed_main(seen: dict[str, dict[str, str]], variant: str) -> str:
    return (_extension(seen, variant).parent / "__main__.py").read_text(encoding="utf-8")


# torch-app

_TORCH = """
    class version:
        cuda = {cuda!r}

    class cuda:
        is_available = staticmethod(lambda: False)

    class _Tensor:
        def __init__(self, numbers): self.numbers = numbers
        def sum(self): return sum(self.numbers)

    def tensor(numbers, device="cpu"): return _Tensor(numbers)
"""
_LOOK_TORCH = """
    import json, os
    from importlib.metadata import version
    from pathlib import Path

    import torch

    def test_look():
        seen = Path("seen")
        seen.mkdir(exist_ok=True)
        found = {"torch": version("torch"), "cuda": torch.version.cuda, "app": version("torch-app")}
        (seen / (os.environ["CUDAPIN_CELL"] + ".json")).write_text(json.dumps(found))
"""


def _make_torch_index(folder: Path) -> None:
    """Write small wheels of torch and their pages in the layout of PyTorch's index."""
    for label, cuda in (("cpu", None), ("cu126", "12.6"), ("cu128", "12.8")):
        files = {"torch/__init__.py": dedent(_TORCH.format(cuda=cuda))}
        wheels = [make_wheel(folder / label, "torch", f"{version}+{label}", files) for version in ("2.8.0", "2.9.1")]
        write_pages(folder / label, wheels)


def test_each_cell_of_the_torch_app_has_its_own_torch(
    workbench: Workbench, place: Place, address: str, tmp_path: Path
) -> None:
    _make_torch_index(tmp_path / "index" / "whl")
    project = copy_for_cells("torch-app", tmp_path / "project")
    write_files(project, {"tests/test_look.py": _LOOK_TORCH})
    with served(tmp_path / "index") as pytorch:
        pyproject = project / "pyproject.toml"
        text = pyproject.read_text(encoding="utf-8")
        assert text.count("https://download.pytorch.org/whl/") == 3
        pyproject.write_text(text.replace("https://download.pytorch.org", pytorch), encoding="utf-8")
        locked = workbench.run(place, sys.executable, "-m", "uv", "lock", cwd=project, **online(workbench))
        assert locked.code == 0, locked.output
        done = hatch(workbench, place, f"{address}/simple", project, "test", "--all", *_REPORT, "-rs")
        assert done.code == 0, done.output
    variants = ("cpu", "cu126", "cu128")
    assert _seen(project) == {
        cell("cpu"): {"torch": "2.9.1+cpu", "cuda": None, "app": "1.0.0"},
        cell("cu126"): {"torch": "2.9.1+cu126", "cuda": "12.6", "app": "1.0.0+cu126"},
        cell("cu128"): {"torch": "2.9.1+cu128", "cuda": "12.8", "app": "1.0.0+cu128"},
    }
    assert re.findall(r"^SKIPPED \[1\] tests/test_torch_app.py:\d+: (.*)$", done.output, re.MULTILINE) == [
        "needs a GPU, and variant `cpu` has no CUDA",
        *["needs a GPU, and `CUDAPIN_GPU_ARCH` says that there is none"] * 2,
    ]
    report = read_report(project / "report.json")
    assert report["ok"] is True
    assert {name: (entry["outcome"], entry["lock"]) for name, entry in report["cells"].items()} == {
        cell(variant): ("no-gpu", "fresh") for variant in variants
    }
    lines = (project / "uv.lock").read_text(encoding="utf-8").count("\n")
    assert lines > 30


# cupy-app


def test_the_cupy_app_is_checked_and_shown(workbench: Workbench, place: Place, tmp_path: Path) -> None:
    """Its locks were made by real uv, against the public index; neither command asks it again."""
    project = copy_example("cupy-app", tmp_path / "project")
    command = (sys.executable, "-m", "cudapin")
    checked = workbench.run(place, *command, "check", "--all", cwd=project)
    assert checked.code == 0, checked.output
    assert re.findall(r"^(\S+): ok$", checked.output, re.MULTILINE) == ["cpu", "cu11", "cu12", "cu13"]
    shown = {}
    for variant in ("cpu", "cu11", "cu12", "cu13"):
        options = ("--variant", variant, "--python", "3.11", "--platform", "linux_x86_64")
        done = workbench.run(place, *command, "lock", "show", *options, cwd=project)
        assert done.code == 0, done.output
        shown[variant] = [line.split() for line in done.output.splitlines()]
    assert shown == {
        "cpu": [["numpy", "2.4.6"]],
        "cu11": [["cupy-cuda11x", "13.6.0"], ["fastrlock", "0.8.4"], ["numpy", "2.4.6"]],
        "cu12": [["cuda-pathfinder", "1.9.0"], ["cupy-cuda12x", "14.2.0"], ["numpy", "2.4.6"]],
        "cu13": [["cuda-pathfinder", "1.9.0"], ["cupy-cuda13x", "14.2.0"], ["numpy", "2.4.6"]],
    }


def test_two_cells_of_the_cupy_app(workbench: Workbench, place: Place, address: str, tmp_path: Path) -> None:
    """One CuPy only, since it is large (with what it needs some 150 MB); its locks record no index, so from there."""
    project = copy_for_cells("cupy-app", tmp_path / "project")
    run = partial(hatch, workbench, place, f"{address}/simple", project, **network())
    done = run("test", "-i", "cuda=cpu,cu12", *_REPORT, "-rs")
    assert done.code == 0, done.output
    outcomes = {name: entry["outcome"] for name, entry in read_report(project / "report.json")["cells"].items()}
    assert outcomes == {cell("cpu"): "no-gpu", cell("cu12"): "no-gpu"}
    assert re.findall(r"^SKIPPED \[1\] \S+ (.*)$", done.output, re.MULTILINE) == [
        "needs a GPU, and variant `cpu` has no CUDA",
        "needs a GPU, and `CUDAPIN_GPU_ARCH` says that there is none",
    ]


def test_a_cupy_of_another_cuda_is_refused(workbench: Workbench, place: Place, tmp_path: Path) -> None:
    """The lock of CUDA 12 in the place of that of CUDA 13: fresh it is not, and not of its CUDA either."""
    project = copy_example("cupy-app", tmp_path / "project")
    locks = project / "requirements"
    text = (locks / "cu12.txt").read_text(encoding="utf-8")
    (locks / "cu13.txt").write_text(text.replace("cu12.txt", "cu13.txt").replace("extra cu12", "extra cu13"), "utf-8")
    checked = workbench.run(place, sys.executable, "-m", "cudapin", "check", "--variant", "cu13", cwd=project)
    assert checked.code == 1, checked.output
    assert sorted(set(re.findall(r"^error\[(CP\d+)\]", checked.output, re.MULTILINE))) == ["CP201", "CP301"]
