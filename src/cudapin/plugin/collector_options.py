"""What a user may write for the collector and for environments of ours: a misspelt option is refused.

hatch passes over every key that it does not know, so that `requires-gpu = true` would require nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from cudapin.core.fields import Fields
    from cudapin.core.lock import Source

__all__ = ["check_options"]

_ENVS = "envs"
_OWN = ("hatch-test",)
_TYPES: dict[str, type] = {"require-gpu": bool, "variant": str}
_OURS = ("gpu", "variant")
"""A key of an environment with such a word is meant for us: hatch has none."""


def check_options(
    options: Mapping[str, Any], environments: Mapping[str, dict[str, Any]], read: Callable[[], Source]
) -> tuple[str, ...]:
    """Return the names of the environments that get the axis `cuda`.

    `options` are those of the collector, `environments` the tables of the environments that are declared; `read` gives
    the file that messages point into. Raises ConfigError with every fault.
    """
    found = options.get(_ENVS, list(_OWN))
    is_right = set(options) <= {_ENVS} and isinstance(found, list) and all(isinstance(name, str) for name in found)
    names = tuple(found) if is_right else _OWN
    missing = [name for name in names if name not in environments and name not in (*_OWN, "default")]
    wrong = {
        name: keys
        for name, table in environments.items()
        if (name in names or table.get("type") == "cudapin")
        and (keys := [key for key in table if _is_wrong(key, table)])
    }
    if not is_right or missing or wrong:
        _refuse(options, environments, missing, wrong, read())
    return names


def _is_wrong(key: str, table: Mapping[str, Any]) -> bool:
    if key in _TYPES:
        return not isinstance(table[key], _TYPES[key])
    return any(word in key.lower() for word in _OURS)


def _refuse(
    options: Mapping[str, Any],
    environments: Mapping[str, dict[str, Any]],
    missing: list[str],
    wrong: Mapping[str, list[str]],
    source: Source,
) -> None:
    from cudapin.core.fields import Fields, name_list, nearest
    from cudapin.errors import Code, ConfigError, Problem

    problems: list[Problem] = []
    collector = Fields(options, source, ("tool", "hatch", "env", "collectors", "cudapin"), problems)
    collector.only([_ENVS])
    wanted = "a list of environment names"
    collector.get(_ENVS, wanted, lambda value: value if _are_names(value) else None, None)
    known = sorted({*_OWN, "default", *environments})
    for name in missing:
        collector.fault(
            Code.CP103,
            _ENVS,
            what=f"`{_ENVS}` names `{name}`, and no environment has that name",
            why=f"`[tool.hatch.envs]` and hatch itself declare {name_list(known)}",
            fix=nearest(name, known),
        )
    for name, keys in wrong.items():
        _refuse_keys(Fields(environments[name], source, ("tool", "hatch", "envs", name), problems), keys)
    raise ConfigError(*problems)


def _are_names(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(name, str) for name in value)


def _refuse_keys(environment: Fields, keys: list[str]) -> None:
    from cudapin.core.fields import nearest
    from cudapin.errors import Code

    for key in keys:
        if key == "require-gpu":
            environment.flag(key)
        elif key == "variant":
            environment.get(key, "a string", lambda value: value if isinstance(value, str) else None, None)
        else:
            environment.fault(
                Code.CP102,
                key,
                what=f"an environment has no option `{key}`",
                why="hatch passes over what it does not know, and this would have no effect",
                fix=nearest(key, _TYPES),
            )
