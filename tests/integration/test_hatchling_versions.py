"""The oldest hatchling that is supported stamps, seals and refuses like the newest."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from integration.workbench import ROOT, Place, Wheel, Workbench, change_one_character, copy_example, unpack

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.integration

OLDEST = "1.21.0"

DYNAMIC = """
    [build-system]
    requires = ["hatchling", "cudapin"]
    build-backend = "hatchling.build"

    [project]
    name = "demo"
    dynamic = ["version"]
    dependencies = ["requests>=2"]

    [tool.hatch.version]
    path = "demo/__init__.py"

    [tool.hatch.metadata.hooks.cudapin]
    [tool.hatch.build.hooks.cudapin]

    [tool.cudapin]
    lock = "locks/{variant}.txt"
    default = "cpu"
    [tool.cudapin.variants.cpu]
    [tool.cudapin.variants.cu126]
"""


def test_the_lower_bound_is_the_tested_one() -> None:
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert f'"hatchling>={OLDEST.removesuffix(".0")}"' in text


@pytest.fixture(scope="module")
def old_environment(workbench: Workbench, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with the oldest hatchling, cudapin, and what variant cu126 of the example is built with."""
    folder = tmp_path_factory.mktemp("old")
    download = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", str(folder), f"hatchling=={OLDEST}"]
    subprocess.run(download, check=True, capture_output=True)
    place = Place(folder / "place")
    environment = folder / "env"
    assert workbench.run(place, sys.executable, "-m", "virtualenv", environment).code == 0
    locked = re.findall(
        r"^(\S+==\S+)", (ROOT / "example-projects/cudart-probe/locks/cu126.txt").read_text(), re.MULTILINE
    )
    wanted = [f"hatchling=={OLDEST}", "cudapin", "setuptools", *locked]
    both = replace(workbench, more=(folder,))
    done = both.run(place, sys.executable, "-m", "uv", "pip", "install", "--python", environment, *wanted)
    assert done.code == 0, done.output
    return environment


def hatchling(
    workbench: Workbench, environment: Path, project: Path, place: Place, target: str, **settings: str
) -> str:
    done = workbench.run(
        place, environment / "bin" / "python", "-m", "hatchling", "build", "-t", target, cwd=project, **settings
    )
    assert done.code == 0, done.output
    return done.output


def test_a_compiled_variant(workbench: Workbench, old_environment: Path, tmp_path: Path, place: Place) -> None:
    project = copy_example("cudart-probe", tmp_path / "probe")
    hatchling(workbench, old_environment, project, place, "sdist")
    hatchling(workbench, old_environment, project, place, "wheel", CUDAPIN_VARIANT="cu126")
    wheel = Wheel(next((project / "dist").glob("*.whl")))
    assert wheel.version == "1.0.0+cu126"
    assert wheel.requires == ["nvidia-cuda-runtime-cu12==12.6.77"]
    assert wheel.record["build"]["hatchling"] == OLDEST
    assert wheel.faults() == []
    folder = unpack(next((project / "dist").glob("*.tar.gz")), tmp_path / "sdist")
    hatchling(workbench, old_environment, folder, place, "wheel", CUDAPIN_VARIANT="cu126")
    assert Wheel(next((folder / "dist").glob("*.whl"))).sha256 == wheel.sha256


def test_a_dynamic_version(
    workbench: Workbench, old_environment: Path, make_project: Callable[..., Path], place: Place
) -> None:
    files = {"demo/__init__.py": '__version__ = "2.0"\n'}
    files |= {f"locks/{name}.txt": f"requests==2.32.0 --hash=sha256:{'0' * 64}\n" for name in ("cpu", "cu126")}
    project = make_project(DYNAMIC, files)
    hatchling(workbench, old_environment, project, place, "wheel", CUDAPIN_VARIANT="cu126")
    wheel = Wheel(next((project / "dist").glob("*.whl")))
    assert wheel.version == "2.0+cu126"
    assert "Environment :: GPU :: NVIDIA CUDA :: 12 :: 12.6" in wheel.classifiers


def test_a_refusal(workbench: Workbench, old_environment: Path, tmp_path: Path, place: Place) -> None:
    project = copy_example("cudart-probe", tmp_path / "probe")
    change_one_character(project / "pyproject.toml", "runtime-cu12==12.6", "runtime-cu12==12.7")
    done = workbench.run(
        place,
        old_environment / "bin" / "python",
        *("-m", "hatchling", "build", "-t", "wheel"),
        cwd=project,
        CUDAPIN_VARIANT="cu126",
    )
    assert done.code == 1
    assert "error[CP201]: `locks/cu126.txt` does not pin what `dependency-groups.cu126` asks for" in done.output
    assert "Traceback" not in done.output
    assert not list((project / "dist").glob("*"))
