"""How a wheel gets its runtime guard: in the place of the stub, wherever file selection puts that, or not at all."""

from __future__ import annotations

import json
import os
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
from hatchling.builders.wheel import WheelBuilder

from cudapin.cli.static import judge_static
from cudapin.core.verdict import render_problems
from cudapin.gate import open_gate
from cudapin.guard import stub_text
from unit.plugin.test_build_hook import Build
from unit.support import PROJECT, VARIANTS, write

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the platform tags are those of Linux")

STUB = stub_text()
KEY = 'guard = "{}"\n\n[tool.cudapin.variants.cpu]'


def project(path: str = "demo/_cudapin.py", more: str = "", stub: str | None = STUB) -> dict[str, str | bytes]:
    text = PROJECT.replace("[tool.cudapin.variants.cpu]", KEY.format(path)) + more
    files = {**VARIANTS, "pyproject.toml": text}
    return files if stub is None else {**files, path: stub}


def built(root: Path, variant: str = "cu128", version: str = "standard") -> dict[str, str]:
    """Build a wheel as hatchling does, hooks and all; return its modules."""
    os.environ["CUDAPIN_VARIANT"] = variant
    (wheel,) = WheelBuilder(str(root)).build(directory=str(root / "dist"), versions=[version])
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        assert len(names) == len(set(names))
        assert [name for name in names if name.endswith("guard.py")] == []
        return {name: archive.read(name).decode() for name in names if name.endswith((".py", ".pth"))}


def constants(text: str) -> tuple[Any, ...]:
    found: dict[str, Any] = {}
    exec(compile(text, "guard.py", "exec"), found)
    return tuple(found[name] for name in ("VARIANT", "CUDA", "DRIVER", "ARCH", "_PACKAGE", "_SYSTEM"))


def test_each_variant_has_its_own(tmp_path: Path, clean_environment: Path) -> None:
    write(tmp_path, project())
    modules = built(tmp_path)
    assert modules.keys() == {"demo/__init__.py", "demo/_cudapin.py"}
    cu128 = modules["demo/_cudapin.py"]
    assert constants(cu128) == ("cu128", "12.8", "525.60.13", ("9.0",), "demo 1.2+cu128", "linux")
    assert '"torch==2.9.0+cu128"' in cu128
    assert str(tmp_path) not in cu128
    assert str(clean_environment) not in cu128
    cpu = built(tmp_path, "cpu")["demo/_cudapin.py"]
    assert constants(cpu) == ("cpu", None, None, (), "demo 1.2", "linux")
    assert (tmp_path / "demo/_cudapin.py").read_text() == STUB
    assert built(tmp_path)["demo/_cudapin.py"] == cu128


@pytest.mark.parametrize("more", ['cuda = ["12.8", "13.0"]', 'cuda = ["13", "12"]', 'driver = "570.26"'])
def test_record_and_guard_name_one_driver(tmp_path: Path, more: str) -> None:
    """Of several CUDAs the lowest: a driver that runs one of them runs the wheel."""
    write(tmp_path, project())
    pyproject = tmp_path / "pyproject.toml"
    text = pyproject.read_text()
    pyproject.write_text(text.replace("[tool.cudapin.variants.cu128]", f"[tool.cudapin.variants.cu128]\n{more}"))
    modules = built(tmp_path)
    with zipfile.ZipFile(next((tmp_path / "dist").glob("*.whl"))) as archive:
        record = json.loads(archive.read(next(name for name in archive.namelist() if name.endswith("cudapin.json"))))
    assert record["driver"] == ("570.26" if "driver" in more else "525.60.13")
    assert constants(modules["demo/_cudapin.py"])[2] == record["driver"]


@pytest.mark.parametrize(
    ("path", "more", "place"),
    [
        ("src/demo/_cudapin.py", "", "demo/_cudapin.py"),
        ("src/demo/_cudapin.py", 'packages = ["src/demo"]', "demo/_cudapin.py"),
        ("src/demo/_cudapin.py", 'packages = ["src"]', "src/demo/_cudapin.py"),
        ("src/demo/_cudapin.py", 'only-include = ["src/demo"]\nsources = ["src"]', "demo/_cudapin.py"),
        ("src/demo/_cudapin.py", 'only-include = ["src/demo/_cudapin.py"]', "src/demo/_cudapin.py"),
        ("src/demo/_cudapin.py", 'include = ["src"]\nsources = { "src/demo" = "other" }', "other/_cudapin.py"),
        ("demo/demo/_cudapin.py", 'include = ["demo"]\nsources = ["demo"]', "demo/_cudapin.py"),
        ("demo/_cudapin.py", 'only-include = ["demo"]\nsources = { "" = "space/" }', "space/demo/_cudapin.py"),
        ("src/space/demo/_cudapin.py", 'packages = ["src/space"]', "space/demo/_cudapin.py"),
        ("gen/a_cudapin.py", '[tool.hatch.build.targets.wheel.force-include]\ngen = "demo/b"', "demo/b/a_cudapin.py"),
        ("a_cudapin.py", 'only-include = ["a_cudapin.py"]', "a_cudapin.py"),
    ],
)
def test_it_follows_the_selection_of_files(tmp_path: Path, path: str, more: str, place: str) -> None:
    files = project(path, f"\n[tool.hatch.build.targets.wheel]\n{more}\n" if more else "")
    if not more:
        del files["demo/__init__.py"]
    write(tmp_path, {**files, str(Path(path).with_name("__init__.py")): ""})
    modules = built(tmp_path)
    assert constants(modules[place])[0] == "cu128"
    assert [name for name in modules if name.endswith("_cudapin.py")] == [place]


def test_an_editable_and_a_build_without_cudapin_keep_the_stub(tmp_path: Path) -> None:
    write(tmp_path, project())
    assert "demo/_cudapin.py" not in built(tmp_path, version="editable")
    os.environ["CUDAPIN"] = "off"
    assert built(tmp_path)["demo/_cudapin.py"] == STUB


def test_an_older_stub_is_replaced_all_the_same(tmp_path: Path) -> None:
    write(tmp_path, project(stub=STUB.replace("VARIANT", "VARIANT ", 1)))
    assert constants(built(tmp_path)["demo/_cudapin.py"])[0] == "cu128"


def refusal(root: Path, files: dict[str, str | bytes]) -> str:
    os.environ["CUDAPIN_VARIANT"] = "cu128"
    said = Build(write(root, files)).refuse()
    assert not (root / "dist").exists()
    return said


def test_a_missing_stub(tmp_path: Path) -> None:
    assert refusal(tmp_path, project(stub=None)) == (
        "abort 2: error[CP115]: `guard` names `demo/_cudapin.py`, which is missing\n"
        "  --> pyproject.toml:18 (tool.cudapin.guard)\n"
        "  why: wanted a stub at `demo/_cudapin.py`, found nothing;"
        " without it an editable install has no such module\n"
        "  fix: python -m cudapin.guard > demo/_cudapin.py"
    )


def test_what_people_wrote_is_not_replaced(tmp_path: Path) -> None:
    assert refusal(tmp_path, project(stub="print('mine')\n")) == (
        "abort 2: error[CP115]: `guard` names `demo/_cudapin.py`, which is not a stub of the runtime guard\n"
        "  --> pyproject.toml:18 (tool.cudapin.guard)\n"
        "  why: wanted the stub that cudapin writes, found other text, which each wheel would lose\n"
        "  fix: name another path in `guard`; `python -m cudapin.guard > src/pkg/_cudapin.py` writes a stub"
    )


@pytest.mark.parametrize(
    "more", ['packages = ["other"]', 'exclude = ["_cudapin.py"]', 'only-include = ["demo/__init__.py"]']
)
def test_a_stub_that_is_not_in_the_wheel(tmp_path: Path, more: str) -> None:
    files = {**project(more=f"\n[tool.hatch.build.targets.wheel]\n{more}\n"), "other/__init__.py": ""}
    assert refusal(tmp_path, files) == (
        "abort 2: error[CP115]: the wheel does not carry `demo/_cudapin.py`, which `guard` names\n"
        "  --> pyproject.toml:18 (tool.cudapin.guard)\n"
        "  why: wanted it once among the files of the wheel, found it 0 times\n"
        "  fix: let `[tool.hatch.build.targets.wheel]` select `demo/_cudapin.py`, and no `.gitignore` leave it out"
    )


def test_a_stub_that_git_ignores(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    assert "found it 0 times" in refusal(tmp_path, {**project(), ".gitignore": "_cudapin.py\n"})


def test_a_stub_that_is_forced_into_the_wheel(tmp_path: Path) -> None:
    more = '\n[tool.hatch.build.targets.wheel.force-include]\n"gen/_cudapin.py" = "demo/_cudapin.py"\n'
    assert refusal(tmp_path, project("gen/_cudapin.py", more)) == (
        "abort 2: error[CP115]: the wheel does not carry `gen/_cudapin.py`, which `guard` names\n"
        "  --> pyproject.toml:18 (tool.cudapin.guard)\n"
        "  why: it is named by `force-include`, which adds a file whatever stands in its place\n"
        "  fix: select `gen/_cudapin.py` by `packages` or `include` instead"
    )


def checked(root: Path, stub: str | None) -> str:
    gate = open_gate(write(root, project(stub=stub)), {})
    return render_problems(problem for problem in judge_static(gate) if problem.code.name == "CP115")


def test_check_says_what_a_build_would(tmp_path: Path) -> None:
    assert checked(tmp_path / "a", STUB) == ""
    assert checked(tmp_path / "b", None).startswith(
        "error[CP115]: `guard` names `demo/_cudapin.py`, which is missing\n"
    )
    assert checked(tmp_path / "c", STUB + "pass\n") == (
        "warning[CP115]: `demo/_cudapin.py` is not the stub that this cudapin writes\n"
        "  --> pyproject.toml:18 (tool.cudapin.guard)\n"
        "  why: it was edited; wheels are not concerned, the source tree and editable installs are\n"
        "  fix: python -m cudapin.guard > demo/_cudapin.py"
    )
