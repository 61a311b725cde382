"""What a project asks of Poetry: `[project]`, `[dependency-groups]` and `[tool.poetry]` put together as Poetry does.

The rules are those of `Factory._configure_package_dependencies` and `DependencyGroup.dependencies_for_locking` in
poetry-core 2: a dependency of `[project]` is enriched by those of the same name in `[tool.poetry.dependencies]`
(each adds its constraint, marker and source), and without any, `[tool.poetry.dependencies]` stands alone.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from cudapin.core.locate import find_line
from cudapin.core.marker_truth import is_possible
from cudapin.core.markers import MarkerError, conjunction, parse_marker
from cudapin.core.names import normalise
from cudapin.errors import Where
from cudapin.locks.direct import parse_requirement
from cudapin.locks.poetry.constraint import python_marker
from cudapin.locks.poetry.hash import table_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from cudapin.core.lock import Pyproject

__all__ = ["MAIN", "PoetryRoot", "RootRequirement", "read_root"]

MAIN = "main"
"""The group of what every installation gets."""
_ADDRESSES = ("git", "url", "path", "file", "hg")


@dataclass(frozen=True, slots=True, kw_only=True)
class RootRequirement:
    """One requirement of the project. All of its constraints (in Poetry's language) and markers must hold."""

    name: str
    text: str
    where: Where
    constraints: tuple[str, ...] = ()
    markers: tuple[str, ...] = ()
    extras: frozenset[str] = frozenset()
    in_extras: frozenset[str] = frozenset()
    """The extras of the project that bring it; with none of them it is not installed."""
    is_optional: bool = False
    is_direct: bool = False
    """Whether it names an address instead of a version."""
    source: str | None = None
    is_from_tool: bool = False

    def is_chosen(self, extras: frozenset[str]) -> bool:
        """Tell whether an installation with these extras wants it, its markers aside."""
        return bool(self.in_extras & extras) if self.in_extras else not self.is_optional


@dataclass(frozen=True, slots=True, kw_only=True)
class PoetryRoot:
    """All requirements by group, and the extras. `is_complete` is false where some could not be read."""

    groups: Mapping[str, tuple[RootRequirement, ...]]
    extras: Mapping[str, frozenset[str]]
    python: str
    is_complete: bool

    def chosen(self, extras: frozenset[str], groups: frozenset[str]) -> Iterator[RootRequirement]:
        """Yield what an installation with these extras and groups wants, markers aside."""
        return (item for item in self.of_groups(groups) if item.is_chosen(extras))

    def of_groups(self, groups: frozenset[str]) -> Iterator[RootRequirement]:
        """Yield all of the main group and these groups, whatever extra brings it."""
        for group in sorted({MAIN, *groups} & self.groups.keys()):
            yield from self.groups[group]


def read_root(pyproject: Pyproject) -> PoetryRoot:
    """Read what a project asks for; what is of a wrong type is left out, and makes the result incomplete."""
    return _Reader(pyproject).read()


class _Reader:
    def __init__(self, pyproject: Pyproject) -> None:
        self.source = pyproject.source
        self.project = table_of(pyproject.table, "project")
        self.standard_groups = table_of(pyproject.table, "dependency-groups")
        self.tool = table_of(table_of(pyproject.table, "tool"), "poetry")
        own = self.project.get("name") or self.tool.get("name")
        self.own_name = normalise(own) if isinstance(own, str) else None
        self.is_complete = True

    def read(self) -> PoetryRoot:
        optional = table_of(self.project, "optional-dependencies")
        own: list[RootRequirement] = list(self._listed(self.project.get("dependencies"), "project", "dependencies"))
        own_extras = {}
        for extra, items in optional.items():
            found = list(self._listed(items, "project", "optional-dependencies", extra))
            own_extras[normalise(extra)] = frozenset(item.name for item in found)
            in_extras = frozenset({normalise(extra)})
            own += [replace(item, is_optional=True, in_extras=in_extras) for item in found]
        tool = list(self._table(table_of(self.tool, "dependencies"), "dependencies"))
        extras = own_extras if own or optional else self._tool_extras(frozenset(item.name for item in tool))
        if not own:
            tool = [
                replace(item, in_extras=frozenset(extra for extra, names in extras.items() if item.name in names))
                for item in tool
            ]
        dynamic = self.project.get("dynamic")
        is_mixed = isinstance(dynamic, list) and bool(
            {"dependencies", "optional-dependencies"} & set(map(str, dynamic))
        )
        groups = {MAIN: tuple(_merged(own, tool, is_mixed=is_mixed))}
        python = table_of(self.tool, "dependencies").get("python", self.project.get("requires-python"))
        return PoetryRoot(
            groups={**self._groups(), **groups},
            extras=extras,
            python=python if isinstance(python, str) else "*",
            is_complete=self.is_complete,
        )

    def _tool_extras(self, names_of_all: frozenset[str]) -> dict[str, frozenset[str]]:
        extras = {}
        for extra, names in table_of(self.tool, "extras").items():
            known = [name for name in names if isinstance(name, str)] if isinstance(names, list) else []
            extras[normalise(extra)] = names_of_all.intersection(
                normalise(name.partition("[")[0].strip()) for name in known
            )
        return extras

    def _groups(self) -> dict[str, tuple[RootRequirement, ...]]:
        standard: dict[str, list[RootRequirement]] = {}
        tool: dict[str, list[RootRequirement]] = {}
        includes: dict[str, list[str]] = {}
        for name, items in self.standard_groups.items():
            standard[normalise(name)] = list(self._listed(items, "dependency-groups", name))
            includes[normalise(name)] = [
                normalise(item["include-group"])
                for item in (items if isinstance(items, list) else [])
                if isinstance(item, dict) and isinstance(item.get("include-group"), str)
            ]
        for name, group in table_of(self.tool, "group").items():
            if not isinstance(group, dict):
                self.is_complete = False
                continue
            tool[normalise(name)] = list(self._table(table_of(group, "dependencies"), "group", name, "dependencies"))
            more = group.get("include-groups")
            includes.setdefault(normalise(name), []).extend(
                normalise(item) for item in (more if isinstance(more, list) else []) if isinstance(item, str)
            )
        if "dev-dependencies" in self.tool:
            old = self._table(table_of(self.tool, "dev-dependencies"), "dev-dependencies")
            tool.setdefault("dev", []).extend(old)
        return _flattened(
            {name: _merged(standard.get(name, []), tool.get(name, [])) for name in standard | tool}, includes
        )

    def _listed(self, items: object, *key: str) -> Iterator[RootRequirement]:
        """Yield the requirements of a list in `[project]` or `[dependency-groups]`."""
        where = Where(path=self.source.path, line=find_line(self.source.text, *key), key=".".join(key))
        if items is not None and not isinstance(items, list):
            self.is_complete = False
        for item in items if isinstance(items, list) else []:
            requirement = parse_requirement(item) if isinstance(item, str) else None
            if requirement is not None and normalise(requirement.name) == self.own_name:
                continue
            if requirement is None:
                self.is_complete = self.is_complete and isinstance(item, dict) and "include-group" in item
                continue
            markers = () if requirement.marker is None else (str(requirement.marker),)
            if not self._can_read(markers):
                continue
            yield RootRequirement(
                name=normalise(requirement.name),
                text=str(item),
                where=where,
                constraints=(str(requirement.specifier) or "*",),
                markers=markers,
                extras=frozenset(map(normalise, requirement.extras)),
                is_direct=requirement.url is not None,
            )

    def _table(self, table: Mapping[str, Any], *key: str) -> Iterator[RootRequirement]:
        """Yield the requirements of a table of `[tool.poetry]`."""
        for name, value in table.items():
            if name.lower() == "python":
                continue
            path = ("tool", "poetry", *key, name)
            where = Where(path=self.source.path, line=find_line(self.source.text, *path), key=".".join(path))
            for item in value if isinstance(value, list) else [value]:
                fields = {"version": item} if isinstance(item, str) else item
                if not isinstance(fields, dict):
                    self.is_complete = False
                elif self._can_read((requirement := _from_table(name, fields, where)).markers):
                    yield requirement

    def _can_read(self, markers: tuple[str, ...]) -> bool:
        try:
            for marker in markers:
                parse_marker(marker)
        except MarkerError:
            self.is_complete = False
            return False
        return True


def _from_table(name: str, fields: Mapping[str, Any], where: Where) -> RootRequirement:
    text = {key: value for key, value in fields.items() if isinstance(value, str)}
    markers = [text["markers"]] if "markers" in text else []
    if "platform" in text:
        markers.append(f"sys_platform == '{text['platform']}'")
    if "python" in text:
        markers.append(python_marker(text["python"]))
    extras = fields.get("extras")
    version = text.get("version", "*")
    return RootRequirement(
        name=normalise(name),
        text=f"{name} = {version}" if "version" in text else name,
        where=where,
        constraints=(version,),
        markers=tuple(markers),
        extras=frozenset(normalise(item) for item in extras if isinstance(item, str))
        if isinstance(extras, list)
        else frozenset(),
        is_optional=fields.get("optional") is True,
        is_direct=any(key in fields for key in _ADDRESSES),
        source=text.get("source"),
        is_from_tool=True,
    )


def _merged(
    own: list[RootRequirement], tool: list[RootRequirement], *, is_mixed: bool = False
) -> list[RootRequirement]:
    """Return what a group asks for in the standard tables and those of Poetry together."""
    if not own or not tool:
        return own or tool
    base = own
    if is_mixed and len({item.is_optional for item in own}) == 1:
        base = [*own, *(item for item in tool if item.is_optional is not own[0].is_optional)]
    by_name: dict[str, list[RootRequirement]] = {}
    for item in tool:
        by_name.setdefault(item.name, []).append(item)
    result = []
    for item in base:
        enriched = [_enriched(item, other) for other in by_name.get(item.name, ()) if _can_meet(item, other)]
        result += enriched or [item]
    return result


def _enriched(item: RootRequirement, other: RootRequirement) -> RootRequirement:
    return replace(
        item,
        constraints=tuple(dict.fromkeys((*item.constraints, *other.constraints))),
        markers=tuple(dict.fromkeys((*item.markers, *other.markers))),
        extras=item.extras | other.extras,
        is_direct=item.is_direct or other.is_direct,
        source=other.source,
        is_from_tool=True,
    )


def _can_meet(item: RootRequirement, other: RootRequirement) -> bool:
    """Tell whether both can hold in one environment; where that cannot be told, they may."""
    try:
        choices = [f"extra == '{extra}'" for extra in sorted(item.in_extras)]
        markers = (*item.markers, *other.markers, *([" or ".join(choices)] if choices else []))
        return is_possible(conjunction(*map(parse_marker, markers)))
    except MarkerError:
        return True


def _flattened(
    groups: Mapping[str, list[RootRequirement]], includes: Mapping[str, Iterable[str]]
) -> dict[str, tuple[RootRequirement, ...]]:
    """Return each group with what the groups that it includes ask for."""
    result = {}
    for name in groups:
        todo, seen = [name], set[str]()
        items: list[RootRequirement] = []
        while todo:
            group = todo.pop(0)
            if group not in seen:
                seen.add(group)
                items += groups.get(group, [])
                todo += includes.get(group, ())
        result[name] = tuple(items)
    return result
