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
from itertools import pairwise
from typing import TYPE_CHECKING

from cudapin.core.fields import name_list
from cudapin.core.index import strip_all_credentials, strip_credentials
from cudapin.core.locate import find_line
from cudapin.core.lock import LockVerdict
from cudapin.core.names import normalise
from cudapin.errors import Code, Problem, Where, sort_problems
from cudapin.locks.requirements.inputs import (
    all_of_project,
    asked_by_variants,
    read_left_out,
    read_wanted,
    table_of,
    tool_uv,
    with_living_inputs,
    without_overridden,
)
from cudapin.locks.requirements.pins import holds
from cudapin.locks.requirements.report import (
    Judge,
    Wanted,
    doubled_pin,
    stale_pin,
    unhashed_lock,
    unjudged,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from packaging.requirements import Requirement

    from cudapin.core.config import Variant
    from cudapin.core.lock import Pyproject, Source
    from cudapin.locks.requirements.command import Inputs
    from cudapin.locks.requirements.lock import RequirementsLock
    from cudapin.locks.requirements.pins import Entry, Pins

__all__ = ["judge_compiled", "judge_requirements"]

_COMMIT = re.compile(r"[0-9a-f]{40}")
_INPUT_NOTE = re.compile(r"(?:-r\s+)?(?P<path>.+?)(?: \(line \d+\))?")
_OF_ONE_PYTHON = re.compile(r"\b(?:python_(?:full_)?version|implementation_version|extra)\b")


def judge_requirements(
    lock: RequirementsLock,
    pyproject: Pyproject,
    variants: Sequence[Variant],
    read: Callable[[str], Source | None],
    environment: Mapping[str, str],
) -> LockVerdict:
    """Judge the file for the variants that use it. `read` gives the text of an input file, None if it is missing."""
    if not lock.is_hashed and any(entry.version is not None for entry in lock.entries):
        return LockVerdict(freshness="unknown", problems=(unhashed_lock(Judge(lock.pins, environment, "")),))
    return judge_compiled(lock.pins, pyproject, variants, read, environment)


def judge_compiled(
    pins: Pins,
    pyproject: Pyproject,
    variants: Sequence[Variant],
    read: Callable[[str], Source | None],
    environment: Mapping[str, str],
) -> LockVerdict:
    """Judge what a compile command pinned against the inputs that it names; without a command, against the project."""
    pins = with_living_inputs(pins, pyproject)
    judge = Judge(
        pins,
        environment,
        normalise(str(table_of(pyproject.table, "project").get("name", ""))),
        is_universal=pins.inputs.is_universal and "environments" not in tool_uv(pyproject),
    )
    inputs = pins.inputs if pins.header else asked_by_variants(pins.inputs, pyproject, variants)
    if platform := _other_platform(inputs, environment):
        return LockVerdict(freshness="unknown", problems=(unjudged(judge, platform),))
    judge.left_out = read_left_out(judge, pyproject, read)
    if judge.unknown:
        return LockVerdict(freshness="unknown", problems=tuple(judge.unknown))
    wanted = without_overridden(list(read_wanted(judge, inputs, pyproject, read)))
    _check_variants(judge, inputs, pyproject, variants)
    for item in wanted:
        _check_wanted(judge, item, pyproject.source)
    _check_doubles(judge)
    if not judge.unknown:
        _check_surplus(judge, inputs, wanted if pins.header else all_of_project(judge, inputs, pyproject, read))
    if judge.stale:
        return LockVerdict(freshness="stale", problems=sort_problems(judge.stale))
    if judge.unknown:
        return LockVerdict(freshness="unknown", problems=sort_problems(judge.unknown))
    return LockVerdict(freshness="fresh")


def _check_doubles(judge: Judge) -> None:
    """Two pins of one name that count together must be the same pin: pip and uv refuse any others."""
    for entries in judge.pins.by_name.values():
        here = [entry for entry in entries if len(entries) > 1 and holds(entry.marker, judge.environment)]
        for first, second in pairwise(here):
            if (first.version, first.url) != (second.version, second.url):
                judge.unknown.append(doubled_pin(judge, first, second))


def _other_platform(inputs: Inputs, environment: Mapping[str, str]) -> str | None:
    """Return why a lock made for one other platform cannot be judged here, by the markers of this one."""
    value = inputs.python_platform
    systems = {"linux": "linux", "darwin": "darwin", "macos": "darwin", "windows": "win32"}
    system = next((name for word, name in systems.items() if word in (value or "")), "linux")
    if value is None or system == environment["sys_platform"]:
        return None
    return f"it was made for the platform `{value}`, and markers are judged on `{environment['sys_platform']}`"


def _check_wanted(judge: Judge, item: Wanted, project: Source) -> None:
    """One requirement: a pin of that name exists where it is needed, and satisfies it."""
    from packaging.markers import UndefinedComparison
    from packaging.requirements import InvalidRequirement, Requirement

    shown = "what stands there" if item.is_outside else f"`{strip_all_credentials(item.text)}`"
    try:
        wanted = Requirement(item.text)
        is_needed = holds(None if wanted.marker is None else str(wanted.marker), {"extra": "", **judge.environment})
    except (InvalidRequirement, UndefinedComparison, RecursionError):
        if item.where.path == project.path and item.where.key is not None:
            from cudapin.core.requirement_fault import unreadable_requirement

            judge.unknown.append(unreadable_requirement(project, item.text, *item.where.key.split(".")))
            return
        prefix = "what stands" if item.is_outside else shown
        judge.unknown.append(unjudged(judge, f"{prefix} in `{item.where}` is no PEP 508 requirement"))
        return
    name = normalise(wanted.name)
    entries = judge.pins.by_name.get(name, [])
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
                judge.stale.append(stale_pin(judge, item, entry, f"wanted {shown}, the lock has `{found}`"))


def _miss(judge: Judge, item: Wanted, name: str, shown: str) -> None:
    """The lock has no pin for a requirement."""
    if item.is_constraint or name == judge.project or name in judge.left_out:
        return
    if judge.pins.has_local:
        why = f"it has no `{name}` by that name, and a local directory in it may be `{name}`"
        if item.is_outside:
            why = f"it has no pin for what `{item.where}` asks for, and a local directory in it may be that"
        judge.unknown.append(unjudged(judge, why))
    else:
        what = "no pin for it" if item.is_outside else f"no `{name}`"
        judge.stale.append(stale_pin(judge, item, None, f"wanted {shown}, the lock has {what}"))


def _differing(judge: Judge, item: Wanted, wanted: Requirement, entry: Entry) -> str | None:
    """Return what of a pin does not satisfy a requirement, None where all does.

    Extras count only where the lock shows that it keeps them: by default uv strips them from the pins.
    """
    if entry.url == "":
        return None  # a directory: the lock names it from where it stands, the requirement does not
    if wanted.url is not None and not _is_same_address(wanted.url, entry.url or ""):
        return entry.url or entry.version
    if entry.version is not None and not wanted.specifier.contains(entry.version, prereleases=True):
        return entry.version
    if (
        judge.pins.keeps_extras
        and not item.is_constraint
        and not {normalise(extra) for extra in wanted.extras} <= entry.extras
    ):
        return f"{entry.name}[{','.join(sorted(entry.extras))}]" if entry.extras else entry.name
    return None


def _check_variants(judge: Judge, inputs: Inputs, pyproject: Pyproject, variants: Sequence[Variant]) -> None:
    """The extras and groups that select a variant must be among those the file was compiled with."""
    header = judge.pins.header
    if header is None:
        return
    path = judge.pins.source.path
    extras = {normalise(extra) for extra in inputs.extras}
    groups = {normalise(group.rpartition(":")[2]) for group in inputs.groups}
    for variant in variants:
        missing = [f"--extra {extra}" for extra in variant.extra or () if extra not in extras and not inputs.all_extras]
        missing += [f"--group {group}" for group in variant.group or () if group not in groups]
        if missing:
            judge.stale.append(
                Problem(
                    code=Code.CP201,
                    what=f"`{path}` was not made for variant `{variant.name}`",
                    where=Where(
                        path=pyproject.source.path,
                        line=find_line(pyproject.source.text, "tool", "cudapin", "variants", variant.name),
                        key=f"tool.cudapin.variants.{variant.name}",
                    ),
                    why=f"wanted {name_list(missing)} in its command, found `{header.command}`",
                    fix=_compile_command(inputs, variants, path),
                )
            )


def _compile_command(inputs: Inputs, variants: Sequence[Variant], path: str) -> str:
    """Return the command that makes the file for the variants that use it; the recorded one may be of another file."""
    flags = [f"--extra {name}" for variant in variants for name in variant.extra or ()]
    flags += [f"--group {name}" for variant in variants for name in variant.group or ()]
    tool = "uv pip compile pyproject.toml --universal" if inputs.is_uv else "pip-compile pyproject.toml"
    return f"{tool} {' '.join(dict.fromkeys(flags))} --generate-hashes -o {shlex.quote(path)}"


def _check_surplus(judge: Judge, inputs: Inputs, wanted: list[Wanted]) -> None:
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
    for entry in judge.pins.entries:
        notes = [note for note in entry.via if not note.startswith(("-c", "--constraint", "--override"))]
        asked = [note for note in notes if "pyproject.toml" in note or _input_of(note) in read]
        gone = [note for note in notes if note.startswith("-r ") and judge.pins.header and note not in asked]
        if (asked or gone) and entry.name not in names:
            why = f"where `{entry.name}` no longer stands" if asked else "which its command no longer reads"
            judge.stale.append(
                Problem(
                    code=Code.CP201,
                    what=f"`{judge.pins.source.path}` pins `{entry.name}`, which nothing asks for any more",
                    where=Where(path=judge.pins.source.path, line=entry.line),
                    why=f"the lock says `via {(asked or gone)[0]}`, {why}",
                    fix=judge.fix,
                )
            )


def _input_of(note: str) -> str | None:
    """Return the path of the input file that a `# via` note names."""
    found = _INPUT_NOTE.fullmatch(note)
    return posixpath.normpath(found["path"]) if found else None


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
