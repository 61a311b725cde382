"""Environments of type `cudapin`, made by the real hatch from the project's own lock: what they hold, and when anew."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from integration.torch_app import PYTHON, VARIANTS

if TYPE_CHECKING:
    from integration.torch_app import App
    from integration.torch_index import TorchIndex

pytestmark = pytest.mark.integration

CELL = f"hatch-test.py{PYTHON}-cu126"
RUN = ("run", f"{CELL}:python", "check.py")
CU126 = ("test", "-i", "cuda=cu126")


def test_each_cell_holds_the_build_and_the_packages_of_its_own_variant(app: App, index: TorchIndex) -> None:
    index.asked.clear()
    found = app.passes("test", "--all")
    assert [(cell["variant"], cell["built"], cell["torch"], cell["origin"]) for cell in found] == [
        (name, name, f"2.9.0+{name}", f"whl/{name}") for name in VARIANTS
    ]
    assert [cell["cuda"] for cell in found] == ["", "12.6", "12.8"]
    assert {cell["lock"] for cell in found} == {"fresh"}
    assert [cell["app"] for cell in found] == ["1.0", "1.0+cu126", "1.0+cu128"]
    assert {(cell["helper"], cell["tool"], cell["base"]) for cell in found} == {("1.1", "5.0", "3.0")}
    assert not [path for path in index.asked if path.startswith("simple/torch")]
    assert not [path for path in index.asked if path.startswith("whl/") and "torch" not in path]
    again = app.passes("test", "-i", "cuda=cpu")
    assert [(cell["variant"], cell["built"]) for cell in again] == [("cpu", "cpu")]
    assert app.cells == [f"hatch-test.py{PYTHON}-{name}" for name in VARIANTS]


def test_a_run_without_any_change_installs_nothing_and_asks_nobody(app: App, index: TorchIndex) -> None:
    app.passes(*CU126)
    before = app.snapshot("cu126")
    index.asked.clear()
    for command in (CU126, RUN, CU126):
        done = app.hatch(*command)
        assert done.code == 0
        assert "Sync" not in done.output
    assert index.asked == []
    assert {name: found for name, found in app.snapshot("cu126").items() if "cudapin-environment" not in name} == {
        name: found for name, found in before.items() if "cudapin-environment" not in name
    }


STALE = """
error[CP201]: `uv.lock` does not match `pyproject.toml`
  --> …
  why: …
  fix: uv lock
"""


@pytest.mark.parametrize("options", ["", "locked = true"])
def test_a_stale_lock_is_refused_and_never_rewritten(app: App, options: str) -> None:
    app.options = options
    app.write()
    app.passes(*CU126)
    lock = (app.root / "uv.lock").read_bytes()
    app.write(**{"helper>=1": "helper>=1.1,<2"})
    before = app.snapshot("cu126")
    for command in (CU126, RUN, ("test", "-i", "cuda=cu128"), ("test", "--all")):
        done = app.hatch(*command)
        assert done.code == 1, done.output
        assert "error[CP201]" in done.output
        assert "fix: uv lock" in done.output
        assert "cannot be filled" not in done.output  # it was not the build that found out
        assert app.found == []
    assert (app.root / "uv.lock").read_bytes() == lock
    assert app.snapshot("cu126") == before
    assert list(app.root.glob("pylock*")) == []
    assert app.cells == [CELL]
    app.lock()
    assert [cell["variant"] for cell in app.passes(*CU126)] == ["cu126"]


def test_hatch_writes_no_second_lock(app: App) -> None:
    app.options = "locked = true"
    app.write(
        **{"[tool.hatch.env.collectors.cudapin]": "[tool.hatch]\nlock-envs = true\n[tool.hatch.env.collectors.cudapin]"}
    )
    app.lock()
    app.passes(*CU126)
    for command in (
        ("env", "lock", CELL),
        ("env", "lock", CELL, "--check"),
        ("env", "lock", CELL, "--export", "x.toml"),
    ):
        done = app.hatch(*command)
        assert done.code == 1, done.output
        assert done.says(
            f"""
            error[CP601]: `{CELL}` has no lock file of its own
              why: it is filled from the project's lock file, and a second one could only differ from it
              fix: cudapin lock check
            """
        ), done.output
    assert sorted(path.name for path in app.root.glob("*.toml")) == ["pyproject.toml"]


def test_a_missing_lock_is_refused(app: App) -> None:
    (app.root / "uv.lock").unlink()
    done = app.hatch(*CU126)
    assert done.code == 1, done.output
    assert "error[CP202]: there is no lock file `uv.lock`" in done.output
    assert app.cells == []


def test_packages_of_another_cuda_are_refused(app: App) -> None:
    text = (app.root / "uv.lock").read_text(encoding="utf-8")
    (app.root / "uv.lock").write_text(
        text.replace("cu126", "cu128").replace("2.9.0+cu128", "2.9.0+cu128"), encoding="utf-8"
    )
    done = app.hatch(*CU126)
    assert done.code != 0, done.output
    assert "error[CP" in done.output
    assert app.cells == []


def test_a_tampered_wheel_is_refused_and_changes_nothing(app: App, index: TorchIndex) -> None:
    app.passes(*CU126)
    before = app.snapshot("cu126")
    index.add("whl/cu126", "torch", "2.9.1+cu126", ("base",))
    index.add("simple", "helper", "1.2")
    done = app.run("uv", "lock", "--upgrade")
    assert done.code == 0, done.output
    name = "torch-2.9.1+cu126-py3-none-any.whl"
    index.served[name] = index.files["whl/cu126"]["torch"]["torch-2.9.0+cu126-py3-none-any.whl"]
    done = app.hatch(*CU126)
    assert done.code == 1, done.output
    assert done.says(
        f"""
        error[CP601]: `{CELL}` cannot be filled
          why: `uv pip install`, which should fetch the locked packages, failed with exit code 1; what it…
          fix: make sure that the index answers and has what is locked, else lock again
        """
    ), done.output
    assert app.snapshot("cu126") == before
    index.served.clear()
    (found,) = app.passes(*CU126)
    assert (found["torch"], found["helper"]) == ("2.9.1+cu126", "1.2")


def test_a_fresh_cell_with_a_tampered_wheel_is_not_there_afterwards(app: App, index: TorchIndex) -> None:
    index.served["helper-1.1-py3-none-any.whl"] = index.files["simple"]["helper"]["helper-1.0-py3-none-any.whl"]
    done = app.hatch(*CU126, UV_CACHE_DIR=str(app.root.parent / "cache"))
    assert done.code == 1, done.output
    assert "hash" in done.output.lower()
    assert app.cells == []


def test_a_package_that_left_the_lock_is_removed(app: App) -> None:
    app.write(**{'dependencies = ["helper>=1"]': 'dependencies = ["helper>=1", "extra-tool"]'})
    app.lock()
    assert [cell["extra"] for cell in app.passes(*CU126)] == ["7.0"]
    app.write()
    app.lock()
    assert [cell["extra"] for cell in app.passes(*CU126)] == [None]


def test_the_same_version_from_another_index_is_installed_anew(app: App, index: TorchIndex) -> None:
    app.passes(*CU126)
    index.add("whl/mirror", "torch", "2.9.0+cu126", ("base",))
    app.write(**{"/whl/cu126": "/whl/mirror"})
    app.lock()
    assert [cell["origin"] for cell in app.passes(*CU126)] == ["whl/mirror"]


@pytest.mark.parametrize("package", ["torch", "app", "tool"])
def test_what_was_removed_or_swapped_by_hand_is_put_right(app: App, package: str) -> None:
    (wanted,) = app.passes(*CU126)
    python = str(app.cell("cu126") / "bin" / "python")
    done = app.run("uv", "pip", "uninstall", "--python", python, package)
    assert done.code == 0, done.output
    assert app.passes(*RUN) == [wanted]
    if package == "torch":
        done = app.run(
            "uv", "pip", "install", "--python", python, "--no-deps", "--default-index", f"{app.url}/whl/cpu", "torch"
        )
        assert done.code == 0, done.output
        assert app.passes(*RUN) == [wanted]


def test_the_wheel_is_built_anew_when_a_source_changes_and_only_then(app: App) -> None:
    app.passes(*CU126)
    built = (app.site("cu126") / "app" / "__init__.py").stat().st_ino
    (app.root / "tests" / "test_nothing.py").write_text("assert True\n", encoding="utf-8")
    app.passes(*CU126, "--", "--cudapin-report", "r.json")
    app.passes(*CU126)
    assert (app.site("cu126") / "app" / "__init__.py").stat().st_ino == built
    (app.root / "src" / "app" / "__init__.py").write_text("TEXT = 'two'\n", encoding="utf-8")
    assert [cell["text"] for cell in app.passes(*CU126)] == ["two"]


def test_a_build_that_fails_changes_nothing(app: App) -> None:
    app.passes(*CU126)
    before = app.snapshot("cu126")
    (app.root / "hatch_build.py").write_text("raise SystemExit('no compiler')\n", encoding="utf-8")
    done = app.hatch(*CU126)
    assert done.code == 1
    assert "no compiler" in done.output
    assert "fix: mend the build; `cudapin build` shows it by itself" in done.output
    assert app.snapshot("cu126") == before


def test_a_killed_sync_is_completed_next_time(app: App, index: TorchIndex) -> None:
    app.passes(*CU126)
    index.add("simple", "helper", "1.2")
    assert app.run("uv", "lock", "--upgrade").code == 0
    # The wheel's build stands still: the sync is then between fetching and installing.
    build = (app.root / "hatch_build.py").read_text(encoding="utf-8")
    (app.root / "hatch_build.py").write_text("import time; time.sleep(60)\n", encoding="utf-8")
    _kill_after(app, 3)
    (app.root / "hatch_build.py").write_text(build, encoding="utf-8")
    assert [cell["helper"] for cell in app.passes(*CU126)] == ["1.2"]
    # Killed while it changes the environment: there is no state, and half of the packages.
    (app.cell("cu126") / "cudapin-environment.json").unlink()
    shutil.rmtree(app.site("cu126") / "torch")
    assert [cell["origin"] for cell in app.passes(*RUN)] == ["whl/cu126"]


def _kill_after(app: App, seconds: float) -> None:
    command = [sys.executable, "-m", "hatch", *CU126]
    process = subprocess.Popen(command, cwd=app.root, env=app.environment(), start_new_session=True)
    time.sleep(seconds)
    assert process.poll() is None
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def test_two_at_once_do_not_corrupt_a_cell(app: App) -> None:
    command = [sys.executable, "-m", "hatch", *CU126]
    runs = [
        subprocess.Popen(
            command, cwd=app.root, env=app.environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        for _ in range(3)
    ]
    outputs = [run.communicate(timeout=120)[0] for run in runs]
    assert [run.returncode for run in runs] == [0, 0, 0], outputs
    assert sum("FOUND" in output for output in outputs) == 3
    assert sum(f"cudapin: waiting for another command that fills `{CELL}`" in output for output in outputs) >= 1
