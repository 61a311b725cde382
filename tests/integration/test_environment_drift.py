"""What somebody changes in a cell by hand, or a failed run leaves, is put right by the next run."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from integration.torch_app import PYTHON

if TYPE_CHECKING:
    from pathlib import Path

    from integration.torch_app import App
    from integration.torch_index import TorchIndex

pytestmark = pytest.mark.integration

CELL = f"hatch-test.py{PYTHON}-cu126"
CU126 = ("test", "-i", "cuda=cu126")
RUN = ("run", f"{CELL}:python", "check.py")


def test_a_file_that_was_edited_or_removed_is_put_right(app: App, tmp_path: Path) -> None:
    """uv links the files of its cache: an edit in place is in the cache, too."""
    settings = {"UV_CACHE_DIR": str(tmp_path / "own-cache")}
    (wanted,) = app.passes(*CU126, **settings)
    site = app.site("cu126")
    _append(site / "torch" / "__init__.py", "ORIGIN = 'elsewhere'\n")
    _append(site / "app" / "__init__.py", "TEXT = 'edited'\n")
    (site / "helper" / "__init__.py").unlink()
    _append(site / "tool" / "__init__.py", "raise SystemExit('edited')\n")
    assert app.passes(*RUN, **settings) == [wanted]
    for name in ("torch", "tool"):
        assert "edited" not in (site / name / "__init__.py").read_text(encoding="utf-8")
    assert (site / "helper" / "__init__.py").is_file()
    again = app.hatch(*RUN, **settings)
    assert "Sync" not in again.output
    # Edited long after it was unpacked, and the cell that would know is gone.
    module = site / "torch" / "__init__.py"
    _append(module, "ORIGIN = 'elsewhere'\n")
    later = module.stat().st_mtime + 60
    os.utime(module, (later, later))
    assert app.hatch("env", "remove", CELL).code == 0
    assert app.passes(*CU126, **settings) == [wanted]


def _append(path: Path, text: str) -> None:
    with path.open("a", encoding="utf-8") as file:
        file.write(text)


def test_own_dependencies_that_failed_at_first(app: App, index: TorchIndex) -> None:
    app.write(**{'dependencies = ["tool"]': 'dependencies = ["tool", "late-tool"]'})
    app.lock()
    done = app.hatch(*CU126)
    assert done.code == 1, done.output
    assert "should install the environment's own dependencies" in done.output
    index.add("simple", "late-tool", "1.0")
    settings = {"UV_REFRESH": "1", "UV_CACHE_DIR": str(app.root.parent / "own-cache")}
    assert [cell["built"] for cell in app.passes(*CU126, **settings)] == ["cu126"]


def test_a_cell_of_another_python_or_installer_is_made_anew(app: App) -> None:
    (wanted,) = app.passes(*CU126)
    settings = app.cell("cu126") / "pyvenv.cfg"
    text = settings.read_text(encoding="utf-8")
    version = next(line for line in text.splitlines() if line.startswith("version"))
    settings.write_text(text.replace(version, f"{version.partition('=')[0]}= 3.9.1"), encoding="utf-8")
    assert app.passes(*RUN) == [wanted]
    assert version in settings.read_text(encoding="utf-8")
    assert not (app.cell("cu126") / "bin" / "pip").exists()
    app.installer = "pip"  # which the cell that uv has made does not hold
    app.write()
    assert app.passes(*RUN) == [wanted]
    assert (app.cell("cu126") / "bin" / "pip").exists()


def test_plain_hatch_test_runs_the_variant_that_the_variable_names(app: App) -> None:
    done = app.hatch("test", CUDAPIN_VARIANT="cu126")
    assert done.code == 0, done.output
    assert "cudapin: variant cu126 (named by CUDAPIN_VARIANT)\n" in done.output
    assert [cell["cell"] for cell in app.found] == [CELL]
    done = app.hatch("test", CUDAPIN_VARIANT="cu127")
    assert done.code == 2, done.output
    assert done.says(
        """
        error[CP104]: no variant `cu127` is declared
          why: CUDAPIN_VARIANT asks for `cu127`; `[tool.cudapin.variants]` declares `cpu`, `cu126`, `cu128`
          fix: use `cu128`; the names are `cpu`, `cu126`, `cu128`, `auto`
        """
    ), done.output
    assert [cell["variant"] for cell in app.passes("test", "-i", "cuda=cpu", CUDAPIN_VARIANT="cu126")] == ["cpu"]
    app.options = "requires-gpu = true"
    app.write()
    done = app.hatch("test")
    assert done.code == 2, done.output
    assert "error[CP102]: an environment has no option `requires-gpu`\n" in done.output
