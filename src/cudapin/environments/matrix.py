"""Which cells a project has on any Python and platform, by the real wheels of its locks, and what each of them is."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from cudapin.core.config import Variant
from cudapin.core.doctor import judge_fit
from cudapin.core.machine import lowest_driver
from cudapin.core.matrix import PYTHONS, Absent, Matrix, MatrixCell, python_key
from cudapin.core.target import PLATFORMS, other_target, platform_name
from cudapin.environments.cells import reason_against
from cudapin.errors import Code, LockError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from cudapin.core.lock import LockedPackage, Selection
    from cudapin.core.target import Target
    from cudapin.gate import Gate

__all__ = ["find_matrix"]

_PYTHON_TAG = re.compile(r"-cp(3)(\d{1,2})-")


def find_matrix(
    gate: Gate, names: Sequence[str] | None, pythons: Sequence[str] | None, platforms: Sequence[str] | None
) -> Matrix:
    """Return the cells of the variants in `names` (None: all, the default one first) on Pythons and platforms.

    Without `pythons` those of the lock's wheel tags and the current ones are asked about, without `platforms` the
    usual ones; a lock that names no files, such as hashed requirements, is asked about the running platform alone.
    Raises ValueError for what is no Python or platform, CudapinError where a lock cannot tell.
    """
    here = platform_name(gate.target.environment)
    at = _Places(gate)
    declared = sorted(gate.config.variants, key=lambda name: name != gate.default)
    wanted: list[str | None] = [*declared] or [None]
    cells: list[MatrixCell] = []
    absent: list[Absent] = []
    unproven: list[str] = []
    for name in (item for item in wanted if names is None or item in names):
        asked, told = _candidates(at, name)
        if not told:
            unproven.append(gate.lock_path(_variant(gate, name)) or "")
        usual = dict.fromkeys((here, *PLATFORMS)) if told else (here,)
        for platform in platforms or sorted(usual, key=lambda item: item != "linux_x86_64"):
            found, reasons = _row(at, name, pythons or asked, platform)
            cells += found
            if not found and reasons:
                absent.append(Absent(variant=name, platform=platform, python=reasons[-1][0], why=reasons[-1][1]))
    if at.errors and not cells:
        raise at.errors[0]
    return Matrix(cells=tuple(cells), absent=tuple(absent), unproven=tuple(dict.fromkeys(filter(None, unproven))))


class _Places(dict[tuple[str, str], "Gate"]):
    """The gate of each Python and platform, made when it is first asked for."""

    def __init__(self, gate: Gate) -> None:
        self.gate = gate
        self.errors: list[LockError] = []

    def unjudged(self, error: LockError) -> str:
        """Note that a lock tells nothing for one place, and return why. Raises one that concerns all places."""
        if any(problem.code is not Code.CP206 for problem in error.problems):
            raise error
        self.errors.append(error)
        return f"{error.problems[0].what} ({error.problems[0].why})"

    def __missing__(self, key: tuple[str, str]) -> Gate:
        python, platform = key
        there = self.gate.at(other_target(other_target(self.gate.target, python, None), None, platform))
        there.facts = self.gate.facts
        return self.setdefault(key, there)


def _row(
    at: _Places, name: str | None, pythons: Sequence[str], platform: str
) -> tuple[list[MatrixCell], list[tuple[str, str]]]:
    """Return the cells of a variant on one platform, and why others do not exist, each with its Python."""
    cells, reasons = [], []
    for python in pythons:
        there = at[python, platform]
        variant = _variant(there, name)
        try:
            why = reason_against(there, None if name is None else variant)
            if why is None:
                cells.append(_cell(at.gate, there, name, variant, python, platform))
        except LockError as error:
            why = at.unjudged(error)
        if why is not None:
            reasons.append((python, why))
    return cells, reasons


def _variant(gate: Gate, name: str | None) -> Variant:
    if name is None:
        return Variant(name="-", extra=(), group=())
    return next(variant for variant in gate.all_variants() if variant.name == name)


def _candidates(at: _Places, name: str | None) -> tuple[list[str], bool]:
    """Return the Pythons to ask about, and whether the lock tells anything by the names of files."""
    try:
        selection = at.gate.select_all(_variant(at.gate, name))
    except LockError as error:  # it is not for the Python that runs this, and may be for others
        at.unjudged(error)
        return [*PYTHONS], True
    files = [file.name for package in _of_index(selection) for file in package.files if file.name]
    tagged = {".".join(found.groups()) for file in files for found in _PYTHON_TAG.finditer(file)}
    told = bool(files) or not list(_of_index(selection))
    return sorted({*PYTHONS, *tagged}, key=python_key), told


def _of_index(selection: Selection | None) -> Iterable[LockedPackage]:
    return (package for package in selection.packages if package.kind == "registry") if selection else ()


def _cell(gate: Gate, there: Gate, name: str | None, variant: Variant, python: str, platform: str) -> MatrixCell:
    selection = there.select_all(variant)
    bound = there.bound(variant, selection) if selection else ()
    ordered = sorted(bound, key=lambda item: (item.is_toolkit_part, item.package.name))
    fits, reasons = _fits(gate, there, variant, platform)
    return MatrixCell(
        variant=name,
        python=python,
        platform=platform,
        cuda=variant.cuda,
        driver=variant.driver or lowest_driver(there.facts, variant.cuda, there.platform),
        arch=variant.arch,
        packages={item.package.name: item.package.version for item in ordered},
        toolkit_parts=frozenset(item.package.name for item in ordered if item.is_toolkit_part),
        from_source=_from_source(selection, there.target),
        fits=fits,
        reasons=reasons,
    )


def _fits(gate: Gate, there: Gate, variant: Variant, platform: str) -> tuple[bool, tuple[str, ...]]:
    """Tell whether this machine runs the cell, as `doctor` does, where it is for this platform at all."""
    here, other = gate.target.environment, there.environment
    same = ("sys_platform", "platform_machine")
    if [here[key] for key in same] != [other[key] for key in same]:
        return False, (f"this machine is not {platform}",)
    tags = tuple({tag.platform for tag in gate.target.tags}) if variant.platforms else None
    found = judge_fit(variant, gate.machine, gate.facts, there.platform, other, tags)
    return found.fits, found.reasons


def _from_source(selection: Selection | None, target: Target) -> tuple[str, ...]:
    """Return the names of packages that have files for the target, none of them a wheel."""
    names = []
    for package in _of_index(selection):
        usable = [file.name for file in package.files if target.is_usable(file)]
        if usable and all(name and not name.endswith(".whl") for name in usable):
            names.append(package.name)
    return tuple(names)
