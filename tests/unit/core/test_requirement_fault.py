"""Requirements that are none: what they were meant to be, and on which line they stand."""

from __future__ import annotations

import pytest

from cudapin.core.requirement_fault import item_line, mended, unreadable_requirements
from cudapin.core.verdict import render_problems
from unit.support import pyproject_of


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("packaging=>23", "packaging>=23"),
        ("packaging=<23", "packaging<=23"),
        ("packaging=23", "packaging==23"),
        ("packaging~>23.1", "packaging~=23.1"),
        ("packaging<>23", "packaging!=23"),
        ("packaging > =23", "packaging >=23"),
        ("packaging>=23 <26", "packaging>=23,<26"),
        ("packaging^23.1", "packaging>=23.1,<24"),
        ("torch[x]=2; python_version=='3.12'", "torch[x]==2; python_version=='3.12'"),
        ("two words", None),
        ("packaging>=1.x", None),
        ("packaging; python=='3'", None),
        ("packaging>=23", None),
    ],
)
def test_what_was_meant(written: str, meant: str | None) -> None:
    assert mended(written) == meant


def test_the_line_of_an_item() -> None:
    text = "[project]\ndependencies = [\n  \"a\",\n  'b',\n]\n"
    assert [item_line(text, item, "project", "dependencies") for item in ("a", "b", "c")] == [3, 4, 2]
    assert item_line("", "a", "project", "dependencies") is None


def test_every_list_of_a_project_is_read() -> None:
    found = render_problems(
        unreadable_requirements(
            pyproject_of(
                '[project]\ndependencies = ["a=>1", "b @ https://index.example/b.zip;python_version>\'3\'", 3]\n'
                '[project.optional-dependencies]\nx = ["??"]\ny = 3\n'
                '[dependency-groups]\ng = [{ include-group = "h" }, "c=<https://me:pw@index.example"]\n'
            )
        )
    )
    assert found == (
        "error[CP206]: `a=>1` is no requirement, so no lock can be judged by it\n"
        "  --> pyproject.toml:2 (project.dependencies)\n"
        "  why: wanted a requirement as in PEP 508, found `a=>1`\n"
        "  fix: write `a>=1`\n"
        "error[CP206]: `??` is no requirement, so no lock can be judged by it\n"
        "  --> pyproject.toml:4 (project.optional-dependencies.x)\n"
        "  why: wanted a requirement as in PEP 508, found `??`\n"
        "  fix: write a name and a specifier, as in `packaging>=23,<26`\n"
        "error[CP206]: `c=<https://index.example` is no requirement, so no lock can be judged by it\n"
        "  --> pyproject.toml:7 (dependency-groups.g)\n"
        "  why: wanted a requirement as in PEP 508, found `c=<https://index.example`\n"
        "  fix: write a name and a specifier, as in `packaging>=23,<26`"
    )
    assert list(unreadable_requirements(pyproject_of("project = 3"))) == []
