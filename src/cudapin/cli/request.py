"""What a command line asks of a project: for which variant or extras and groups, Python and platform."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cudapin.core.config import Variant
from cudapin.core.declared import declared_extras, declared_groups
from cudapin.core.fields import name_list, nearest
from cudapin.core.names import normalise
from cudapin.core.target import PLATFORMS, other_target
from cudapin.errors import Code, ConfigError, Problem

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from cudapin.gate import Gate

__all__ = ["choose", "require_project", "retarget", "wrong"]


def wrong(what: str, why: str, fix: str) -> Problem:
    """Say that a command line asks for what cannot be."""
    return Problem(code=Code.CP112, what=what, why=why, fix=fix)


def require_project(gate: Gate) -> None:
    """Raise ConfigError where there is no project, as at the root of a workspace without one."""
    if not gate.project.metadata:
        why = "`pyproject.toml` has no `[project]`"
        raise ConfigError(wrong("there is no project here", why, "name a member with `--project DIR`"))


def choose(gate: Gate, variant: str | None, extras: Sequence[str], groups: Sequence[str]) -> tuple[Variant, str | None]:
    """Return what is to be selected, and the name of the variant where it is one.

    Without any of the three, `CUDAPIN_VARIANT` counts as in a build, then the default. Raises ConfigError.
    """
    if variant is not None and (extras or groups):
        what = "`--variant` and `--extra`/`--group` exclude each other"
        raise ConfigError(wrong(what, "both were given", "leave one out"))
    if extras or groups:
        if "{variant}" in (gate.config.lock or ""):
            why = f"`lock = {gate.config.lock!r}`"
            raise ConfigError(wrong("each variant has a lock file of its own", why, "use `--variant`"))
        extra, group = (tuple(normalise(name) for name in names) for names in (extras, groups))
        _check_names(gate, extra, group)
        return gate.complete(Variant(name="-", extra=extra, group=group)), None
    origin = "`--variant`" if variant is not None else "CUDAPIN_VARIANT"
    choice = gate.choose(variant or gate.environ.get("CUDAPIN_VARIANT"), origin)
    if choice is not None:
        return choice.variant, choice.variant.name
    if variant is not None:
        what, why = f"there is no variant `{variant}`", "the project declares no variants"
        raise ConfigError(wrong(what, why, "use `--extra` or `--group`"))
    return Variant(name="-", extra=(), group=()), None


def _check_names(gate: Gate, extras: Iterable[str], groups: Iterable[str]) -> None:
    """Raise ConfigError for extras and groups that the project does not have, unless a build alone knows them."""
    pyproject = gate.project.pyproject
    known = {"extra": sorted(declared_extras(pyproject)), "group": sorted(declared_groups(pyproject))}
    if "optional-dependencies" in gate.project.metadata.get("dynamic", []):
        return
    problems = [
        wrong(
            f"the project has no {kind} `{name}`",
            f"`--{kind}` asks for `{name}`; the {kind}s are {name_list(known[kind])}",
            nearest(name, known[kind]) if known[kind] else f"leave out `--{kind} {name}`",
        )
        for kind, names in (("extra", extras), ("group", groups))
        for name in names
        if name not in known[kind]
    ]
    if problems:
        raise ConfigError(*problems)


def retarget(gate: Gate, python: str | None, platform: str | None) -> None:
    """Put the Python and platform that the command line names in the place of the running ones."""
    try:
        gate.target = other_target(gate.target, python, None)
    except ValueError as error:
        raise ConfigError(wrong("`--python` is no Python version", str(error), "use `--python 3.12`")) from error
    try:
        gate.target = other_target(gate.target, None, platform)
    except ValueError as error:
        what = "`--platform` is no platform tag"
        raise ConfigError(wrong(what, str(error), nearest(platform or "", PLATFORMS))) from error
