"""The verdict on a build, before anything is stamped or written."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cudapin.core.verdict import exit_code
from cudapin.errors import Code, ConfigError, LockError, Problem, Refusal, Where, sort_problems

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from cudapin.core.compiled import Binary
    from cudapin.core.config import Variant, Waiver
    from cudapin.core.judge_env import BuildRequirement
    from cudapin.core.lock import LockVerdict
    from cudapin.core.select import Choice
    from cudapin.errors import CudapinError
    from cudapin.gate import Gate

__all__ = ["Judgement", "is_readable", "judge_ahead", "judge_sdist", "judge_wheel", "locked_build_requirements"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What was found: problems that refuse the build, warnings, and what a waiver accepted."""

    errors: tuple[Problem, ...]
    warnings: tuple[Problem, ...]
    accepted: tuple[tuple[Problem, Waiver], ...] = ()
    verdicts: Mapping[str, LockVerdict]

    def refuse(self) -> None:
        """Raise the problems, where there are any, as the error that their exit code asks for."""
        if not self.errors:
            return
        errors: dict[int, type[CudapinError]] = {2: ConfigError, 3: LockError}
        raise errors.get(exit_code(self.errors), Refusal)(*self.errors)


def judge_sdist(gate: Gate) -> Judgement:
    """Judge every lock file of the project; an sdist needs no variant and is judged no further."""
    problems: list[Problem] = []
    verdicts = {}
    for path in gate.lock_users():
        verdicts[path] = gate.judge_lock(path)
        problems += verdicts[path].problems
        problems += _private_host_problems(gate, path)
    return _divide(gate, problems, verdicts, None)


def _private_host_problems(gate: Gate, path: str) -> Iterable[Problem]:
    """Warn where an sdist is about to carry credentials, or a lock from outside it that names a private host."""
    from cudapin.core.index import find_private_hosts, has_credentials
    from cudapin.core.seal import sealed_path

    source = None if gate.project.is_sdist else gate.project.read(path)
    if source is not None and has_credentials(source.text):
        yield Problem(
            code=Code.CP210,
            level="warning",
            what=f"the sdist carries `{path}`, which holds credentials",
            where=Where(path=path),
            why="an address in it has a user name and a password or token, and whoever gets the sdist can read them",
            fix="take the credentials out of the lock: installers read them from a keyring, netrc or the environment",
        )
    if source is None or sealed_path(path, "") == path:
        return
    for host in find_private_hosts(source.text):
        yield Problem(
            code=Code.CP210,
            level="warning",
            what=f"the sdist carries `{path}`, which names the private host `{host}`",
            where=Where(path=path),
            why="the lock lies outside the project, and whoever gets the sdist can read it",
            fix="publish wheels only, or lock from an index that may be known",
        )


def judge_wheel(gate: Gate, choice: Choice | None, *, compiled: bool, binaries: Sequence[Binary] = ()) -> Judgement:
    """Judge the lock, what the variant selects from it, the environment of the build, and the files it compiled."""
    variant = choice.variant if choice else None
    path = gate.lock_path(variant)
    problems: list[Problem] = []
    if variant is not None and binaries:
        from cudapin.builds.compiled import judge_compiled

        problems += judge_compiled(gate, variant, binaries)
    if path is None:
        problems += _toolchain_problems(gate, variant) if variant and compiled else ()
        return _divide(gate, problems, {}, variant)
    verdict = gate.judge_lock(path)
    problems += verdict.problems
    if variant is not None and is_readable(verdict):
        from cudapin.discipline import judge_variant

        try:
            problems += judge_variant(gate, variant)
            problems += _environment_problems(gate, variant, path, compiled=compiled)
        except LockError as error:
            problems += error.problems
    return _divide(gate, problems, {path: verdict}, variant)


def judge_ahead(gate: Gate, variant: Variant | None) -> Judgement:
    """Judge what a wheel build judges before there is an environment: the lock, and what the variant selects from it.

    Never raises for what a build would refuse.
    """
    path = gate.lock_path(variant)
    if path is None:
        return _divide(gate, (), {}, variant)
    verdict = gate.judge_lock(path)
    problems = list(verdict.problems)
    if variant is not None and is_readable(verdict):
        from cudapin.discipline import judge_variant

        try:
            problems += judge_variant(gate, variant)
        except LockError as error:
            problems += error.problems
    return _divide(gate, problems, {path: verdict}, variant)


def locked_build_requirements(gate: Gate, variant: Variant) -> tuple[BuildRequirement, ...]:
    """Return what the lock says the variant is built with, its `build-requires` and their closure."""
    from cudapin.core.judge_env import build_requirements

    selection = gate.select(variant) if variant.build_requires else None
    return () if selection is None else build_requirements(selection, variant.build_requires, gate.target.is_usable)


def _divide(
    gate: Gate, problems: Iterable[Problem], verdicts: Mapping[str, LockVerdict], variant: Variant | None
) -> Judgement:
    problems = sort_problems(problems)
    waived = gate.waive(
        (problem for problem in problems if problem.level == "error"), variant.name if variant else None
    )
    return Judgement(
        errors=waived.standing,
        warnings=tuple(problem for problem in problems if problem.level == "warning"),
        accepted=waived.accepted,
        verdicts=verdicts,
    )


def is_readable(verdict: LockVerdict) -> bool:
    """Tell whether the lock file is there and could be parsed, whatever the verdict."""
    return verdict.freshness != "missing" and not any(problem.code is Code.CP205 for problem in verdict.problems)


def _environment_problems(gate: Gate, variant: Variant, path: str, *, compiled: bool) -> Iterable[Problem]:
    requirements = locked_build_requirements(gate, variant)
    if not requirements and not compiled:
        return ()
    from cudapin.adapters.buildenv import find_changed_file, find_distributions, read_installed
    from cudapin.core.judge_env import judge_build_environment

    distributions = find_distributions()
    installed = {
        requirement.package.name: read_installed(distributions[requirement.package.name].distribution)
        for requirement in requirements
        if requirement.package.name in distributions
    }
    fix = _environment_fix(gate)
    problems = judge_build_environment(
        requirements,
        installed,
        path,
        fix,
        lambda name: find_changed_file(distributions[name].distribution),
        _unconditional_sources(gate),
    )
    if compiled:
        versions = {name: found.version for name, found in distributions.items()}
        problems += _surplus_problems(gate, variant, versions, fix)
        problems += _toolchain_problems(gate, variant)
    return problems


def _toolchain_problems(gate: Gate, variant: Variant) -> tuple[Problem, ...]:
    from cudapin.adapters.toolchain import judge_toolchain

    return judge_toolchain(variant, user=gate.environ, effective=os.environ, root=gate.project.root, facts=gate.facts)


def _surplus_problems(gate: Gate, variant: Variant, versions: Mapping[str, str], fix: str) -> tuple[Problem, ...]:
    """Return a problem for each installed CUDA package that a compiler could pick up by mistake."""
    from cudapin.core.judge_cuda import bound_packages
    from cudapin.core.judge_env import judge_surplus
    from cudapin.core.lock import LockedPackage, Selection

    selection = gate.select(variant)
    if selection is None:
        return ()
    packages = tuple(LockedPackage(name=name, version=version, index="") for name, version in versions.items())
    bound = bound_packages(Selection(packages=packages), gate.facts, gate.platform, gate.config.cuda_bound)
    return judge_surplus(bound, selection, variant.name, fix)


def _unconditional_sources(gate: Gate) -> frozenset[str]:
    """Return the names with a source in `[tool.uv.sources]` for every extra and group, and so for builds, too."""
    from cudapin.core.names import normalise

    table: object = gate.project.pyproject.table
    for key in ("tool", "uv", "sources"):
        table = table.get(key) if isinstance(table, dict) else None
    found = set()
    for name, value in (table if isinstance(table, dict) else {}).items():
        sources = value if isinstance(value, list) else [value]
        if any(isinstance(one, dict) and not {"extra", "group"} & one.keys() for one in sources):
            found.add(normalise(name))
    return frozenset(found)


def _environment_fix(gate: Gate) -> str:
    if gate.environ.get("HATCH_ENV_ACTIVE"):
        return f"hatch env remove {gate.environ['HATCH_ENV_ACTIVE']}"
    return "build in a fresh isolated environment (without `--no-isolation` or `--no-build-isolation`)"
