"""What `hatch test` says at the end, and exits with: green means tested."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from integration.torch_app import PYTHON, VARIANTS

if TYPE_CHECKING:
    from integration.torch_app import App
    from integration.torch_index import TorchIndex

pytestmark = pytest.mark.integration

PREFIX = f"hatch-test.py{PYTHON}-"


def _report(app: App) -> dict[str, Any]:
    document = json.loads((app.root / "r.json").read_text(encoding="utf-8"))
    return {"ok": document["ok"], **{cell: entry["outcome"] for cell, entry in document["cells"].items()}}


def test_all_says_before_what_comes_and_afterwards_what_became_of_it(app: App) -> None:
    done = app.hatch("test", "--all", "--", "--cudapin-report", "r.json")
    assert done.code == 0, done.output
    assert "cudapin: 3 cells, 3 to be made; the lock file does not say how much they download\n" in done.output
    assert (
        f"  {PREFIX}cpu    passed\n  {PREFIX}cu126  passed\n  {PREFIX}cu128  passed\ncudapin: 3 cells: 3 passed\n"
    ) in done.output, done.output
    assert _report(app) == {"ok": True, **{f"{PREFIX}{name}": "no-gpu" for name in VARIANTS}}
    assert "cudapin: 3 cells, 0 to be made\n" in app.hatch("test", "--all").output


def test_what_comes_after_a_failing_cell_is_not_run(app: App) -> None:
    done = app.hatch("test", "--all", "--", "--cudapin-report=r.json", CHECK_EXIT="3", CHECK_FAILS="cu126")
    assert done.code == 3, done.output
    assert (
        f"  {PREFIX}cpu    passed\n  {PREFIX}cu126  failed\n  {PREFIX}cu128  not run\n"
        "cudapin: 3 cells: 1 passed, 1 failed, 1 not run\n"
    ) in done.output, done.output
    assert _report(app) == {
        "ok": False,
        f"{PREFIX}cpu": "no-gpu",
        f"{PREFIX}cu126": "failed",
        f"{PREFIX}cu128": "not run",
    }


def test_a_cell_that_needs_a_gpu_is_skipped_with_its_reason_and_fails_by_name(app: App) -> None:
    app.options = "require-gpu = true"
    app.write()
    done = app.hatch("test", "--all", "--", "--cudapin-report", "r.json", CUDAPIN_GPU_ARCH=" ")
    assert done.code == 1, done.output
    assert (
        "  3 cells skipped: it requires a GPU, and none was found\n"
        f"    hatch-test.{{py{PYTHON}-cpu, py{PYTHON}-cu126, py{PYTHON}-cu128}}\n"
        "cudapin: 3 cells: 3 skipped\n"
        "error[CP602]: no cell was tested\n"
        "  why: all 3 were skipped, for the reasons above\n"
        "  fix: run on a machine, or with Pythons, that some cell can exist on\n"
    ) in done.output, done.output
    assert _report(app)["ok"] is False
    assert app.cells == []
    done = app.hatch("test", "-i", "cuda=cu126", CUDAPIN_GPU_ARCH=" ")
    assert done.code == 1, done.output
    assert done.says(
        f"""
        error[CP602]: `{PREFIX}cu126` cannot be tested here
          why: it requires a GPU, and none was found
          fix: test it where it can exist; `hatch test --all` skips it and says why
        """
    ), done.output


def test_a_driver_that_is_too_old_skips_what_it_is_too_old_for(app: App) -> None:
    app.options = "require-gpu = true"
    app.write()
    settings = {"CUDAPIN_GPU_ARCH": "9.0", "CUDAPIN_DRIVER_VERSION": "525.60.13"}
    assert [cell["variant"] for cell in app.passes("test", "--all", **settings)] == ["cpu", "cu126", "cu128"]
    settings = {"CUDAPIN_GPU_ARCH": "9.0", "CUDAPIN_DRIVER_VERSION": "470.57.02"}
    done = app.hatch("test", "--all", **settings)  # also where the cells are there already
    assert [cell["variant"] for cell in app.found] == ["cpu"], done.output
    assert done.code == 0
    assert "skipped: " in done.output


def test_an_unknown_variant_names_the_declared_ones(app: App) -> None:
    for arguments in (("-i", "cuda=cu127"), ("-x", "cuda=cu127")):
        done = app.hatch("test", *arguments)
        assert done.code == 2, done.output
        assert "error[CP104]" in done.output
        assert "cu126" in done.output
        assert "No environments were selected" not in done.output


def test_a_python_that_a_variant_has_not_is_refused_with_the_reason(app: App) -> None:
    app.write(**{f'[[tool.hatch.envs.hatch-test.matrix]]\npython = ["{PYTHON}"]': ""})
    done = app.hatch("test", "-i", "cuda=cu128", "-py", "3.9")
    assert done.code == 1, done.output
    assert done.says(
        """
        error[CP602]: no cell of variant `cu128` can exist on Python 3.9
          why: the project's `requires-python` is `>=3.10`
          fix: name one of the Pythons of the matrix: …
        """
    ), done.output


def test_plain_hatch_test_runs_the_default_variant_on_the_running_python(app: App) -> None:
    app.passes("test", "-i", "cuda=cu128")
    assert [cell["cell"] for cell in app.passes("test")] == [f"{PREFIX}cpu"]
    assert [cell["cell"] for cell in app.passes("test")] == [f"{PREFIX}cpu"]
    assert app.cells == [f"{PREFIX}cpu", f"{PREFIX}cu128"]


def test_without_a_matrix_of_its_own_it_has_the_pythons_that_project_and_wheels_allow(
    app: App, index: TorchIndex
) -> None:
    app.write(**{f'[[tool.hatch.envs.hatch-test.matrix]]\npython = ["{PYTHON}"]': "", ">=3.10": ">=3.11"})
    tag = f"cp{PYTHON.replace('.', '')}-cp{PYTHON.replace('.', '')}-manylinux_2_17_x86_64"
    del index.files["whl/cu128"]["torch"]
    index.add("whl/cu128", "torch", "2.9.0+cu128", ("base",), tag=tag)
    app.lock()
    done = app.hatch("test", "-s")
    assert done.code == 0, done.output
    shown = done.output
    assert "py3.10" not in shown
    assert f"py{PYTHON}-cu128" in shown
    assert shown.count("-cu128") == 1
    assert "py3.13-cpu" in shown
    assert "py3.14t" not in shown
    assert app.cells == []


def test_other_commands_neither_make_nor_touch_cells(app: App) -> None:
    app.passes("test", "-i", "cuda=cu126")
    before = app.snapshot("cu126")
    (app.root / "src" / "app" / "more.py").write_text("", encoding="utf-8")
    for command in (
        ("version",),
        ("env", "show"),
        ("env", "show", "-i"),
        ("test", "-s"),
        ("env", "find", f"{PREFIX}cpu"),
    ):
        done = app.hatch(*command)
        assert done.code == 0, done.output
    assert app.snapshot("cu126") == before
    assert app.cells == [f"{PREFIX}cu126"]
