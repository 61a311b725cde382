"""Is a file that was exported from a lock file still what the export would give?

Such a file is as good as its source, so the source is judged first, and then asked again for what the file holds:

1. who made it: `uv export` and `cudapin export` record their command in a comment; poetry records its options in a
   `pylock.toml` and nothing at all in a requirements file; pdm says that it made a file, and not with what;
2. a source that is stale, or that cannot be judged, makes the file so, too;
3. what the source selects for the recorded options (for poetry and pdm: for the extras and groups whose packages the
   file holds) is compared with what the file selects, on this and other common platforms, for the lowest and highest
   Python and those at the bounds that markers name. Versions, addresses, indexes and hashes count, as far as both
   record them. A `cudapin export` is for one environment, and is made again for that.

A difference on a platform or for a Python that is none of those is not seen.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, Protocol

from cudapin.core.fields import name_list
from cudapin.core.lock import LockVerdict
from cudapin.errors import Code, LockError, Problem, Where, sort_problems
from cudapin.locks.derived.command import UvExport, parse_uv_export
from cudapin.locks.derived.compare import Difference, compare
from cudapin.locks.derived.cudapin import CudapinDerivation
from cudapin.locks.derived.groups import GroupDerivation
from cudapin.locks.derived.pins import DerivedFile
from cudapin.locks.derived.targets import sample_environments
from cudapin.locks.derived.uv import CannotDeriveError, UvDerivation
from cudapin.locks.requirements.lock import RequirementsLock
from cudapin.locks.uv.lock import UvLock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from cudapin.core.config import Variant
    from cudapin.core.lock import Lock, Pyproject
    from cudapin.locks.derived.origin import Origin
    from cudapin.locks.derived.pins import Pin

    Selectors = Callable[[str], tuple[frozenset[str], frozenset[str]] | None]
    OpenSource = Callable[[str], tuple[Lock, LockVerdict]]

__all__ = ["judge_derived"]

_MAX_SHOWN = 10


class _Derivation(Protocol):
    @property
    def extras(self) -> frozenset[str]: ...
    @property
    def groups(self) -> frozenset[str]: ...
    def gone(self) -> list[str]: ...
    def is_supported(self, environment: Mapping[str, str]) -> bool: ...
    def pins(self, environment: Mapping[str, str]) -> tuple[Pin, ...]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class _Question:
    """One derived file, where it is from, and the project that it is for."""

    lock: Lock
    origin: Origin
    source_path: str
    pyproject: Pyproject
    users: Sequence[Variant]
    environment: Mapping[str, str]
    selectors: Selectors

    @property
    def project(self) -> str:
        from cudapin.core.names import normalise

        project = self.pyproject.table.get("project")
        return normalise(str(project.get("name", ""))) if isinstance(project, dict) else ""


def judge_derived(
    lock: Lock,
    origin: Origin,
    source_path: str,
    pyproject: Pyproject,
    users: Sequence[Variant],
    open_source: OpenSource,
    environment: Mapping[str, str],
    selectors: Selectors,
) -> LockVerdict:
    """Judge an exported file against its source, for the variants that use it.

    `open_source` gives a lock file and its verdict by its path, and raises LockError where it is missing or cannot be
    read; `selectors` the extras and groups of a variant, None for one that does not exist.
    """
    asked = _Question(
        lock=lock,
        origin=origin,
        source_path=source_path,
        pyproject=pyproject,
        users=users,
        environment=environment,
        selectors=selectors,
    )
    try:
        source, verdict = open_source(source_path)
    except LockError as error:
        return _no_source(asked, error)
    if verdict.freshness != "fresh":
        return _as_source(asked, verdict)
    try:
        problems = tuple(_judge(asked, source))
    except CannotDeriveError as error:
        return LockVerdict(freshness="unknown", problems=(_unknown(asked, str(error)),))
    except LockError as error:
        why = "; ".join(f"{problem.what}: {problem.why}" for problem in error.problems)
        return LockVerdict(freshness="unknown", problems=(_unknown(asked, why),))
    freshness: Literal["stale", "fresh"] = "stale" if problems else "fresh"
    return LockVerdict(freshness=freshness, problems=sort_problems((*verdict.problems, *problems)))


def _judge(asked: _Question, source: Lock) -> Iterator[Problem]:
    """Yield why the file is stale. Raises CannotDeriveError and LockError where that cannot be told."""
    derived = DerivedFile(asked.lock, asked.project)
    derivation, export = _derive(asked, source, derived)
    if isinstance(derivation, GroupDerivation):
        asked = replace(asked, origin=replace(asked.origin, command=derivation.command(asked.origin)))
    gone = derivation.gone()
    if gone:
        yield _gone(asked, gone)
        return
    yield from _check_users(asked, derivation)
    if isinstance(derivation, CudapinDerivation):
        if refused := derivation.problems():
            yield from refused
            return
        environments: Sequence[Mapping[str, str]] = (derivation.target.environment,)
    else:
        environments = _environments(asked, source)
    is_hashed = not (export is not None and export.no_hashes) and (
        asked.origin.tool in ("uv", "cudapin") or derived.is_hashed(environments)
    )
    found = list(compare(derived, derivation, environments, is_hashed=is_hashed))
    for position, difference in enumerate(found[:_MAX_SHOWN], 1):
        yield _stale(asked, difference, len(found) - _MAX_SHOWN if position == _MAX_SHOWN else 0)
    if isinstance(derivation, CudapinDerivation) and isinstance(asked.lock, RequirementsLock):
        wanted = derivation.indexes()
        if wanted != asked.lock.indexes:
            yield _other_indexes(asked, wanted, asked.lock.indexes)


def _derive(asked: _Question, source: Lock, derived: DerivedFile) -> tuple[_Derivation, UvExport | None]:
    """Return the recorded export on its source."""
    origin = asked.origin
    if origin.tool == "cudapin":
        made = CudapinDerivation(source, asked.pyproject, origin.arguments, asked.environment, asked.selectors)
        return made, None
    if origin.tool == "uv":
        if not isinstance(source, UvLock):
            raise CannotDeriveError(f"`{asked.source_path}` is no `uv.lock`")
        export = parse_uv_export(origin.arguments)
        return UvDerivation(source, export, asked.pyproject, asked.lock.source.path), export
    environments = _environments(asked, source)
    names = frozenset(pin.name for environment in environments for pin in derived.pins_or_none(environment))
    return GroupDerivation(source, asked.pyproject, environments, names, origin.recorded), None


def _environments(asked: _Question, source: Lock) -> Sequence[Mapping[str, str]]:
    requires = source.header.get("requires-python") if isinstance(source, UvLock) else None
    project = asked.pyproject.table.get("project")
    if requires is None and isinstance(project, dict):
        requires = project.get("requires-python")
    texts = (asked.lock.source.text, source.source.text)
    return sample_environments(asked.environment, requires if isinstance(requires, str) else None, texts)


def _check_users(asked: _Question, derivation: _Derivation) -> Iterator[Problem]:
    """The extras and groups that select a variant must be among those that the file was made with."""
    for user in asked.users:
        missing = [f"--extra {name}" for name in user.extra or () if name not in derivation.extras]
        missing += [f"--group {name}" for name in user.group or () if name not in derivation.groups]
        if missing:
            key = f"tool.cudapin.variants.{user.name}"
            path = asked.pyproject.source.path
            from cudapin.core.locate import find_line

            line = find_line(asked.pyproject.source.text, *key.split("."))
            yield Problem(
                code=Code.CP201,
                what=f"`{asked.lock.source.path}` was not made for variant `{user.name}`",
                where=Where(path=path, line=line, key=key),
                why=f"wanted {name_list(missing)}, it was made by `{asked.origin.command}`",
                fix=f"make it anew with {' '.join(missing)}, or name another `lock` for the variant",
            )


def _no_source(asked: _Question, error: LockError) -> LockVerdict:
    is_missing = any(problem.code is Code.CP202 for problem in error.problems)
    why = f"it was exported from `{asked.source_path}`, which {'is missing' if is_missing else 'cannot be judged'}"
    fix = f"put `{asked.source_path}` back, or make the lock anew, then `{asked.origin.command}`"
    lead = _unknown(asked, why, fix)
    others = () if is_missing else error.problems
    return LockVerdict(freshness="unknown", problems=sort_problems((lead, *others)))


def _as_source(asked: _Question, verdict: LockVerdict) -> LockVerdict:
    """Return the verdict on the source, and say that it is the source's."""
    errors = [problem for problem in verdict.problems if problem.level == "error"]
    if verdict.freshness != "stale":
        why = f"it was exported from `{asked.source_path}`, which cannot be judged"
        return LockVerdict(
            freshness="unknown",
            problems=sort_problems((_unknown(asked, why, f"mend `{asked.source_path}` first"), *verdict.problems)),
        )
    is_version_only = bool(errors) and all(problem.code is Code.CP203 for problem in errors)
    fixes = list(dict.fromkeys(problem.fix for problem in errors))
    first = f"{fixes[0]} && " if len(fixes) == 1 and "`" not in fixes[0] and " " in fixes[0] else ""
    lead = Problem(
        code=Code.CP203 if is_version_only else Code.CP201,
        what=f"`{asked.lock.source.path}` was exported from a lock file that is stale",
        where=Where(path=asked.lock.source.path, line=1),
        why=f"wanted a fresh `{asked.source_path}`, found a stale one",
        fix=f"{first}{asked.origin.command}",
    )
    return LockVerdict(freshness="stale", problems=sort_problems((lead, *verdict.problems)))


def _unknown(asked: _Question, why: str, fix: str | None = None) -> Problem:
    return Problem(
        code=Code.CP206,
        what=f"whether `{asked.lock.source.path}` is fresh cannot be told",
        where=Where(path=asked.lock.source.path, line=1),
        why=why,
        fix=fix or f"name `{asked.source_path}` as `lock` in `[tool.cudapin]`, or build with `CUDAPIN_ALLOW=CP206`",
    )


def _gone(asked: _Question, gone: Sequence[str]) -> Problem:
    return Problem(
        code=Code.CP201,
        what=f"`{asked.lock.source.path}` was made for what the project no longer has",
        where=Where(path=asked.lock.source.path, line=1),
        why=f"its command names {name_list(gone)}, and the project has none such",
        fix="make it anew without, or put back what it names",
    )


def _stale(asked: _Question, difference: Difference, unshown: int) -> Problem:
    place = asked.source_path + (f":{difference.source_line}" if difference.source_line else "")
    more = f"; {unshown} more packages differ" if unshown else ""
    return Problem(
        code=Code.CP201,
        what=f"`{asked.lock.source.path}` is not what `{asked.source_path}` gives for `{difference.name}`",
        where=Where(path=asked.lock.source.path, line=difference.line or 1),
        why=f"wanted {difference.wanted} as in {place}, found {difference.found}{difference.place}{more}",
        fix=asked.origin.command,
        package=difference.name,
    )


def _other_indexes(asked: _Question, wanted: Sequence[tuple[str, str]], found: Sequence[tuple[str, str]]) -> Problem:
    texts = [
        name_list([f"{option} {url}".strip() for option, url in options]) if options else "none"
        for options in (wanted, found)
    ]
    return Problem(
        code=Code.CP201,
        what=f"`{asked.lock.source.path}` names other indexes than its lock file",
        where=Where(path=asked.lock.source.path, line=1),
        why=f"wanted {texts[0]}, found {texts[1]}",
        fix=asked.origin.command,
    )
