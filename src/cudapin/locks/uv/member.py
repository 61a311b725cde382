"""One workspace member, or path dependency, against its entry in a `uv.lock`."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from cudapin.core.markers import FALSE, assign_extras, conjunction
from cudapin.core.names import normalise
from cudapin.core.specifiers import has_same_clauses, is_same_version
from cudapin.errors import Code, Where
from cudapin.locks.uv.manifest import render_side
from cudapin.locks.uv.project import DYNAMIC_DEPENDENCIES, UnjudgeableError
from cudapin.locks.uv.requires import differing_names, lower_requirement, parse_requirement
from cudapin.locks.uv.satisfied import unsatisfied

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from cudapin.core.python import PythonRange
    from cudapin.locks.uv.model import UvPackage, UvRequirement
    from cudapin.locks.uv.project import Declared, UvProject, UvWorkspace
    from cudapin.locks.uv.report import Report

__all__ = ["MemberJudge"]

# `provides-extras` and empty groups are recorded from this revision on, default groups and their Python from that.
_EXTRAS_REVISION = 1
_GROUP_METADATA_REVISION = 5


class MemberJudge:
    """Compares all that an entry records of its project."""

    def __init__(
        self,
        report: Report,
        project: UvProject,
        entry: UvPackage,
        workspace: UvWorkspace,
        python: PythonRange,
        *,
        is_member: bool,
    ) -> None:
        self.report = report
        self.project = project
        self.entry = entry
        self.workspace = workspace
        self.python = python
        self.is_member = is_member
        self.index_urls: set[str] = set()
        """The indexes that requirements name; the lock may hold packages from them."""
        self._differing: set[str] = set()

    def judge(self) -> None:
        """Run all comparisons; each that cannot be made is reported and leaves the others."""
        steps = [self._judge_version, self._judge_groups, self._judge_specifiers]
        if self.is_member:
            steps[1:1] = [self._judge_kind, self._judge_requires, self._judge_group_metadata]
        else:
            steps.insert(1, self._judge_requires)
        for step in steps:
            self.report.attempt(self.project, step)

    def _in_entry(self, key: str) -> Where:
        return Where(path=self.report.lock.source.path, line=self.entry.line, key=f"package.{key}")

    def _stale(self, what: str, wanted: str, found: str, where: Where, code: Code = Code.CP201) -> None:
        self.report.stale(what, wanted, found, where, code=code, package=self.entry.name)

    def _judge_kind(self) -> None:
        wanted, found = self.workspace.source_kind(self.project), self.entry.source.kind
        if wanted != found:
            what = f"`{self.entry.name}` is locked as another kind of source"
            self._stale(what, f"`{wanted}`", f"`{found}`", self._in_entry("source"))

    def _judge_version(self) -> None:
        wanted, found = self.project.get(str, "project", "version"), self.entry.version
        what = f"the version of `{self.entry.name}` has changed"
        if "version" in self.project.dynamic:
            if found is not None:
                self._stale(what, "a dynamic one", f"`{found}`", self._in_entry("version"), Code.CP203)
            return
        if wanted is None:
            raise UnjudgeableError("`version` is neither there nor dynamic", "project")
        try:
            is_same = found is not None and is_same_version(wanted, found)
        except ValueError as error:
            raise UnjudgeableError(str(error), "project", "version") from error
        if not is_same:
            found_text = "a dynamic one" if found is None else f"`{found}`"
            self._stale(what, f"`{wanted}`", found_text, self._in_entry("version"), Code.CP203)

    def _lower(self, declared: Iterable[Declared]) -> list[UvRequirement]:
        found = [
            requirement for item in declared for requirement in lower_requirement(item, self.project, self.workspace)
        ]
        self.index_urls |= {item.source[1] for item in found if item.source and item.source[0] == "index"}
        return found

    def _judge_requires(self) -> None:
        dynamic = [field for field in DYNAMIC_DEPENDENCIES if field in self.project.dynamic]
        if dynamic:
            why = f"`{', '.join(dynamic)}` of `{self.entry.name}` come from its build backend"
            raise UnjudgeableError(why, "project", "dynamic")
        if self.report.lock.revision >= _EXTRAS_REVISION:
            self._judge_extras()
        wanted, found = self._lower(self.project.dependencies()), self.entry.metadata.requires_dist
        differing = differing_names(wanted, found, self.workspace.members, self.python)
        if differing and "version" in self.project.dynamic:
            flat = _flatten(wanted, self.entry.name)
            differing = differing_names(flat, found, self.workspace.members, self.python) and differing
        for name, (missing, surplus) in differing.items():
            self._report(f"the requirements on `{name}` have changed", name, missing, surplus)

    def _report(
        self, what: str, name: str, missing: Sequence[UvRequirement], surplus: Sequence[UvRequirement], group: str = ""
    ) -> None:
        """Point to the requirement in the project file, where there is one, else to the entry in the lock."""
        self._differing.add(name)
        key = self._find_key(name, group) if missing else None
        where = self.report.in_project(self.project, *key) if key else self._in_entry("metadata")
        self.report.stale(what, render_side(missing), render_side(surplus), where, package=name)

    def _find_key(self, name: str, group: str) -> tuple[str, ...] | None:
        declared = self.project.groups.get(group, ()) if group else self.project.dependencies()
        return next((item.key for item in declared if parse_requirement(item).name == name), None)

    def _judge_extras(self) -> None:
        wanted, found = self.project.extras, self.entry.metadata.provides_extras
        if wanted != found:
            where = self.report.in_project(self.project, "project", "optional-dependencies")
            self._stale(f"`{self.entry.name}` has other extras", _names(wanted), _names(found), where)

    def _judge_groups(self) -> None:
        keeps_empty = self.report.lock.revision >= _EXTRAS_REVISION
        wanted = {name: self._lower(items) for name, items in self.project.groups.items()}
        found = self.entry.metadata.groups
        for group in sorted(wanted.keys() | found.keys()):
            ours, theirs = wanted.get(group, []), found.get(group, ())
            if (group in wanted) != (group in found) and (keeps_empty or ours or theirs):
                texts = ("such a group", "none") if group in wanted else ("no such group", "one")
                where = self.report.in_project(self.project, "dependency-groups")
                self._stale(f"group `{group}` has been added or removed", *texts, where)
                continue
            for name, sides in differing_names(ours, theirs, self.workspace.members, self.python).items():
                self._report(f"the requirements on `{name}` in group `{group}` have changed", name, *sides, group)

    def _judge_group_metadata(self) -> None:
        if self.report.lock.revision < _GROUP_METADATA_REVISION:
            return
        key = ("tool", "uv", "default-groups")
        value = self.project.get(object, *key)
        wanted: str | frozenset[str] = frozenset({"dev"})
        if value is not None:
            wanted = value if isinstance(value, str) else frozenset(map(normalise, self.project.strings(*key)))
        found = self.entry.default_groups
        if wanted != found:
            ours, theirs = (f"`{value}`" if isinstance(value, str) else _names(value) for value in (wanted, found))
            self._stale(
                "`tool.uv.default-groups` has changed", ours, theirs, self.report.in_project(self.project, *key)
            )
        pythons = {name: ",".join(self.project.group_pythons[name]) for name in self.project.groups_as_written}
        recorded = self.entry.group_requires_python
        for name in sorted({name for name, text in pythons.items() if text} | recorded.keys()):
            ours, theirs = pythons.get(name, ""), recorded.get(name, "")
            if not has_same_clauses(ours, theirs):
                where = self.report.in_project(self.project, "tool", "uv", "dependency-groups")
                what = f"`requires-python` of group `{name}` has changed"
                self._stale(what, f"`{ours or 'any'}`", f"`{theirs or 'any'}`", where)

    def _judge_specifiers(self) -> None:
        """Report locked versions that do not satisfy a requirement: uv does not look at those of local projects."""
        for item, name, version in unsatisfied(self.report.lock, self.project, self.entry, self.python):
            if name not in self._differing:
                requirement = parse_requirement(item)
                where = self.report.in_project(self.project, *item.key)
                what = f"the locked version of `{name}` does not satisfy its requirement"
                wanted = f"`{requirement.name}{requirement.specifier}`"
                self.report.stale(what, wanted, f"`{version}`", where, code=Code.CP204, package=name)


def _names(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in sorted(names)) or "none"


def _flatten(requirements: Sequence[UvRequirement], project: str) -> list[UvRequirement]:
    """Replace a project's requirements on its own extras by what those extras hold, as hatchling does."""
    flat = [item for item in requirements if item.name != project]
    queue = [item for item in requirements if item.name == project]
    seen: set[UvRequirement] = set()
    while queue:
        own = queue.pop()
        if own in seen:
            continue
        seen.add(own)
        for extra in own.extras:
            for item in requirements:
                inner = assign_extras(item.marker, frozenset({extra}))
                if inner not in (item.marker, FALSE):
                    combined = replace(item, marker=conjunction(inner, own.marker))
                    (queue if item.name == project else flat).append(combined)
    return flat
