"""The environments in which a derived lock file and its source are compared."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from cudapin.core.python import ANY_PYTHON, parse_python_range
from cudapin.core.target import Target, other_target

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["sample_environments"]

_PLATFORMS = ("linux_x86_64", "linux_aarch64", "win_amd64", "macosx_arm64", "macosx_x86_64")
_MENTIONED = re.compile(r"python_(?:full_)?version\s*(?:[<>=!~]=?|===)\s*\\?[\"']3\.(\d{1,2})")
_PYTHON = re.compile(r"3\.\d{1,2}\.\d{1,2}")
_OLDEST_MINOR = 8
_NEWEST_MINOR = 15
_MAX_PYTHONS = 8


def sample_environments(
    running: Mapping[str, str], requires_python: str | None, texts: Iterable[str]
) -> tuple[Mapping[str, str], ...]:
    """Return the running environment, and those of common platforms with the Pythons that can make a difference.

    These are the lowest and the highest that `requires_python` admits, and those on both sides of every bound that a
    marker in the texts names. Of very many bounds the outer ones and those nearest to the lowest count.
    """
    start = Target(running, tuple)
    pythons = _pythons(requires_python, texts)
    others = [other_target(start, python, platform).environment for python in pythons for platform in _PLATFORMS]
    return (running, *others)


def _pythons(requires_python: str | None, texts: Iterable[str]) -> list[str]:
    span = (parse_python_range(requires_python) if requires_python else None) or ANY_PYTHON
    mentioned = {int(minor) for text in texts for minor in _MENTIONED.findall(text)}
    wanted = {minor + step for minor in mentioned for step in (-1, 0, 1)}
    last = max(_NEWEST_MINOR, *mentioned, 0) + 1
    known = [minor for minor in range(_OLDEST_MINOR, last + 1) if span.contains((3, minor) if minor else (3,))]
    found = [f"3.{minor}" for minor in known if minor in wanted or minor in (known[0], known[-1])]
    lowest = ".".join(map(str, span.lower)) if span.lower and len(span.lower) > 2 else None  # noqa: PLR2004
    if lowest is not None and _PYTHON.fullmatch(lowest):
        found.insert(0, lowest)
    return found if len(found) <= _MAX_PYTHONS else [*found[: _MAX_PYTHONS - 1], found[-1]]
