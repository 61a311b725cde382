"""`hatch build` keeps its environment: what an earlier variant left there must not be compiled against."""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING

import pytest

from integration.workbench import REFUSED, copy_example, digests

if TYPE_CHECKING:
    from pathlib import Path

    from integration.workbench import Outcome, Place, Workbench

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(sys.platform != "linux", reason="NVIDIA publishes the wheels of the example for Linux"),
]


def _headers(outcome: Outcome, workbench: Workbench, place: Place) -> tuple[str, str | None]:
    """Install the wheel alone and return its version and that of its CUDA headers, read from the extension."""
    wheel = outcome.wheel
    home = wheel.path.parent / "venv"
    uv = (sys.executable, "-m", "uv")
    for command in (
        (*uv, "venv", "--python", sys.executable, home),
        (*uv, "pip", "install", "--python", home, wheel.path),
    ):
        done = workbench.run(place, *command)
        assert done.code == 0, done.output
    code = "import cudart_probe as p; v = p.headers_version(); print(p.info()['version'], v)"
    done = workbench.run(place, home / "bin" / "python", "-I", "-c", code)
    assert done.code == 0, done.output
    version, number = done.output.split()
    return version, None if number == "None" else f"{int(number) // 1000}.{int(number) % 1000 // 10}"


def _without_collector(project: Path) -> Path:
    """Leave hatch its one build environment for all variants."""
    pyproject = project / "pyproject.toml"
    text, found, _ = pyproject.read_text(encoding="utf-8").partition("\n[tool.hatch.env]\n")
    assert found
    pyproject.write_text(text, encoding="utf-8")
    return project


def test_no_variant_is_compiled_against_the_headers_of_another(
    workbench: Workbench, place: Place, tmp_path: Path
) -> None:
    """cu118, cu126, cu118, cpu in one environment: each wheel is right or refused, and right after the mend."""
    project = _without_collector(copy_example("cudart-probe", tmp_path / "project"))
    refusals = {}
    for step, variant in enumerate(("cu118", "cu126", "cu118", "cpu")):
        out = tmp_path / f"out-{step}"
        done = workbench.build("hatch", place, project, out, variant)
        if done.code != 0:
            refusals[step] = done
            assert done.code == REFUSED["hatch"]
            assert digests(out) == {}
            assert "Traceback" not in done.output
            assert re.search(r"^error\[CP40[123]\]: ", done.output, re.MULTILINE), done.output
            fixes = set(re.findall(r"^  fix: (.*)$", done.output, re.MULTILINE))
            assert fixes == {"hatch env remove hatch-build"}, done.output
            (command,) = fixes
            mended = workbench.run(place, sys.executable, "-m", *command.split(), cwd=project)
            assert mended.code == 0, mended.output
            done = workbench.build("hatch", place, project, out, variant)
        cuda = {"cu118": "11.8", "cu126": "12.6", "cpu": None}[variant]
        label = "" if cuda is None else f"+{variant}"
        assert _headers(done, workbench, place) == (f"1.0.0{label}", cuda)
    assert 0 not in refusals
    assert 1 in refusals  # otherwise hatch makes a fresh environment by itself, and the check has lost its reason
    assert place.left_over == []


def test_with_the_collector_each_variant_has_its_own_build_environment(
    workbench: Workbench, place: Place, tmp_path: Path
) -> None:
    project = copy_example("cudart-probe", tmp_path / "project")
    for step, (variant, cuda) in enumerate((("cu118", "11.8"), ("cu126", "12.6"), ("cu118", "11.8"))):
        done = workbench.build("hatch", place, project, tmp_path / f"out-{step}", variant)
        assert _headers(done, workbench, place) == (f"1.0.0+{variant}", cuda)
    assert place.left_over == []


def test_a_second_build_of_the_same_variant_is_not_refused(workbench: Workbench, place: Place, tmp_path: Path) -> None:
    """What the environment holds is what the lock says, whoever put it there; the bytes are the same."""
    project = copy_example("cudart-probe", tmp_path / "project")
    first = workbench.build("hatch", place, project, tmp_path / "first", "cu126")
    second = workbench.build("hatch", place, project, tmp_path / "second", "cu126")
    assert first.wheel.sha256 == second.wheel.sha256
