"""`cudapin publish-check` on a release that uv built: it passes as it is, and not when one thing of it is another."""

from __future__ import annotations

import json
import shutil
import sys
import zipfile
from typing import TYPE_CHECKING, Any

import pytest

from integration.releases import PYPROJECT, VARIANTS, write_project
from integration.workbench import digests

if TYPE_CHECKING:
    from pathlib import Path

    from integration.workbench import Place, Workbench

pytestmark = pytest.mark.integration

CU128 = "demo-1.2+cu128-py3-none-manylinux_2_17_x86_64.whl"


@pytest.fixture
def dist(release: Path, tmp_path: Path) -> Path:
    return shutil.copytree(release, tmp_path / "dist")


def check(workbench: Workbench, place: Place, *arguments: str | Path) -> tuple[int, dict[str, Any]]:
    done = workbench.run(place, sys.executable, "-m", "cudapin", "publish-check", "--format", "json", *arguments)
    found: dict[str, Any] = json.loads(done.output)
    return done.code, found


def codes(found: dict[str, Any]) -> list[str]:
    return [problem["code"] for problem in found["problems"]]


def test_what_was_built_passes_and_nothing_is_left_behind(workbench: Workbench, place: Place, dist: Path) -> None:
    before = digests(dist)
    done = workbench.run(place, sys.executable, "-m", "cudapin", "publish-check", dist, "--to", "private")
    assert done.code == 0, done.output
    assert done.output.splitlines()[:2] == [
        "demo 1.2: ok for a private index",
        f"  declares `cpu`, `cu126`, `cu128`, default `cpu` ({dist}/demo-1.2.tar.gz)",
    ]
    assert (digests(dist), place.left_over) == (before, [])
    for name in VARIANTS[1:]:
        next(dist.glob(f"*+{name}-*.whl")).unlink()
    code, found = check(workbench, place, dist)
    assert (code, codes(found), found["releases"][0]["elsewhere"]) == (0, [], ["cu126", "cu128"])


def test_a_missing_variant(workbench: Workbench, place: Place, dist: Path) -> None:
    (dist / CU128).unlink()
    done = workbench.run(place, sys.executable, "-m", "cudapin", "publish-check", dist, "--to", "private")
    assert done.code == 1
    assert done.says(
        f"""
        error[CP728]: there is no wheel of variant `cu128`
          --> {dist}/demo-1.2.tar.gz
          why: `{dist}/demo-1.2.tar.gz` declares `cpu`, `cu126`, `cu128`, found `cpu`, `cu126`
          fix: build it: `cudapin build --variant cu128`, or name its folder, too
        """
    )


def test_a_wheel_that_was_changed(workbench: Workbench, place: Place, dist: Path) -> None:
    with zipfile.ZipFile(dist / CU128) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(dist / CU128, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content + (b"x = 1\n" if name == "demo/__init__.py" else b""))
    code, found = check(workbench, place, dist, "--to", "private")
    assert (code, codes(found)) == (1, ["CP414"])


def test_another_default_in_the_wheels_than_in_the_sdist(workbench: Workbench, place: Place, dist: Path) -> None:
    """Wheels of one state of the project and an sdist of another: the classic of a release by hand."""
    other = write_project(
        place.folder / "other", PYPROJECT.replace("[tool.cudapin]", '[tool.cudapin]\ndefault = "cu128"', 1)
    )
    built = workbench.build("uv", place, other, place.folder / "out", target="sdist").artefact
    shutil.copy2(built, dist)
    code, found = check(workbench, place, dist, "--to", "private")
    assert code == 1
    assert "CP722" in codes(found), found["problems"]


def test_a_plain_wheel_and_waivers(workbench: Workbench, place: Place, dist: Path) -> None:
    project = write_project(place.folder / "plain")
    built = workbench.build("uv", place, project, place.folder / "out", CUDAPIN="off").artefact
    shutil.copy2(built, dist)
    code, found = check(workbench, place, dist, "--to", "private")
    assert (code, codes(found)) == (1, ["CP732", "CP728"])


def test_an_sdist_of_cudapin_off_has_no_seal(workbench: Workbench, place: Place, dist: Path) -> None:
    project = write_project(place.folder / "plain")
    built = workbench.build("uv", place, project, place.folder / "out", target="sdist", CUDAPIN="off").artefact
    shutil.copy2(built, dist)
    code, found = check(workbench, place, dist, "--to", "private")
    assert (code, codes(found)) == (1, ["CP730"])
