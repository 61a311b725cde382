"""What a project asks for itself, and whether a lock holds it: the question that every format can be asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import tomli

from cudapin.core.config import Variant
from cudapin.core.lock import Pyproject, Source
from cudapin.core.verdict import render_problems
from cudapin.locks.direct import direct_requirements, dynamic_keys, judge_direct, parse_requirement
from cudapin.locks.requirements.lock import parse_requirements
from unit.support import LINUX

if TYPE_CHECKING:
    from collections.abc import Sequence

TEXT = """\
[project]
name = "Demo"
dependencies = ["numpy>=1.24", "colorama; sys_platform == 'win32'"]
[project.optional-dependencies]
GPU = ["torch>=2.9"]
all = ["demo[gpu]", "rich"]
[dependency-groups]
dev = ["pytest>=8", { include-group = "types" }]
types = ["mypy", "demo[gpu]", { include-group = "dev" }]
"""
HASH = f"--hash=sha256:{'0' * 64}"


def project(text: str = TEXT) -> Pyproject:
    return Pyproject(source=Source(path="pyproject.toml", text=text), table=tomli.loads(text))


@pytest.mark.parametrize(
    ("extras", "groups", "expected"),
    [
        ((), (), ["numpy>=1.24 3", "colorama; sys_platform == 'win32' 3"]),
        (("gpu",), (), ["torch>=2.9 5"]),
        (("all",), (), ["demo[gpu] 6", "rich 6", "torch>=2.9 5"]),
        ((), ("dev",), ["pytest>=8 8", "mypy 9", "demo[gpu] 9", "torch>=2.9 5"]),
        (("nothing",), ("nothing",), []),
    ],
)
def test_requirements(extras: tuple[str, ...], groups: tuple[str, ...], expected: list[str]) -> None:
    """Own extras and included groups are followed once, each requirement with the line of the key that holds it."""
    found = [f"{item.text} {item.where.line}" for item in direct_requirements(project(), extras, groups)]
    assert found[:2] == ["numpy>=1.24 3", "colorama; sys_platform == 'win32' 3"]
    assert found[2:] == (expected if extras or groups else [])


@pytest.mark.parametrize(
    "table", ["dependencies = 1", 'dependencies = [1, "b"]\ndynamic = 1', "optional-dependencies = 1"]
)
def test_wrong_types_are_left_out(table: str) -> None:
    found = direct_requirements(project(f'[project]\nname = "a"\n{table}\n'), ("x",), ("y",))
    assert [item.text for item in found] in ([], ["b"])


def test_dynamic_keys() -> None:
    text = '[project]\nname = "a"\ndynamic = ["version", "optional-dependencies"]\n'
    assert dynamic_keys(project(text)) == ("optional-dependencies",)


@pytest.mark.parametrize(("text", "name"), [("torch>=2", "torch"), ("torch>>2", None), ("a" + "[" * 5000, None)])
def test_parse_requirement(text: str, name: str | None) -> None:
    found = parse_requirement(text)
    assert (found and found.name) == name


def judged(pins: str, users: Sequence[Variant] = (), text: str = TEXT) -> str:
    lock = parse_requirements(Source(path="pins.txt", text=pins))
    return render_problems(judge_direct(lock, project(text), users, LINUX, "mend it"))


def test_satisfied() -> None:
    assert judged(f"numpy==2.0 {HASH}\n") == ""


def test_a_missing_pin() -> None:
    assert judged(f"rich==1.0 {HASH}\n") == (
        "error[CP201]: `pins.txt` does not pin what `project.dependencies` asks for\n"
        "  --> pyproject.toml:3 (project.dependencies)\n"
        "  why: wanted `numpy>=1.24`, the lock has no `numpy`\n"
        "  fix: mend it"
    )


def test_a_pin_that_does_not_fit() -> None:
    gpu = Variant(name="gpu", extra=("gpu",), group=())
    assert judged(f"numpy==2.0 {HASH}\ntorch==2.8.0+cu128 {HASH}\n", [gpu]) == (
        "error[CP204]: `pins.txt` locks a `torch` that does not satisfy `project.optional-dependencies.GPU`\n"
        "  --> pyproject.toml:5 (project.optional-dependencies.GPU)\n"
        "  why: wanted `torch>=2.9`, the lock has `2.8.0+cu128` at pins.txt:2\n"
        "  fix: mend it"
    )


def test_a_prerelease_that_was_locked_fits() -> None:
    assert judged(f"numpy==2.0rc1 {HASH}\n") == ""
