"""What is wrong with a requirement that nobody can read: its place, and how it is meant, where that can be told."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from cudapin.core.index import strip_all_credentials
from cudapin.core.locate import find_line
from cudapin.errors import Code, Problem, Where

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cudapin.core.lock import Pyproject, Source

__all__ = ["item_line", "mended", "unreadable_requirement", "unreadable_requirements"]

# What people write for an operator of PEP 440, in other languages or by a slip, and what it is there.
_SLIPS = (
    (re.compile(r"([<>=!~])\s+([<>=])"), r"\1\2"),
    (re.compile(r"=>"), ">="),
    (re.compile(r"=<"), "<="),
    (re.compile(r"~>"), "~="),
    (re.compile(r"<>"), "!="),
    (re.compile(r"(?<![=<>!~])=(?!=)"), "=="),
    (re.compile(r"(?<=[0-9*])\s+(?=[<>=!~])"), ","),
)
_URL_MARKER = re.compile(r"(@[^;]*[^\s;]);")
_CARET = re.compile(r"\^\s*([0-9]+)((?:\.[0-9]+)*)")


def mended(text: str) -> str | None:
    """Return the requirement that a text was probably meant to be; None where that cannot be told.

    >>> mended("packaging=>23")
    'packaging>=23'
    >>> mended("numpy^1.24")
    'numpy>=1.24,<2'
    """
    from packaging.requirements import InvalidRequirement, Requirement

    requirement, semicolon, marker = text.partition(";")
    for pattern, right in _SLIPS:
        requirement = pattern.sub(right, requirement)
    if caret := _CARET.search(requirement):
        bound = f">={caret[1]}{caret[2]},<{int(caret[1]) + 1}"
        requirement = f"{requirement[: caret.start()]}{bound}{requirement[caret.end() :]}"
    try:
        Requirement(f"{requirement}{semicolon}{marker}")
    except (InvalidRequirement, ValueError, RecursionError):
        return None
    return None if requirement + semicolon + marker == text else f"{requirement}{semicolon}{marker}"


def item_line(text: str, item: str, *key: str) -> int | None:
    """Return the line, at or below that of a key, that holds an item of its array; the key's own where none does."""
    start = find_line(text, *key)
    if start is None:
        return None
    quoted = (f'"{item}"', f"'{item}'")
    lines = text.split("\n")[start - 1 :]
    found = (start + number for number, line in enumerate(lines) if any(form in line for form in quoted))
    return next(found, start)


def unreadable_requirement(source: Source, text: str, *key: str) -> Problem:
    """Say that a requirement of a project file is none, whatever the lock holds; no waiver can help there."""
    shown, meant = strip_all_credentials(text), mended(text)
    fix = (
        f"write `{strip_all_credentials(meant)}`"
        if meant
        else "write a name and a specifier, as in `packaging>=23,<26`"
    )
    where = Where(path=source.path, line=item_line(source.text, text, *key), key=".".join(key))
    return Problem(
        code=Code.CP206,
        what=f"`{shown}` is no requirement, so no lock can be judged by it",
        where=where,
        why=f"wanted a requirement as in PEP 508, found `{shown}`",
        fix=fix,
    )


def unreadable_requirements(pyproject: Pyproject) -> Iterator[Problem]:
    """Yield a problem for each requirement of a project that is none: not every lock format would say so."""
    from packaging.requirements import InvalidRequirement, Requirement

    project = pyproject.table.get("project")
    project = project if isinstance(project, dict) else {}
    lists = [(("project", "dependencies"), project.get("dependencies"))]
    for key, table in (
        (("project", "optional-dependencies"), project.get("optional-dependencies")),
        (("dependency-groups",), pyproject.table.get("dependency-groups")),
    ):
        lists += [((*key, name), items) for name, items in table.items()] if isinstance(table, dict) else []
    for path, items in lists:
        for item in items if isinstance(items, list) else []:
            try:  # uv reads `name @ url;marker`, without the space that PEP 508 wants there
                Requirement(_URL_MARKER.sub(r"\1 ;", item, count=1) if isinstance(item, str) else "none")
            except (InvalidRequirement, ValueError, RecursionError):
                yield unreadable_requirement(pyproject.source, item, *path)
