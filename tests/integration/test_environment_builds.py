"""`hatch build` beside the cells: a build environment for each variant, and no cell made or touched."""

from __future__ import annotations

import sys
import zipfile
from typing import TYPE_CHECKING

import pytest

from integration.workbench import copy_example

if TYPE_CHECKING:
    from pathlib import Path

    from integration.torch_app import App
    from integration.workbench import Place, Workbench

pytestmark = pytest.mark.integration


def test_each_variant_is_built_in_an_environment_of_its_own(app: App) -> None:
    for variant in ("cpu", "cu126", "cpu"):
        done = app.hatch("build", "-t", "wheel", f"out-{variant}", CUDAPIN_VARIANT=variant)
        assert done.code == 0, done.output
        (wheel,) = (app.root / f"out-{variant}").glob("*.whl")
        with zipfile.ZipFile(wheel) as archive:
            assert archive.read("app/_built.py") == f"VARIANT = {variant!r}\n".encode()
    assert app.cells == ["hatch-build-cpu", "hatch-build-cu126"]
    assert app.hatch("env", "remove", "hatch-build", CUDAPIN_VARIANT="cu128").code == 0
    assert app.cells == []


@pytest.mark.skipif(sys.platform != "linux", reason="NVIDIA publishes the wheels of the example for Linux")
def test_what_one_variant_needs_is_not_there_for_the_next(workbench: Workbench, place: Place, tmp_path: Path) -> None:
    project = copy_example("cudart-probe", tmp_path / "project")
    pyproject = project / "pyproject.toml"
    text = pyproject.read_text(encoding="utf-8")
    if "[tool.hatch.env.collectors.cudapin]" not in text:
        pyproject.write_text(f"{text}\n[tool.hatch.env.collectors.cudapin]\n", encoding="utf-8")
    digests = []
    for step, variant in enumerate(("cu118", "cu126", "cu118")):
        done = workbench.build("hatch", place, project, tmp_path / f"out-{step}", variant)
        assert f"+{variant}-" in done.artefact.name
        digests.append(done.wheel.sha256)
    assert digests[0] == digests[2] != digests[1]
    assert place.left_over == []
