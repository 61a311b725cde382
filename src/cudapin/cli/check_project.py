"""All static checks of one project, for one target: problems, and a row for each variant."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cudapin.cli.build_requires import judge_build_requires
from cudapin.cli.static import judge_static
from cudapin.core.judge_variants import is_for_target
from cudapin.core.verdict import exit_code
from cudapin.discipline import judge_coverage, judge_variant, judge_variants
from cudapin.errors import Code, CudapinError, Problem, Where

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cudapin.core.config import Variant
    from cudapin.gate import Gate

__all__ = ["ELSEWHERE", "check_project", "no_gate", "waiver_notes"]

ELSEWHERE = "not for this target"
_WRONG_CUDA = (Code.CP301, Code.CP303, Code.CP304)


def check_project(
    gate: Gate, names: Sequence[str] | None
) -> tuple[tuple[Problem, ...], list[dict[str, Any]], tuple[str, ...]]:
    """Return the problems that no waiver accepts, a row for each variant in `names` (None: all), and notes."""
    if names is not None:
        names = _resolved(gate, names)
    problems = [*judge_static(gate), *judge_build_requires(gate), *_python_problems(gate)]
    if not gate.config.has_lock_gate:
        problems.append(no_gate(gate))
    for path, users in gate.lock_users().items():
        if names is None or not users or any(user.name in names for user in users):
            problems += gate.judge_lock(path).problems
    rows = []
    found: list[Problem] = []
    for variant in gate.all_variants():
        if names is not None and variant.name not in names:
            continue
        lock = gate.lock_path(variant)
        uncovered = judge_coverage(gate, lock) if lock else ()
        problems += uncovered
        if uncovered or not is_for_target(variant, gate.environment):
            rows.append({"name": variant.name, "verdict": ELSEWHERE, "packages": {}})
            continue
        own, packages = _check_variant(gate, variant)
        if _has_no_files(own):
            problems += own if names is not None else ()
            rows.append({"name": variant.name, "verdict": ELSEWHERE, "packages": {}})
            continue
        found += own
        rows.append({"name": variant.name, "verdict": _word(gate, variant, own), "packages": packages})
    waived = gate.waive([*problems, *_together(gate, rows, found)])
    return waived.standing, rows, waiver_notes(waived.accepted)


def _has_no_files(problems: Sequence[Problem]) -> bool:
    """Whether all that is said of a variant is that its packages have no file for the target.

    A variant exists where the lock has wheels for it, if nothing says otherwise; only who names it is told why not.
    """
    return any(problem.code is Code.CP312 for problem in problems) and all(
        problem.level == "warning" for problem in problems
    )


def _resolved(gate: Gate, names: Sequence[str]) -> list[str]:
    """Return which of the project's own variants are asked for; the machine is asked for `auto`."""
    own = [name for name in names if name in gate.config.variants]
    if "auto" in names and (choice := gate.choose("auto")) is not None:
        own.append(choice.variant.name)
    return own


def _check_variant(gate: Gate, variant: Variant) -> tuple[tuple[Problem, ...], dict[str, str | None]]:
    path = gate.lock_path(variant)
    if path is None or gate.judge_lock(path).freshness == "missing":
        return (), {}
    try:
        selection = gate.select(variant)
        problems = judge_variant(gate, variant)
    except CudapinError as error:
        return error.problems, {}
    bound = gate.bound(variant, selection) if selection else ()
    return problems, {item.package.name: item.package.version for item in bound}


def _together(gate: Gate, rows: Sequence[dict[str, Any]], found: Sequence[Problem]) -> list[Problem]:
    """Add the problems across variants, and drop what they make redundant.

    A variant whose extra selects nothing has nothing of a CUDA either; two variants that are the same are no news
    where one of them is of a wrong CUDA.
    """
    wrong = {problem.variant for problem in found if problem.code in _WRONG_CUDA}
    judged = [row["name"] for row in rows if row["verdict"] != ELSEWHERE and row["name"] not in wrong]
    across = judge_variants(gate, judged)
    empty = {problem.variant for problem in across if problem.code is Code.CP310}
    kept = [problem for problem in found if problem.code is not Code.CP308 or problem.variant not in empty]
    return [*kept, *across]


def _word(gate: Gate, variant: Variant, problems: tuple[Problem, ...]) -> str:
    path = gate.lock_path(variant)
    lock_problems = gate.judge_lock(path).problems if path else ()
    standing = gate.waive((*problems, *lock_problems), variant.name).standing
    return {0: "ok", 3: "unknown"}.get(exit_code(standing), "wrong") if path else "unknown"


def _python_problems(gate: Gate) -> tuple[Problem, ...]:
    """Warn where the project does not support the Python that its lock is judged for: locks say nothing about it."""
    from packaging.specifiers import InvalidSpecifier, SpecifierSet

    wanted, found = gate.project.metadata.get("requires-python"), gate.environment["python_full_version"]
    try:
        if not isinstance(wanted, str) or SpecifierSet(wanted).contains(found, prereleases=True):
            return ()
    except InvalidSpecifier:
        return ()
    source = gate.project.pyproject.source
    problem = Problem(
        code=Code.CP312,
        level="warning",
        what="the project does not support the Python that it is checked for",
        where=Where(path=source.path, key="project.requires-python"),
        why=f"wanted Python `{wanted}`, found {found}, for which the lock need not hold anything",
        fix="name a Python of the project, such as `cudapin check --python 3.12`",
    )
    return (problem,)


def no_gate(gate: Gate) -> Problem:
    """Return the warning for a project that locks nothing by design."""
    return Problem(
        code=Code.CP208,
        level="warning",
        what="this project has no lock gate",
        where=Where(path=gate.project.pyproject.source.path, key="tool.cudapin.lock"),
        why="`lock = false`: what it builds from is not checked",
        fix="remove `lock = false` to have it checked",
    )


def waiver_notes(accepted: Sequence[tuple[Problem, Any]]) -> tuple[str, ...]:
    """Return a line for each waiver that accepted a problem."""
    return tuple(f"waived {problem.code.name}: {problem.what} ({waiver.reason})" for problem, waiver in accepted)
