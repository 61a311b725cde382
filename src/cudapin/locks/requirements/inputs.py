"""Every requirement that the inputs of a requirements file hold, with its place."""

from __future__ import annotations

import re
import shlex
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from cudapin.core.index import strip_all_credentials
from cudapin.core.locate import find_line
from cudapin.core.names import normalise
from cudapin.errors import Where
from cudapin.locks.requirements.command import beside, included, is_pyproject, normalised
from cudapin.locks.requirements.lock import read_logical_lines
from cudapin.locks.requirements.report import Wanted, gone_input, is_outside_project, unjudged

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence

    from cudapin.core.config import Variant
    from cudapin.core.lock import Pyproject, Source
    from cudapin.locks.requirements.command import Inputs
    from cudapin.locks.requirements.pins import Pins
    from cudapin.locks.requirements.report import Judge


def asked_by_variants(inputs: Inputs, pyproject: Pyproject, variants: Sequence[Variant]) -> Inputs:
    """Return the inputs of a lock without a command: the project, and what its variants select, where it exists."""
    extras, groups = ({normalise(name) for name in table} for table in extras_and_groups(pyproject))
    chosen_extras = (extra for variant in variants for extra in variant.extra or ())
    chosen_groups = (group for variant in variants for group in variant.group or ())
    return replace(
        inputs,
        extras=tuple(dict.fromkeys(extra for extra in chosen_extras if normalise(extra) in extras)),
        groups=tuple(dict.fromkeys(group for group in chosen_groups if normalise(group) in groups)),
    )


def all_of_project(
    judge: Judge, inputs: Inputs, pyproject: Pyproject, read: Callable[[str], Source | None]
) -> list[Wanted]:
    """Return whatever the project may have asked of a lock that does not say with which extras and groups."""
    groups = tuple(extras_and_groups(pyproject)[1])
    scratch = replace(judge, stale=[], unknown=[])
    return list(read_wanted(scratch, replace(inputs, all_extras=True, groups=groups), pyproject, read))


def extras_and_groups(pyproject: Pyproject) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """Return the extras and dependency groups of a project, by name as written."""
    extras = table_of(table_of(pyproject.table, "project"), "optional-dependencies")
    return extras, table_of(pyproject.table, "dependency-groups")


def with_living_inputs(pins: Pins, pyproject: Pyproject) -> Pins:
    """Return pins whose recorded command no longer names the extras and groups that are gone: it could not be run."""
    extras, groups = ({normalise(name) for name in table} for table in extras_and_groups(pyproject))
    dynamic = table_of(pyproject.table, "project").get("dynamic", [])
    gone = {name for name in pins.inputs.extras if normalise(name) not in extras}
    gone = set() if "optional-dependencies" in dynamic else gone
    for group in pins.inputs.groups:
        path, colon, name = group.rpartition(":")
        if normalise(name) not in groups and (not colon or normalised(path) == "pyproject.toml"):
            gone.add(group)
    if pins.header is None or not gone:
        return pins
    arguments = list(_without(pins.header.arguments, gone))
    if not (pins.inputs.files or pins.inputs.searched) and not set(pins.inputs.groups) - gone:
        arguments.append("pyproject.toml")  # uv wants something to compile
    return replace(pins, remake=shlex.join(arguments))


def _without(arguments: Iterable[str], gone: Container[str]) -> Iterator[str]:
    """Leave out `--extra NAME`, `--group NAME` and their like for the names that are gone."""
    rest = iter(arguments)
    for argument in rest:
        option, equals, value = argument.partition("=")
        if option not in ("--extra", "--group", "--only-group"):
            yield argument
        elif equals:
            if value not in gone:
                yield argument
        elif (value := next(rest, "")) not in gone:
            yield argument
            yield value


def tool_uv(pyproject: Pyproject) -> Mapping[str, Any]:
    """Return the `[tool.uv]` table; an empty one where there is none."""
    return table_of(table_of(pyproject.table, "tool"), "uv")


def read_wanted(
    judge: Judge, inputs: Inputs, pyproject: Pyproject, read: Callable[[str], Source | None]
) -> Iterator[Wanted]:
    """Yield every requirement of the inputs, then the constraints and overrides that limit them."""
    for option in inputs.unjudged:
        judge.unknown.append(unjudged(judge, f"its option `{option}` is not judged"))
    if inputs.is_uv and not inputs.files and not inputs.groups:
        judge.unknown.append(unjudged(judge, "its command names no input"))
    for path in inputs.files or _first(inputs.searched, read):
        if path == "pyproject.toml":
            yield from _project_requirements(judge, inputs, pyproject)
        elif is_pyproject(path) or path.endswith((".py", ".cfg")) or path == ".":
            judge.unknown.append(unjudged(judge, f"its input `{path}` is not judged"))
        else:
            yield from _file_requirements(judge, path, read, is_constraint=False)
    for group in inputs.groups:
        path, colon, name = group.rpartition(":")
        if colon and normalised(path) != "pyproject.toml":
            judge.unknown.append(unjudged(judge, f"its group `{group}` is of another project"))
        else:
            yield from _group_requirements(judge, pyproject, name)
    yield from _limits(judge, inputs, pyproject, read)


def _limits(
    judge: Judge, inputs: Inputs, pyproject: Pyproject, read: Callable[[str], Source | None]
) -> Iterator[Wanted]:
    """Yield the constraints and overrides, of files and for uv of the project."""
    for path in inputs.constraints:
        yield from _file_requirements(judge, path, read, is_constraint=True)
    for path in inputs.overrides:
        for item in _file_requirements(judge, path, read, is_constraint=True):
            yield replace(item, is_override=True)
    if inputs.is_uv:
        uv = tool_uv(pyproject)
        for key in ("constraint-dependencies", "override-dependencies"):
            for item in _listed(uv.get(key), pyproject, "tool", "uv", key):
                yield replace(item, is_constraint=True, is_override=key.startswith("override"))


def _first(paths: Sequence[str], read: Callable[[str], Source | None]) -> tuple[str, ...]:
    """Return the first file that exists, else the first of all, which is then reported as missing."""
    return tuple(path for path in paths if path == "pyproject.toml" or read(path) is not None)[:1]


def read_left_out(judge: Judge, pyproject: Pyproject, read: Callable[[str], Source | None]) -> frozenset[str]:
    """Return the names that the lock, its command or `tool.uv` keeps out of the pins."""
    inputs = judge.pins.inputs
    uv = tool_uv(pyproject) if inputs.is_uv else {}
    listed = (table_of(uv, "pip").get("no-emit-package"), uv.get("exclude-dependencies"))
    names = [name for items in listed if isinstance(items, list) for name in items if isinstance(name, str)]
    for path in inputs.excludes:
        names += [item.text for item in _file_requirements(judge, path, read, is_constraint=True)]
    found = {_name_of(name) for name in (*inputs.left_out, *names)}
    return judge.pins.left_out | {name for name in found if name is not None}


def without_overridden(wanted: list[Wanted]) -> list[Wanted]:
    """Leave out the requirements that an override replaces."""
    overridden = {_name_of(item.text) for item in wanted if item.is_override}
    return [item for item in wanted if item.is_override or _name_of(item.text) not in overridden]


def _name_of(text: str) -> str | None:
    match = re.match(r"\s*([A-Za-z0-9][A-Za-z0-9._-]*)", text)
    return normalise(match[1]) if match else None


def table_of(table: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """Return a table of a project file; an empty one where it is absent or something else."""
    value = table.get(key)
    return value if isinstance(value, dict) else {}


def _project_requirements(judge: Judge, inputs: Inputs, pyproject: Pyproject) -> Iterator[Wanted]:
    project = table_of(pyproject.table, "project")
    dynamic = project.get("dynamic", [])
    for key in ("dependencies", "optional-dependencies"):
        if key in dynamic:
            judge.unknown.append(unjudged(judge, f"`project.{key}` is dynamic, so what it holds is not in any file"))
    yield from _listed(project.get("dependencies", []), pyproject, "project", "dependencies")
    extras = table_of(project, "optional-dependencies")
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
                judge.stale.append(gone_input(judge, pyproject, "project.optional-dependencies", extra))
            continue
        for item in _listed(extras[by_name[extra]], pyproject, "project", "optional-dependencies", by_name[extra]):
            chosen.extend(_own_extras(item.text, project.get("name", "")))
            yield item


def _group_requirements(judge: Judge, pyproject: Pyproject, group: str) -> Iterator[Wanted]:
    groups = table_of(pyproject.table, "dependency-groups")
    by_name = {normalise(name): name for name in groups}
    todo, done = [normalise(group)], set[str]()
    while todo:
        name = todo.pop(0)
        if name in done:
            continue
        done.add(name)
        if name not in by_name:
            gone = gone_input(judge, pyproject, "dependency-groups", name)
            if name != normalise(group):  # the command cannot be run before this is mended
                gone = replace(gone, fix=f"take `{name}` out of the `include-group` of `{group}`, or put it back")
            judge.stale.append(gone)
            continue
        items = groups[by_name[name]]
        for item in items if isinstance(items, list) else [None]:
            included_group = item.get("include-group") if isinstance(item, dict) else None
            if isinstance(included_group, str):
                todo.append(normalise(included_group))
            elif not isinstance(item, str):
                why = f"`dependency-groups.{by_name[name]}` holds what is neither a requirement nor `include-group`"
                judge.unknown.append(unjudged(judge, why))
        yield from _listed(items, pyproject, "dependency-groups", by_name[name])


def _listed(items: object, pyproject: Pyproject, *key: str) -> Iterator[Wanted]:
    where = Where(path=pyproject.source.path, line=find_line(pyproject.source.text, *key), key=".".join(key))
    for item in items if isinstance(items, list) else []:
        if isinstance(item, str):
            yield Wanted(text=item, where=where)


def _file_requirements(
    judge: Judge,
    path: str,
    read: Callable[[str], Source | None],
    *,
    is_constraint: bool,
    depth: int = 0,
    asker: Where | None = None,
) -> Iterator[Wanted]:
    """Yield the requirements of an input file and of those it includes; `asker` is the line that includes it."""
    source = read(path) if depth < 10 else None  # noqa: PLR2004
    if source is None:
        is_shown = asker is None or not is_outside_project(asker.path)
        name = f"its input `{strip_all_credentials(path)}`" if is_shown else f"the file that `{asker}` includes"
        judge.unknown.append(unjudged(judge, f"{name} is missing"))
        return
    judge.read.add(path)
    for line, text, _ in read_logical_lines(source.text):
        where = Where(path=path, line=line)
        if nested := included(text):
            limits = is_constraint or nested[0]
            name = beside(path, nested[1])
            yield from _file_requirements(judge, name, read, is_constraint=limits, depth=depth + 1, asker=where)
        elif text.startswith(("-e", ".", "/")):
            shown = "" if is_outside_project(path) else f": `{strip_all_credentials(text)}`"
            judge.unknown.append(unjudged(judge, f"a local directory stands in `{where}`{shown}"))
        elif not text.startswith("-"):
            yield Wanted(text=text.split(" --", 1)[0], where=where, is_constraint=is_constraint)


def _own_extras(text: str, project: str) -> list[str]:
    from packaging.requirements import InvalidRequirement, Requirement

    try:
        requirement = Requirement(text)
    except InvalidRequirement:
        return []
    if normalise(requirement.name) != normalise(project):
        return []
    return [normalise(extra) for extra in requirement.extras]
