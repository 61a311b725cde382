"""What `doctor` says of a project: its locks, its variants on this machine, and the environment beside them."""

from __future__ import annotations

import os
import shlex
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from cudapin.cli.check_project import waiver_notes
from cudapin.core.config import for_environment
from cudapin.core.cuda import parse_platform
from cudapin.core.doctor import ProjectReport, judge_fit
from cudapin.core.judge_installed import compare_variant, judge_difference
from cudapin.core.names import normalise
from cudapin.core.select import is_declared_for
from cudapin.core.spelling import spell_name
from cudapin.core.target import Target
from cudapin.discipline import judge_coverage
from cudapin.errors import Code, ConfigError, CudapinError, Problem

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from cudapin.core.config import Variant
    from cudapin.core.cuda import Platform
    from cudapin.core.doctor import EnvironmentReport, VariantFit
    from cudapin.core.installed import Environment
    from cudapin.core.judge_installed import Difference
    from cudapin.core.machine import Machine
    from cudapin.gate import Gate

__all__ = ["ProjectFindings", "look_at_project", "platform_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectFindings:
    """The project's part of the report, the environment's with its verdict, and what goes beside both."""

    project: ProjectReport
    environment: EnvironmentReport
    problems: tuple[Problem, ...]
    notes: tuple[str, ...]


def platform_of(environment: Environment) -> Platform:
    """Return the platform of an environment, as the fact tables name it."""
    return parse_platform(environment.markers["sys_platform"], environment.markers["platform_machine"])


def look_at_project(
    gate: Gate, environ: Mapping[str, str], variant: str | None, machine: Machine, found: EnvironmentReport
) -> ProjectFindings:
    """Judge an environment against the variant that is asked for: by name, by `CUDAPIN_VARIANT`, or by its own stamp.

    Raises CudapinError where something stands in the way of an answer that `variant` or `CUDAPIN_VARIANT` wants.
    """
    _look_through(gate, found.environment, machine)
    asked, asked_by = _asked(gate, environ, variant, found.environment)
    chosen = None
    if asked is not None and asked_by != _BY_STAMP:
        chosen = _chosen(gate, asked, asked_by, is_variable=variant is None)
    elif asked is not None:
        chosen, asked_by = _stamped(gate, asked), f"the record of `{_own_package(gate, found.environment)}`"
    locks, lock_problems, notes = _locks(gate)
    project = ProjectReport(
        name=str(gate.project.metadata.get("name", "")) or None, locks=locks, variants=tuple(_fits(gate, machine))
    )
    if chosen is None:
        told = dict(_matches(gate, found)) if asked is None else {}
        undeclared = _undeclared(asked, asked_by) if asked is not None and gate.config.variants else ()
        found = replace(found, matches=tuple(name for name, is_it in told.items() if is_it), compared=tuple(told))
        return ProjectFindings(project=project, environment=found, problems=(*lock_problems, *undeclared), notes=notes)
    found, problems = _compare(gate, chosen, asked_by, found)
    said = {(problem.code, problem.what) for problem in problems}
    lock_problems = tuple(problem for problem in lock_problems if (problem.code, problem.what) not in said)
    return ProjectFindings(project=project, environment=found, problems=(*lock_problems, *problems), notes=notes)


_BY_STAMP = "stamp"


def _look_through(gate: Gate, environment: Environment, machine: Machine) -> None:
    """Let the gate see the environment's Python, and the machine that was read already."""
    gate.machine = machine
    if not environment.is_default:
        from cudapin.adapters.interpreter import running_target
        from cudapin.core.target import other_target

        python = ".".join(environment.markers["python_version"].split(".")[:2])
        running = running_target()
        gate.target = Target(environment.markers, lambda: other_target(running, python, None).tags)


def _asked(
    gate: Gate, environ: Mapping[str, str], variant: str | None, environment: Environment
) -> tuple[str | None, str]:
    if variant is not None:
        return variant, "`--variant`"
    if environ.get("CUDAPIN_VARIANT"):
        return environ["CUDAPIN_VARIANT"], "`CUDAPIN_VARIANT`"
    for name in _own_names(gate):
        package = environment.packages.get(name)
        if package is not None and package.stamp is not None and package.stamp.variant is not None:
            return package.stamp.variant, _BY_STAMP
    return None, ""


def _own_names(gate: Gate) -> tuple[str, ...]:
    """Return every name that wheels of the project have."""
    names = [str(gate.project.metadata.get("name", ""))]
    if gate.config.name is not None:
        names += [spell_name(gate.config.name, item) or "" for item in gate.config.variants.values()]
    return tuple(dict.fromkeys(normalise(name) for name in names if name))


def _own_package(gate: Gate, environment: Environment) -> str:
    found = (environment.packages[name] for name in _own_names(gate) if name in environment.packages)
    return next((f"{item.name} {item.version}" for item in found if item.stamp and item.stamp.variant), "")


def _chosen(gate: Gate, asked: str, asked_by: str, *, is_variable: bool) -> Variant | None:
    choice = gate.choose(asked, asked_by.strip("`") if is_variable else asked_by)
    if choice is None and not is_variable:
        problem = Problem(
            code=Code.CP112,
            what=f"there is no variant `{asked}`",
            why="the project declares no variants",
            fix="leave out `--variant`",
        )
        raise ConfigError(problem)
    return choice.variant if choice else None


def _stamped(gate: Gate, name: str) -> Variant | None:
    """Return the variant that a record names; None where the project no longer has it, or not for this Python."""
    try:
        choice = gate.choose(name) if name in gate.config.variants else None
    except CudapinError:
        return None
    return choice.variant if choice else None


def _undeclared(name: str, asked_by: str) -> tuple[Problem, ...]:
    return (
        Problem(
            code=Code.CP503,
            level="warning",
            what=f"the environment is of variant `{name}`, which the project does not have here",
            why=f"{asked_by} says so, and `[tool.cudapin.variants]` declares no `{name}` for this Python and platform",
            fix="install a wheel of a declared variant, or ask for one with `--variant`",
            variant=name,
        ),
    )


def _locks(gate: Gate) -> tuple[tuple[tuple[str, str], ...], tuple[Problem, ...], tuple[str, ...]]:
    """Return each lock with its verdict, and as warnings what `lock check` says of it."""
    try:
        verdicts = {path: gate.judge_lock(path) for path in gate.lock_users()}
        waived = gate.waive(problem for verdict in verdicts.values() for problem in verdict.problems)
    except CudapinError as error:
        return (), _soft(error.problems), ()
    locks = tuple((path, verdict.freshness) for path, verdict in verdicts.items())
    return locks, _soft(waived.standing), waiver_notes(waived.accepted)


def _soft(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    return tuple(replace(problem, level="warning") for problem in problems)


def _fits(gate: Gate, machine: Machine) -> Iterable[VariantFit]:
    for declared in gate.config.variants.values():
        variant = for_environment(declared, gate.environment)
        tags = tuple({tag.platform for tag in gate.target.tags}) if variant.platforms else None
        yield judge_fit(variant, machine, gate.facts, gate.platform, gate.environment, tags)


def _matches(gate: Gate, found: EnvironmentReport) -> Iterable[tuple[str, bool]]:
    """Yield each variant that can be told with whether the environment is it, where nobody says what it should be."""
    for name, declared in gate.config.variants.items():
        try:
            variant = gate.complete(for_environment(declared, gate.environment))
            if not is_declared_for(variant, gate.environment):
                continue
            differences, total = _differences(gate, variant, found)
        except CudapinError:
            continue
        if total:
            yield name, not differences


def _differences(gate: Gate, variant: Variant, found: EnvironmentReport) -> tuple[tuple[Difference, ...], int]:
    selection = gate.select(variant)
    if selection is None:
        return (), 0
    bound, own = gate.bound(variant, selection), _own_names(gate)
    found_differences = compare_variant(variant, selection, bound, found.environment, found.packages, own)
    return found_differences, len(selection.packages)


def _compare(
    gate: Gate, variant: Variant, asked_by: str, found: EnvironmentReport
) -> tuple[EnvironmentReport, tuple[Problem, ...]]:
    found = replace(found, variant=variant.name, asked_by=asked_by)
    try:
        path = gate.lock_path(variant)
        differences, total = _differences(gate, variant, found)
    except CudapinError as error:
        return found, error.problems
    if path is None:
        return found, ()
    if uncovered := judge_coverage(gate, path):
        return found, uncovered
    other = _other(gate, found.environment) if len(differences) == total else None
    if differences and other is not None:
        fix = f"cudapin doctor --variant {variant.name} --python {shlex.quote(other)}"
    else:
        fix = _fix(gate, variant, path, found.environment) if differences else ""
    problems = judge_difference(variant, total, differences, path, asked_by, fix)
    found = replace(found, is_variant=not differences, differences=differences, total=total)
    return found, problems


def _other(gate: Gate, environment: Environment) -> str | None:
    """Return the environment that was meant, perhaps: cudapin may be installed apart from what it looks at."""
    own = gate.project.root / ".venv"
    candidates = [gate.environ.get("VIRTUAL_ENV", ""), str(own) if (own / "pyvenv.cfg").is_file() else ""]
    here = os.path.realpath(environment.prefix)
    others = (path for path in candidates if path and os.path.realpath(path) != here)
    return next(others, None) if environment.is_default else None


def _fix(gate: Gate, variant: Variant, path: str, environment: Environment) -> str:
    """Return the command that makes the environment what the lock says."""
    own = gate.project.root / ".venv"
    is_own = os.path.realpath(environment.prefix) == os.path.realpath(own)
    format_ = gate.lock(path).format
    if format_ == "uv" and is_own:
        extras = [f"--extra {name}" for name in variant.extra or ()]
        return " ".join(["uv sync", *extras, *(f"--group {name}" for name in variant.group or ())])
    python = shlex.quote(environment.executable)
    if format_ == "requirements":
        return f"{python} -m pip install -r {shlex.quote(path)}"
    version = "" if environment.is_default else f" --python {environment.markers['python_version']}"
    export = f"cudapin export --variant {variant.name}{version} --to requirements"
    # Without its configuration uv would let the default index of `[tool.uv]` go before the one in the file.
    return f"{export} | uv pip install --no-config --python {python} -r -"
