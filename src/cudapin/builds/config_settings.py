"""The settings that front ends hand to the build backend: `-C variant=NAME`, `-C variant-label=LABEL` (PEP 517)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cudapin.core.fields import name_list, nearest
from cudapin.errors import Code, Problem

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Settings", "parse_settings"]

_KNOWN = ("variant", "variant-label")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the settings of one build ask for; `problems` tell which of them mean nothing."""

    variant: str | None = None
    label: str | None = None
    problems: tuple[Problem, ...] = ()


def parse_settings(settings: Mapping[str, object] | None) -> Settings:
    """Read the settings of a build: a name once, or the same name several times, since front ends make lists of those.

    Never raises: a lock could not be made anew if a metadata read were refused for its settings.

    >>> parse_settings({"variant": "cu128"}).variant
    'cu128'
    """
    given = settings or {}
    problems = [_unknown(key) for key in given if key not in _KNOWN]
    found: dict[str, str | None] = dict.fromkeys(_KNOWN)
    for key in _KNOWN:
        if key not in given:
            continue
        value = given[key]
        names = list(dict.fromkeys(value)) if isinstance(value, list) and all(map(_is_name, value)) else [value]
        if len(names) == 1 and _is_name(names[0]):
            found[key] = str(names[0])
        else:
            problems.append(_no_name(key, names))
    return Settings(variant=found["variant"], label=found["variant-label"], problems=tuple(problems))


def _is_name(value: object) -> bool:
    return isinstance(value, str) and bool(value)


def _unknown(key: str) -> Problem:
    return Problem(
        code=Code.CP112,
        what=f"there is no config setting `{key}`",
        why=f"`cudapin.build` has the settings {name_list(_KNOWN)}, and hatchling has none",
        fix=nearest(key, _KNOWN).split(";", maxsplit=1)[0],
    )


def _no_name(key: str, names: list[object]) -> Problem:
    several = len(names) > 1
    found = name_list(map(str, names)) if several else f"`{names[0]}`" if _is_name(names[0]) else repr(names[0])
    return Problem(
        code=Code.CP112,
        what=f"the config setting `{key}` names {'several' if several else 'nothing'}",
        why=f"wanted one name, found {found}",
        fix=f"give `-C {key}=NAME` once, or leave it out",
    )
