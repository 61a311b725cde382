"""What a build of one project comes to: the verdict, the stamped metadata and the record of a wheel; an sdist's seal.

Nothing here knows hatchling: the hooks in `plugin` hand in plain values and carry out the plan.
"""

from __future__ import annotations

import platform
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cudapin import __version__
from cudapin.core.verdict import exit_code
from cudapin.errors import Code, ConfigError, LockError, Problem, Refusal, Where, sort_problems

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from cudapin.core.config import Variant, Waiver
    from cudapin.core.judge_env import BuildRequirement
    from cudapin.core.lock import LockVerdict, Selection
    from cudapin.core.seal import Seal
    from cudapin.core.stamp import Metadata
    from cudapin.errors import CudapinError
    from cudapin.core.select import Choice
    from cudapin.gate import Gate

__all__ = ["Judgement", "WheelPlan", "judge_sdist", "judge_static", "empty_record", "judge_wheel", "locked_build_requirements", "plan_metadata", "plan_wheel", "seal_sdist"]

_SCHEMA = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What was found: problems that refuse the build, warnings, and what a waiver accepted."""

    errors: tuple[Problem, ...]
    warnings: tuple[Problem, ...]
    accepted: tuple[tuple[Problem, Waiver], ...] = ()
    verdicts: Mapping[str, LockVerdict]

    def refuse(self) -> None:
        """Raise the error that carries the problems, where there are any, of the class that their exit code asks for."""
        if not self.errors:
            return
        errors: dict[int, type[CudapinError]] = {2: ConfigError, 3: LockError}
        raise errors.get(exit_code(self.errors), Refusal)(*self.errors)


@dataclass(frozen=True, slots=True, kw_only=True)
class WheelPlan:
    """How a wheel is stamped: its metadata, its platform tags (None: as the build made them), its record."""

    metadata: Metadata
    platforms: tuple[str, ...] | None
    record: Mapping[str, Any]


def judge_static(gate: Gate) -> Iterable[Problem]:
    """Return what is wrong with a project whatever is built: what a front end or uv would trip over."""
    from cudapin.core.locate import find_line

    source = gate.project.pyproject.source
    build_system = gate.project.pyproject.table.get("build-system", {})
    literal = {_project_name(text) for text in build_system.get("requires", []) if isinstance(text, str)}
    named = {name for variant in gate.variants() for name in variant.build_requires}
    for name in sorted(named & literal):
        yield Problem(
            code=Code.CP110,
            what=f"`{name}` stands in `build-requires` and in `[build-system].requires`",
            where=Where(
                path=source.path, line=find_line(source.text, "build-system", "requires"), key="build-system.requires"
            ),
            why="pip refuses a build requirement that it has installed in another version already",
            fix=f"remove `{name}` from `[build-system].requires`",
        )
    yield from _cache_key_problems(gate)


def _cache_key_problems(gate: Gate) -> Iterable[Problem]:
    """uv keeps built wheels until a cache key changes; without one for the variable it reuses another variant's."""
    from cudapin.core.locate import find_line

    tool = gate.project.pyproject.table.get("tool", {})
    keys = tool.get("uv", {}).get("cache-keys")
    if "uv" not in tool or not gate.config.variants or {"env": "CUDAPIN_VARIANT"} in (keys or ()):
        return
    source = gate.project.pyproject.source
    files = ["pyproject.toml", *gate.lock_users()]
    wanted = ", ".join([*(f'{{ file = "{file}" }}' for file in files), '{ env = "CUDAPIN_VARIANT" }'])
    yield Problem(
        code=Code.CP209,
        level="warning",
        what="uv may install a wheel that it built for another variant",
        where=Where(path=source.path, line=find_line(source.text, "tool", "uv", "cache-keys"), key="tool.uv.cache-keys"),
        why="`[tool.uv] cache-keys` does not name `CUDAPIN_VARIANT`, so uv does not see it change",
        fix=f"add `cache-keys = [{wanted}]` to `[tool.uv]`",
    )


def _project_name(text: str) -> str:
    from packaging.requirements import InvalidRequirement, Requirement
    from packaging.utils import canonicalize_name

    try:
        return canonicalize_name(Requirement(text).name)
    except InvalidRequirement:
        return text


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
    """Warn where an sdist is about to carry a lock from outside the project that names a private host."""
    from cudapin.core.index import find_private_hosts
    from cudapin.core.seal import sealed_path

    source = gate.project.read(path) if sealed_path(path, "") != path and not gate.project.is_sdist else None
    for host in find_private_hosts(source.text) if source else ():
        yield Problem(
            code=Code.CP210,
            level="warning",
            what=f"the sdist carries `{path}`, which names the private host `{host}`",
            where=Where(path=path),
            why="the lock lies outside the project, and whoever gets the sdist can read it",
            fix="publish wheels only, or lock from an index that may be known",
        )


def judge_wheel(gate: Gate, choice: Choice | None, *, compiled: bool) -> Judgement:
    """Judge the lock, what the variant selects from it, and the environment that the wheel is built in."""
    variant = choice.variant if choice else None
    path = gate.lock_path(variant)
    if path is None:
        return _divide(gate, (), {}, variant)
    verdict = gate.judge_lock(path)
    problems = list(verdict.problems)
    if variant is not None and _is_readable(verdict):
        try:
            problems += gate.judge_variant(variant)
            problems += _environment_problems(gate, variant, path, compiled=compiled)
        except LockError as error:
            problems += error.problems
    return _divide(gate, problems, {path: verdict}, variant)


def locked_build_requirements(gate: Gate, variant: Variant) -> tuple[BuildRequirement, ...]:
    """Return what the lock says the variant is built with, its `build-requires` and their closure."""
    from cudapin.core.judge_env import build_requirements

    selection = gate.select(variant) if variant.build_requires else None
    return () if selection is None else build_requirements(selection, variant.build_requires, gate.is_usable)


def plan_wheel(
    gate: Gate, choice: Choice, metadata: Metadata, judgement: Judgement, *, compiled: bool, hatchling: str
) -> WheelPlan:
    """Return the stamp of a wheel that was judged and not refused."""
    return WheelPlan(
        metadata=plan_metadata(gate, choice.variant, metadata),
        platforms=_platforms(gate, choice.variant, compiled=compiled),
        record=_record(gate, choice.variant, judgement, compiled=compiled, hatchling=hatchling),
    )


def plan_metadata(gate: Gate, variant: Variant, metadata: Metadata) -> Metadata:
    """Return the metadata that the variant's wheel will have."""
    from cudapin.core.stamp import stamp_metadata

    classifiers = [text for cuda in variant.cuda for text in gate.facts.classifiers(cuda)]
    return stamp_metadata(
        metadata, gate.config, variant, _selection(gate, variant), default=gate.default, classifiers=classifiers
    )


def seal_sdist(gate: Gate, judgement: Judgement) -> tuple[Seal, dict[str, str]]:
    """Return the seal of an sdist, and the files that it has to carry: path on disk -> path in the sdist."""
    from cudapin.adapters.lockfile import uv_inputs
    from cudapin.adapters.project import digest
    from cudapin.core.seal import Seal, SealedFile, sealed_path
    from cudapin.locks.requirements import RequirementsLock
    from cudapin.locks.requirements_fresh import input_paths, read_command

    paths = list(gate.lock_users())
    inputs = None
    for path in list(paths):
        lock = gate.lock(path) if path in judgement.verdicts and _is_readable(judgement.verdicts[path]) else None
        if isinstance(lock, RequirementsLock):
            paths += input_paths(read_command(lock.header), gate.project.read)
        elif lock is not None:
            inputs = uv_inputs(gate.project, lock)
    files: dict[str, SealedFile] = {}
    carried: dict[str, str] = {}
    for path in dict.fromkeys(paths):
        file = gate.project.locate(path)
        if file.is_file():
            sha256 = digest(file)
            target = sealed_path(path, sha256)
            files[path] = SealedFile(path=target, sha256=sha256)
            carried[str(file)] = target
    seal = Seal(
        files=files,
        uv=inputs,
        waived=tuple(dict.fromkeys(waiver for _, waiver in judgement.accepted)),
    )
    return seal, carried


def _divide(
    gate: Gate, problems: Iterable[Problem], verdicts: Mapping[str, LockVerdict], variant: Variant | None
) -> Judgement:
    problems = sort_problems(problems)
    waived = gate.waive((problem for problem in problems if problem.level == "error"), variant.name if variant else None)
    return Judgement(
        errors=waived.standing,
        warnings=tuple(problem for problem in problems if problem.level == "warning"),
        accepted=waived.accepted,
        verdicts=verdicts,
    )


def _is_readable(verdict: LockVerdict) -> bool:
    return verdict.freshness != "missing" and not any(problem.code is Code.CP205 for problem in verdict.problems)


def _environment_problems(gate: Gate, variant: Variant, path: str, *, compiled: bool) -> Iterable[Problem]:
    requirements = locked_build_requirements(gate, variant)
    if not requirements and not compiled:
        return ()
    from cudapin.adapters.buildenv import find_changed_file, find_distributions, read_installed
    from cudapin.core.judge_env import judge_build_environment

    distributions = find_distributions()
    installed = {
        requirement.package.name: read_installed(distributions[requirement.package.name])
        for requirement in requirements
        if requirement.package.name in distributions
    }
    fix = _environment_fix(gate)
    problems = judge_build_environment(
        requirements, installed, path, fix, lambda name: find_changed_file(distributions[name])
    )
    if compiled:
        from cudapin.adapters.toolchain import judge_toolchain

        versions = {name: distribution.version for name, distribution in distributions.items()}
        problems += _surplus_problems(gate, variant, versions, fix)
        problems += judge_toolchain(variant, gate.environ, gate.project.root)
    return problems


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


def _environment_fix(gate: Gate) -> str:
    if gate.environ.get("HATCH_ENV_ACTIVE"):
        return f"hatch env remove {gate.environ['HATCH_ENV_ACTIVE']}"
    return "build in a fresh isolated environment (without `--no-isolation` or `--no-build-isolation`)"


def _selection(gate: Gate, variant: Variant) -> Selection | None:
    path = gate.lock_path(variant)
    return gate.select(variant) if path is not None and _is_readable(gate.judge_lock(path)) else None


def _platforms(gate: Gate, variant: Variant, *, compiled: bool) -> tuple[str, ...] | None:
    if compiled:
        if "any" in variant.platforms:
            raise ConfigError(_any_with_binaries(gate, variant))
        return variant.platforms or None
    from cudapin.core.stamp import default_platforms

    found = default_platforms(variant, gate.environment["sys_platform"], gate.environment["platform_machine"])
    if found is None:
        raise ConfigError(
            Problem(
                code=Code.CP106,
                what=f"the platform of variant `{variant.name}` must be said here",
                why=f"on {gate.environment['sys_platform']} no platform follows from CUDA {variant.cuda[0]}",
                fix=f'add `platforms = ["…"]` to `[tool.cudapin.variants.{variant.name}]`',
            )
        )
    return None if found == ("any",) else found


def _any_with_binaries(gate: Gate, variant: Variant) -> Problem:
    from cudapin.core.locate import find_line

    source = gate.project.pyproject.source
    key = ("tool", "cudapin", "variants", variant.name, "platforms")
    return Problem(
        code=Code.CP106,
        what=f"`platforms` of variant `{variant.name}` is `any`, and the wheel has compiled files",
        where=Where(path=source.path, line=find_line(source.text, *key), key=".".join(key)),
        why="compiled files run on one platform only; another build hook says that there are some",
        fix=f"remove `platforms` from `[tool.cudapin.variants.{variant.name}]`",
        variant=variant.name,
    )


def _record(
    gate: Gate,
    variant: Variant,
    judgement: Judgement,
    *,
    compiled: bool,
    hatchling: str,
) -> dict[str, Any]:
    selection = _selection(gate, variant)
    build: dict[str, Any] = {
        "python": platform.python_version(),
        "hatchling": hatchling,
        "requires": {
            item.package.name: {"version": item.package.version, "hashed": item.is_hashed}
            for item in locked_build_requirements(gate, variant)
        },
    }
    if compiled:
        from cudapin.adapters.buildenv import compiler_version
        from cudapin.adapters.toolchain import find_nvcc

        build["cc"] = compiler_version(gate.environ)
        build["nvcc"] = find_nvcc(gate.environ, gate.project.root)
    cuda = [str(item) for item in variant.cuda]
    return {
        **empty_record(),
        "variant": variant.name,
        "cuda": cuda[0] if len(cuda) == 1 else cuda or None,
        "driver": variant.driver or _driver_floor(gate, variant),
        "arch": list(variant.arch),
        "spelling": gate.config.spelling,
        "lock": _lock_record(gate, variant, judgement),
        "locked": {}
        if selection is None
        else {item.package.name: item.package.version for item in gate.bound(variant, selection)},
        "build": build,
        "settings": gate.settings(),
        "waived": _waived_record(judgement),
    }


def empty_record() -> dict[str, Any]:
    """Return the record of a wheel that belongs to no variant."""
    return {
        "schema": _SCHEMA,
        "cudapin": __version__,
        "variant": None,
        "cuda": None,
        "driver": None,
        "arch": [],
        "spelling": None,
        "lock": None,
        "locked": {},
        "build": None,
        "binaries": None,
        "settings": {},
        "waived": [],
    }


def _driver_floor(gate: Gate, variant: Variant) -> str | None:
    floors = [gate.facts.minimum_driver(cuda, gate.platform) for cuda in variant.cuda]
    return floors[0] if len(floors) == 1 else None


def _lock_record(gate: Gate, variant: Variant, judgement: Judgement) -> dict[str, str] | None:
    path = gate.lock_path(variant)
    if path is None or path not in judgement.verdicts:
        return None
    verdict = judgement.verdicts[path]
    if not _is_readable(verdict):
        return None
    return {
        "path": path,
        "format": gate.lock(path).format,
        "sha256": gate.lock_digest(path),
        "verdict": verdict.freshness,
    }


def _waived_record(judgement: Judgement) -> list[dict[str, str]]:
    pairs = {(problem.code.name, waiver.reason) for problem, waiver in judgement.accepted}
    return [{"code": code, "reason": reason} for code, reason in sorted(pairs)]
