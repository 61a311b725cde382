"""Is a requirements file what its tool would still accept for the inputs that its header names?

The format records nothing about its inputs but the command line, so the rule is: every requirement of the inputs
has a pin that satisfies it, and no pin says that it comes from an input that no longer asks for it. What this
cannot see (a loosened requirement, an extra that the pins leave out, a removal where the lock has no notes, another
`requires-python`, another index) is in the README.
"""

from __future__ import annotations

import posixpath
import re
import shlex
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from cudapin.core.fields import name_list
from cudapin.core.index import strip_all_credentials, strip_credentials
from cudapin.core.locate import find_line
from cudapin.core.lock import LockVerdict
from cudapin.core.names import normalise
from cudapin.errors import Code, Problem, Where, sort_problems
from cudapin.locks.requirements import holds, read_logical_lines
from cudapin.locks.requirements_command import beside, included, is_pyproject, normalised

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from packaging.requirements import Requirement

    from cudapin.core.config import Variant
    from cudapin.core.lock import Pyproject, Source
    from cudapin.locks.requirements import Entry, RequirementsLock
    from cudapin.locks.requirements_command import Inputs

__all__ = ["judge_requirements"]

_COMMIT = re.compile(r"[0-9a-f]{40}")
_INPUT_NOTE = re.compile(r"(?:-r\s+)?(?P<path>.+?)(?: \(line \d+\))?")
_OF_ONE_PYTHON = re.compile(r"\b(?:python_(?:full_)?version|implementation_version|extra)\b")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wanted:
    """One requirement of an input, and where it stands."""

    text: str
    where: Where
    is_constraint: bool = False
    is_override: bool = False

    @property
    def is_outside(self) -> bool:
        """Whether it stands outside the project, where it is nobody's to show."""
        return _is_outside(self.where.path)


@dataclass(slots=True)
class _Judge:
    """The facts of one verdict, gathered step by step. `is_universal`: the lock is for every platform."""

    lock: RequirementsLock
    environment: Mapping[str, str]
    project: str
    is_universal: bool = False
    read: set[str] = field(default_factory=set)
    stale: list[Problem] = field(default_factory=list)
    unknown: list[Problem] = field(default_factory=list)

    @property
    def fix(self) -> str:
        header = self.lock.header
        return header.command if header else f"make `{self.lock.source.path}` anew with the command that made it"


def judge_requirements(
    lock: RequirementsLock,
    pyproject: Pyproject,
    variants: Sequence[Variant],
    read: Callable[[str], Source | None],
    environment: Mapping[str, str],
) -> LockVerdict:
    """Judge the file for the variants that use it. `read` gives the text of an input file, None if it is missing."""
    judge = _Judge(
        lock,
        environment,
        normalise(str(_table(pyproject.table, "project").get("name", ""))),
        is_universal=lock.inputs.is_universal and "environments" not in _tool_uv(pyproject),
    )
    if lock.header is not None and lock.header.is_export:
        return LockVerdict(freshness="unknown", problems=(_derived(lock),))
    if not lock.is_hashed and any(entry.version is not None for entry in lock.entries):
        return LockVerdict(freshness="unknown", problems=(_unhashed(judge),))
    inputs = lock.inputs if lock.header else _asked_by_variants(lock.inputs, pyproject, variants)
    if platform := _other_platform(inputs, environment):
        return LockVerdict(freshness="unknown", problems=(_unjudged(judge, platform),))
    wanted = _without_overridden(list(_wanted(judge, inputs, pyproject, read)))
    _check_variants(judge, inputs, pyproject, variants, lock)
    for item in wanted:
        _check_wanted(judge, item)
    if not judge.unknown:
        _check_surplus(judge, inputs, wanted if lock.header else _all_of_project(judge, inputs, pyproject, read))
    if judge.stale:
        return LockVerdict(freshness="stale", problems=sort_problems(judge.stale))
    if judge.unknown:
        return LockVerdict(freshness="unknown", problems=sort_problems(judge.unknown))
    return LockVerdict(freshness="fresh")


def _asked_by_variants(inputs: Inputs, pyproject: Pyproject, variants: Sequence[Variant]) -> Inputs:
    """Return the inputs of a lock without a command: the project, and what its variants select, where it exists."""
    extras, groups = ({normalise(name) for name in table} for table in _extras_and_groups(pyproject))
    chosen_extras = (extra for variant in variants for extra in variant.extra or ())
    chosen_groups = (group for variant in variants for group in variant.group or ())
    return replace(
        inputs,
        extras=tuple(dict.fromkeys(extra for extra in chosen_extras if normalise(extra) in extras)),
        groups=tuple(dict.fromkeys(group for group in chosen_groups if normalise(group) in groups)),
    )


def _all_of_project(
    judge: _Judge, inputs: Inputs, pyproject: Pyproject, read: Callable[[str], Source | None]
) -> list[_Wanted]:
    """Return whatever the project may have asked of a lock that does not say with which extras and groups."""
    groups = tuple(_extras_and_groups(pyproject)[1])
    scratch = replace(judge, stale=[], unknown=[])
    return list(_wanted(scratch, replace(inputs, all_extras=True, groups=groups), pyproject, read))


def _extras_and_groups(pyproject: Pyproject) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    extras = _table(_table(pyproject.table, "project"), "optional-dependencies")
    return extras, _table(pyproject.table, "dependency-groups")


def _tool_uv(pyproject: Pyproject) -> Mapping[str, Any]:
    return _table(_table(pyproject.table, "tool"), "uv")


def _is_outside(path: str) -> bool:
    return path.startswith(("../", "/"))


def _other_platform(inputs: Inputs, environment: Mapping[str, str]) -> str | None:
    """Return why a lock made for one other platform cannot be judged here, by the markers of this one."""
    value = inputs.python_platform
    systems = {"linux": "linux", "darwin": "darwin", "macos": "darwin", "windows": "win32"}
    system = next((name for word, name in systems.items() if word in (value or "")), "linux")
    if value is None or system == environment["sys_platform"]:
        return None
    return f"it was made for the platform `{value}`, and markers are judged on `{environment['sys_platform']}`"


def _wanted(
    judge: _Judge, inputs: Inputs, pyproject: Pyproject, read: Callable[[str], Source | None]
) -> Iterator[_Wanted]:
    for option in inputs.unjudged:
        judge.unknown.append(_unjudged(judge, f"its option `{option}` is not judged"))
    if inputs.is_uv and not inputs.files and not inputs.groups:
        judge.unknown.append(_unjudged(judge, "its command names no input"))
    for path in inputs.files or _first(inputs.searched, read):
        if path == "pyproject.toml":
            yield from _project_requirements(judge, inputs, pyproject)
        elif is_pyproject(path) or path.endswith((".py", ".cfg")) or path == ".":
            judge.unknown.append(_unjudged(judge, f"its input `{path}` is not judged"))
        else:
            yield from _file_requirements(judge, path, read, is_constraint=False)
    for group in inputs.groups:
        path, colon, name = group.rpartition(":")
        if colon and normalised(path) != "pyproject.toml":
            judge.unknown.append(_unjudged(judge, f"its group `{group}` is of another project"))
        else:
            yield from _group_requirements(judge, pyproject, name)
    yield from _limits(judge, inputs, pyproject, read)


def _limits(
    judge: _Judge, inputs: Inputs, pyproject: Pyproject, read: Callable[[str], Source | None]
) -> Iterator[_Wanted]:
    """Yield the constraints and overrides, of files and for uv of the project."""
    for path in inputs.constraints:
        yield from _file_requirements(judge, path, read, is_constraint=True)
    for path in inputs.overrides:
        for item in _file_requirements(judge, path, read, is_constraint=True):
            yield replace(item, is_override=True)
    if inputs.is_uv:
        uv = _tool_uv(pyproject)
        for key in ("constraint-dependencies", "override-dependencies"):
            for item in _listed(uv.get(key), pyproject, "tool", "uv", key):
                yield replace(item, is_constraint=True, is_override=key.startswith("override"))


def _first(paths: Sequence[str], read: Callable[[str], Source | None]) -> tuple[str, ...]:
    """Return the first file that exists, else the first of all, which is then reported as missing."""
    return tuple(path for path in paths if path == "pyproject.toml" or read(path) is not None)[:1]


def _without_overridden(wanted: list[_Wanted]) -> list[_Wanted]:
    """Leave out the requirements that an override replaces."""
    overridden = {_name_of(item.text) for item in wanted if item.is_override}
    return [item for item in wanted if item.is_override or _name_of(item.text) not in overridden]


def _name_of(text: str) -> str | None:
    match = re.match(r"\s*([A-Za-z0-9][A-Za-z0-9._-]*)", text)
    return normalise(match[1]) if match else None


def _table(table: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = table.get(key)
    return value if isinstance(value, dict) else {}


def _project_requirements(judge: _Judge, inputs: Inputs, pyproject: Pyproject) -> Iterator[_Wanted]:
    project = _table(pyproject.table, "project")
    dynamic = project.get("dynamic", [])
    for key in ("dependencies", "optional-dependencies"):
        if key in dynamic:
            judge.unknown.append(_unjudged(judge, f"`project.{key}` is dynamic, so what it holds is not in any file"))
    yield from _listed(project.get("dependencies", []), pyproject, "project", "dependencies")
    extras = _table(project, "optional-dependencies")
    by_name = {normalise(extra): extra for extra in extras}
    chosen = list(by_name) if inputs.all_extras else [normalise(extra) for extra in inputs.extras]
    done: set[str] = set()
    while chosen:
        extra = chosen.pop(0)
        if extra in done:
            continue
        done.add(extra)
        if extra not in by_name:
            if "optional-dependencies" not in dynamic:
                judge.stale.append(_gone(judge, pyproject, "project.optional-dependencies", extra))
            continue
        for item in _listed(extras[by_name[extra]], pyproject, "project", "optional-dependencies", by_name[extra]):
            chosen.extend(_own_extras(item.text, project.get("name", "")))
            yield item


def _group_requirements(judge: _Judge, pyproject: Pyproject, group: str) -> Iterator[_Wanted]:
    groups = _table(pyproject.table, "dependency-groups")
    by_name = {normalise(name): name for name in groups}
    todo, done = [normalise(group)], set[str]()
    while todo:
        name = todo.pop(0)
        if name in done:
            continue
        done.add(name)
        if name not in by_name:
            judge.stale.append(_gone(judge, pyproject, "dependency-groups", name))
            continue
        items = groups[by_name[name]]
        tables = [item for item in items if isinstance(item, dict)] if isinstance(items, list) else []
        todo += [normalise(item["include-group"]) for item in tables if isinstance(item.get("include-group"), str)]
        yield from _listed(items, pyproject, "dependency-groups", by_name[name])


def _listed(items: object, pyproject: Pyproject, *key: str) -> Iterator[_Wanted]:
    where = Where(path=pyproject.source.path, line=find_line(pyproject.source.text, *key), key=".".join(key))
    for item in items if isinstance(items, list) else []:
        if isinstance(item, str):
            yield _Wanted(text=item, where=where)


def _file_requirements(
    judge: _Judge,
    path: str,
    read: Callable[[str], Source | None],
    *,
    is_constraint: bool,
    depth: int = 0,
    asker: Where | None = None,
) -> Iterator[_Wanted]:
    """Yield the requirements of an input file and of those it includes; `asker` is the line that includes it."""
    source = read(path) if depth < 10 else None  # noqa: PLR2004
    if source is None:
        is_shown = asker is None or not _is_outside(asker.path)
        name = f"its input `{strip_all_credentials(path)}`" if is_shown else f"the file that `{asker}` includes"
        judge.unknown.append(_unjudged(judge, f"{name} is missing"))
        return
    judge.read.add(path)
    for line, text, _ in read_logical_lines(source.text):
        where = Where(path=path, line=line)
        if nested := included(text):
            limits = is_constraint or nested[0]
            name = beside(path, nested[1])
            yield from _file_requirements(judge, name, read, is_constraint=limits, depth=depth + 1, asker=where)
        elif text.startswith(("-e", ".", "/")):
            shown = "" if _is_outside(path) else f": `{strip_all_credentials(text)}`"
            judge.unknown.append(_unjudged(judge, f"a local directory stands in `{where}`{shown}"))
        elif not text.startswith("-"):
            yield _Wanted(text=text.split(" --", 1)[0], where=where, is_constraint=is_constraint)


def _check_wanted(judge: _Judge, item: _Wanted) -> None:
    """One requirement: a pin of that name exists where it is needed, and satisfies it."""
    from packaging.markers import UndefinedComparison
    from packaging.requirements import InvalidRequirement, Requirement

    shown = "what stands there" if item.is_outside else f"`{strip_all_credentials(item.text)}`"
    try:
        wanted = Requirement(item.text)
        is_needed = holds(None if wanted.marker is None else str(wanted.marker), {"extra": "", **judge.environment})
    except (InvalidRequirement, UndefinedComparison, RecursionError):
        prefix = "what stands" if item.is_outside else shown
        judge.unknown.append(_unjudged(judge, f"{prefix} in `{item.where}` is no PEP 508 requirement"))
        return
    name = normalise(wanted.name)
    entries = judge.lock.by_name.get(name, [])
    here = [entry for entry in entries if holds(entry.marker, judge.environment)]
    if not is_needed:
        is_elsewhere = judge.is_universal and not _OF_ONE_PYTHON.search(str(wanted.marker))
        if is_elsewhere and not entries:
            _miss(judge, item, name, shown)
    elif not here:
        _miss(judge, item, name, shown)
    else:
        for entry in here:
            if (found := _differing(judge, item, wanted, entry)) is not None:
                judge.stale.append(_stale(judge, item, entry, f"wanted {shown}, the lock has `{found}`"))


def _miss(judge: _Judge, item: _Wanted, name: str, shown: str) -> None:
    """The lock has no pin for a requirement."""
    if item.is_constraint or name == judge.project:
        return
    if judge.lock.has_local:
        why = f"it has no `{name}` by that name, and a local directory in it may be `{name}`"
        if item.is_outside:
            why = f"it has no pin for what `{item.where}` asks for, and a local directory in it may be that"
        judge.unknown.append(_unjudged(judge, why))
    else:
        what = "no pin for it" if item.is_outside else f"no `{name}`"
        judge.stale.append(_stale(judge, item, None, f"wanted {shown}, the lock has {what}"))


def _differing(judge: _Judge, item: _Wanted, wanted: Requirement, entry: Entry) -> str | None:
    """Return what of a pin does not satisfy a requirement, None where all does.

    Extras count only where the lock shows that it keeps them: by default uv strips them from the pins.
    """
    if wanted.url is not None and not _is_same_address(wanted.url, entry.url or ""):
        return entry.url or entry.version
    if entry.version is not None and not wanted.specifier.contains(entry.version, prereleases=True):
        return entry.version
    if (
        judge.lock.keeps_extras
        and not item.is_constraint
        and not {normalise(extra) for extra in wanted.extras} <= entry.extras
    ):
        return f"{entry.name}[{','.join(sorted(entry.extras))}]" if entry.extras else entry.name
    return None


def _check_variants(
    judge: _Judge, inputs: Inputs, pyproject: Pyproject, variants: Sequence[Variant], lock: RequirementsLock
) -> None:
    """The extras and groups that select a variant must be among those the file was compiled with."""
    if lock.header is None:
        return
    extras = {normalise(extra) for extra in inputs.extras}
    groups = {normalise(group.rpartition(":")[2]) for group in inputs.groups}
    for variant in variants:
        missing = [f"--extra {extra}" for extra in variant.extra or () if extra not in extras and not inputs.all_extras]
        missing += [f"--group {group}" for group in variant.group or () if group not in groups]
        if missing:
            judge.stale.append(
                Problem(
                    code=Code.CP201,
                    what=f"`{lock.source.path}` was not made for variant `{variant.name}`",
                    where=Where(
                        path=pyproject.source.path,
                        line=find_line(pyproject.source.text, "tool", "cudapin", "variants", variant.name),
                        key=f"tool.cudapin.variants.{variant.name}",
                    ),
                    why=f"wanted {name_list(missing)} in its command, found `{lock.header.command}`",
                    fix=_compile_command(inputs, variants, lock.source.path),
                )
            )


def _compile_command(inputs: Inputs, variants: Sequence[Variant], path: str) -> str:
    """Return the command that makes the file for the variants that use it; the recorded one may be of another file."""
    flags = [f"--extra {name}" for variant in variants for name in variant.extra or ()]
    flags += [f"--group {name}" for variant in variants for name in variant.group or ()]
    tool = "uv pip compile pyproject.toml --universal" if inputs.is_uv else "pip-compile pyproject.toml"
    return f"{tool} {' '.join(dict.fromkeys(flags))} --generate-hashes -o {shlex.quote(path)}"


def _check_surplus(judge: _Judge, inputs: Inputs, wanted: list[_Wanted]) -> None:
    """No pin may say that it comes from an input that no longer asks for it."""
    from packaging.requirements import InvalidRequirement, Requirement

    names = set()
    for item in wanted:
        if item.is_constraint and not item.is_override:
            continue
        try:
            names.add(normalise(Requirement(item.text).name))
        except InvalidRequirement:
            return
    read = judge.read | {*inputs.files, *inputs.searched}
    for entry in judge.lock.entries:
        notes = [note for note in entry.via if not note.startswith(("-c", "--constraint", "--override"))]
        asked = [note for note in notes if "pyproject.toml" in note or _input_of(note) in read]
        gone = [note for note in notes if note.startswith("-r ") and judge.lock.header and note not in asked]
        if (asked or gone) and entry.name not in names:
            why = f"where `{entry.name}` no longer stands" if asked else "which its command no longer reads"
            judge.stale.append(
                Problem(
                    code=Code.CP201,
                    what=f"`{judge.lock.source.path}` pins `{entry.name}`, which nothing asks for any more",
                    where=Where(path=judge.lock.source.path, line=entry.line),
                    why=f"the lock says `via {(asked or gone)[0]}`, {why}",
                    fix=judge.fix,
                )
            )


def _input_of(note: str) -> str | None:
    """Return the path of the input file that a `# via` note names."""
    found = _INPUT_NOTE.fullmatch(note)
    return posixpath.normpath(found["path"]) if found else None


def _stale(judge: _Judge, item: _Wanted, entry: Entry | None, why: str) -> Problem:
    lock = judge.lock.source.path
    place = "" if entry is None else f" at {lock}:{entry.line}"
    return Problem(
        code=Code.CP201,
        what=f"`{lock}` does not pin what `{item.where.key or item.where.path}` asks for",
        where=item.where,
        why=f"{why}{place}",
        fix=judge.fix,
    )


def _gone(judge: _Judge, pyproject: Pyproject, key: str, name: str) -> Problem:
    return Problem(
        code=Code.CP201,
        what=f"`{judge.lock.source.path}` was made with `{name}`, which `{key}` no longer has",
        where=Where(path=pyproject.source.path, line=find_line(pyproject.source.text, *key.split(".")), key=key),
        why=f"its command names `{name}`, and `{key}` does not",
        fix=f"make it anew without `{name}`, or put `{name}` back",
    )


def _derived(lock: RequirementsLock) -> Problem:
    command = lock.header.command if lock.header else ""
    return Problem(
        code=Code.CP206,
        what=f"whether `{lock.source.path}` is fresh cannot be told",
        where=Where(path=lock.source.path, line=1),
        why=f"it was exported from another lock file by `{command}`, and is not judged by itself",
        fix="name the lock file it was exported from in `tool.cudapin.lock`",
    )


def _unhashed(judge: _Judge) -> Problem:
    header = judge.lock.header
    option = "" if header and "--generate-hashes" in header.arguments else " --generate-hashes"
    return Problem(
        code=Code.CP206,
        what=f"whether `{judge.lock.source.path}` is fresh cannot be told",
        where=Where(path=judge.lock.source.path, line=1),
        why="none of its pins has a hash, and only hashed requirements are judged",
        fix=f"{judge.fix}{option}" if header else f"{judge.fix}, and with `--generate-hashes`",
    )


def _unjudged(judge: _Judge, why: str) -> Problem:
    return Problem(
        code=Code.CP206,
        what=f"whether `{judge.lock.source.path}` is fresh cannot be told",
        where=Where(path=judge.lock.source.path, line=1),
        why=why,
        fix=f"{judge.fix}, then build with `CUDAPIN_ALLOW=CP206`",
    )


def _own_extras(text: str, project: str) -> list[str]:
    from packaging.requirements import InvalidRequirement, Requirement

    try:
        requirement = Requirement(text)
    except InvalidRequirement:
        return []
    if normalise(requirement.name) != normalise(project):
        return []
    return [normalise(extra) for extra in requirement.extras]


def _is_same_address(wanted: str, found: str) -> bool:
    """Compare two addresses without credentials and fragments; a lock may write a git reference as its commit."""
    wanted, found = (strip_credentials(url).partition("#")[0] for url in (wanted, found))
    if wanted == found or not wanted.startswith("git+"):
        return wanted == found
    repository, reference = _divided(wanted)
    locked_repository, commit = _divided(found)
    is_commit = _COMMIT.fullmatch(commit) is not None and _COMMIT.fullmatch(reference) is None
    return repository == locked_repository and is_commit


def _divided(url: str) -> tuple[str, str]:
    """Divide `git+https://index.example/me/it@main` into the repository and what is taken from it."""
    head, slash, tail = url.rpartition("/")
    name, _, reference = tail.partition("@")
    return f"{head}{slash}{name}", reference
