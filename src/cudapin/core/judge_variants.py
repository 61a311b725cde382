"""Questions across variants: does what selects one add anything, are two the same, and is one for the target at all?"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cudapin.core.cuda_fix import find_named, left_out
from cudapin.core.fields import name_list
from cudapin.core.locate import find_line
from cudapin.core.names import normalise
from cudapin.core.select import is_declared_for
from cudapin.errors import Code, Problem, Where

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from cudapin.core.bound import Bound
    from cudapin.core.config import Variant
    from cudapin.core.lock import LockedPackage, Pyproject, Selection, Source

__all__ = ["Chosen", "is_for_target", "judge_addition", "judge_twins"]

_SYSTEMS = {"linux": ("manylinux", "musllinux", "linux"), "darwin": ("macosx",), "win32": ("win",)}
_MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """A variant with what it selects from its lock, and the packages of that which are tied to a CUDA."""

    variant: Variant
    selection: Selection
    bound: tuple[Bound, ...]


def is_for_target(variant: Variant, environment: Mapping[str, str]) -> bool:
    """Tell whether the variant exists for a Python and platform; of its `platforms` only system and machine count."""
    return is_declared_for(variant, environment) and (
        not variant.platforms or any(_fits(tag, environment) for tag in variant.platforms)
    )


def _fits(tag: str, environment: Mapping[str, str]) -> bool:
    systems = _SYSTEMS.get(environment["sys_platform"])
    if tag == "any" or systems is None:
        return True
    if not tag.startswith(systems):
        return False
    machine = environment["platform_machine"].lower()
    found = _machine(tag)
    return found == "universal2" or _MACHINES.get(machine, machine) == _MACHINES.get(found, found)


def _machine(tag: str) -> str:
    """Return the machine of a platform tag: `manylinux_2_28_x86_64`, `macosx_11_0_arm64`, `win_amd64`, `win32`."""
    if tag == "win32":
        return "x86"
    return re.sub(r"^(?:(?:many|musl)?linux(?:\d+|_\d+_\d+)?|macosx_\d+_\d+|win)_", "", tag)


def judge_addition(chosen: Chosen, without: Selection, pyproject: Pyproject) -> Iterable[Problem]:
    """Warn where the extra or group of a CUDA variant selects nothing that the lock does not select `without` it."""
    variant = chosen.variant
    names = [("extra", name) for name in variant.extra or ()] + [("group", name) for name in variant.group or ()]
    if not names or not variant.cuda or _pins(chosen.selection.packages) != _pins(without.packages):
        return
    what = " and ".join(f"{kind} `{name}`" for kind, name in names)
    yield Problem(
        code=Code.CP310,
        level="warning",
        what=f"{what} of variant `{variant.name}` {'selects' if len(names) == 1 else 'select'} nothing",
        where=_declared(pyproject, *names[0]),
        why=f"wanted packages of CUDA {' or '.join(map(str, variant.cuda))}, the lock selects the same packages "
        f"without it ({len(without.packages)} of them)"
        f"{left_out(find_named(pyproject.table, variant), chosen.selection)}",
        fix=f"put what is of its CUDA into {what}, or name what selects it in "
        f"`[tool.cudapin.variants.{variant.name}]`, then lock again",
        variant=variant.name,
    )


def _declared(pyproject: Pyproject, kind: str, name: str) -> Where:
    """Return where an extra or group is declared, in the spelling of the file."""
    path = ("project", "optional-dependencies") if kind == "extra" else ("dependency-groups",)
    table: object = pyproject.table
    for step in path:
        table = table.get(step) if isinstance(table, dict) else None
    keys = table if isinstance(table, dict) else ()
    key = next((spelt for spelt in keys if normalise(spelt) == name), name)
    line = find_line(pyproject.source.text, *path, key)
    return Where(path=pyproject.source.path, line=line, key=".".join((*path, key)))


def judge_twins(all_chosen: Iterable[Chosen], source: Source) -> Iterable[Problem]:
    """Warn of variants that select the same CUDA packages and differ in nothing else that a build would see."""
    groups: dict[tuple[object, ...], list[Chosen]] = {}
    for chosen in all_chosen:
        if chosen.bound:
            groups.setdefault(_identity(chosen), []).append(chosen)
    for group in groups.values():
        names = [chosen.variant.name for chosen in group]
        if len(names) == 1:
            continue
        frameworks_first = sorted(group[0].bound, key=lambda item: item.is_toolkit_part)
        bound = [f"{item.package.name} {item.package.version}" for item in frameworks_first]
        path = ("tool", "cudapin", "variants", names[-1])
        yield Problem(
            code=Code.CP311,
            level="warning",
            what=f"variants {name_list(names)} select the same CUDA packages",
            where=Where(path=source.path, line=find_line(source.text, *path), key=".".join(path)),
            why=f"wanted a difference, the lock gives each of them {name_list(bound[:3])}"
            + (f" and {len(bound) - 3} more" if len(bound) > 3 else ""),  # noqa: PLR2004 - the three that are named
            fix="give each its own index or requirement, then lock again, or remove one",
            variant=names[-1],
        )


def _identity(chosen: Chosen) -> tuple[object, ...]:
    """Return what makes builds of a variant differ: its CUDA packages, and what else is compiled or required."""
    variant = chosen.variant
    return (_pins(item.package for item in chosen.bound), variant.arch, variant.build_requires, variant.dependencies)


def _pins(packages: Iterable[LockedPackage]) -> frozenset[tuple[str | None, ...]]:
    return frozenset((package.name, package.version, package.index, package.origin) for package in packages)
