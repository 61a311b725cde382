"""The header of a `uv.lock` against the workspace root: environments, and the lists of `[manifest]`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cudapin.core.marker_truth import are_equivalent
from cudapin.core.markers import parse_marker
from cudapin.core.names import normalise
from cudapin.core.specifiers import has_same_clauses, is_admitted, is_same_specifier
from cudapin.locks.uv.package import read_requirement
from cudapin.locks.uv.project import Declared, UnjudgeableError
from cudapin.locks.uv.requires import differing_names, lower_requirement, render_requirement

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from cudapin.core.python import PythonRange
    from cudapin.locks.uv.model import UvRequirement
    from cudapin.locks.uv.project import UvProject, UvWorkspace
    from cudapin.locks.uv.report import Report

__all__ = ["judge_environments", "judge_manifest", "render_side"]


def judge_environments(report: Report, workspace: UvWorkspace, python: PythonRange) -> None:
    """Compare `environments` and `required-environments`, one by one in their order."""
    for setting, key in (("environments", "supported-markers"), ("required-environments", "required-markers")):
        value = workspace.root.get(object, "tool", "uv", setting)
        wanted = [value] if isinstance(value, str) else workspace.root.strings("tool", "uv", setting)
        found: list[str] = report.lock.header.get(key, [])
        markers = [[parse_marker(text) for text in side] for side in (wanted, found)]
        same = len(wanted) == len(found) and all(
            are_equivalent(ours, theirs, python) for ours, theirs in zip(*markers, strict=True)
        )
        if not same:
            ours, theirs = (", ".join(f"`{text}`" for text in side) or "none" for side in (wanted, found))
            report.stale(f"`tool.uv.{setting}` has changed", ours, theirs, report.in_lock(key))


def judge_manifest(report: Report, workspace: UvWorkspace, python: PythonRange) -> None:
    """Compare members, constraints, overrides, exclusions, build constraints and the root's own groups."""
    root, manifest = workspace.root, report.lock.header.get("manifest", {})
    _judge_members(report, workspace, manifest.get("members", []))
    locked = {package.name for package in report.lock.packages}
    for key, setting, needs_package in (
        ("constraints", "constraint-dependencies", True),
        ("build-constraints", "build-constraint-dependencies", False),
    ):
        wanted = _lower_all(root.strings("tool", "uv", setting), setting, workspace)
        found = [read_requirement(item) for item in manifest.get(key, ())]
        _judge_list(report, key, setting, workspace, python, wanted, found, locked if needs_package else None)
    _judge_overrides(report, workspace, python, locked, manifest.get("overrides", []))
    _judge_excludes(report, root, locked, manifest.get("excludes", []))
    if root.name is None:
        _judge_root_groups(report, workspace, python, manifest.get("dependency-groups", {}))


def _judge_members(report: Report, workspace: UvWorkspace, found: Sequence[str]) -> None:
    names = sorted(workspace.members)
    wanted = [] if len(names) == 1 and workspace.root.name is not None else names
    if wanted != sorted(found):
        ours, theirs = (", ".join(f"`{name}`" for name in side) or "none" for side in (wanted, sorted(found)))
        report.stale("the workspace has other members", ours, theirs, report.in_lock("manifest", "members"))


def _lower_all(texts: Iterable[str], setting: str, workspace: UvWorkspace) -> list[UvRequirement]:
    key = ("tool", "uv", setting)
    return [
        found for text in texts for found in lower_requirement(Declared(text=text, key=key), workspace.root, workspace)
    ]


def _judge_list(
    report: Report,
    key: str,
    setting: str,
    workspace: UvWorkspace,
    python: PythonRange,
    wanted: list[UvRequirement],
    found: list[UvRequirement],
    locked: set[str] | None,
) -> None:
    """Report names whose entries differ; one that is only in the project, for a name not in the lock, is nothing."""
    is_same = has_same_clauses if key == "build-constraints" else is_same_specifier
    for name, (missing, surplus) in differing_names(wanted, found, {}, python, is_same=is_same).items():
        is_without_effect = locked is not None and name not in locked and not surplus
        if not is_without_effect:
            where = report.in_project(workspace.root, "tool", "uv", setting)
            what = f"`tool.uv.{setting}` has changed for `{name}`"
            if key == "constraints" and not surplus and _may_be_met(report, workspace, name, missing):
                why = "under `preview`, uv accepts some new constraints that the locked version satisfies"
                report.unknown(what, why, where)
                continue
            report.stale(what, render_side(missing), render_side(surplus), where, package=name)


def _may_be_met(report: Report, workspace: UvWorkspace, name: str, added: Iterable[UvRequirement]) -> bool:
    """Tell whether uv, by the rule that its preview mode adds, may take the lock in spite of new constraints."""
    if not workspace.settings.get("preview") and not workspace.settings.get("preview-features"):
        return False
    versions = [package.version for package in report.lock.packages_named(name)]
    return all(version and is_admitted(version, item.specifier) for item in added for version in versions)


def render_side(requirements: Sequence[UvRequirement]) -> str:
    """Return requirements as text for a message."""
    return ", ".join(sorted(f"`{render_requirement(item)}`" for item in requirements)) or "nothing of that kind"


def _judge_overrides(
    report: Report, workspace: UvWorkspace, python: PythonRange, locked: set[str], recorded: list[Mapping[str, Any]]
) -> None:
    """Compare plain overrides by name, and those scoped to a package (tables) by package and name."""
    setting = "override-dependencies"
    items = workspace.root.get(list, "tool", "uv", setting) or []
    wanted: dict[str, list[UvRequirement]] = {}
    for item in items:
        scope, texts = _override_scope(item)
        wanted.setdefault(scope, []).extend(_lower_all(texts, setting, workspace))
    found: dict[str, list[UvRequirement]] = {}
    for table in recorded:
        scope = _scope_name(table["package"]) if "package" in table else ""
        tables = table.get("dependencies", []) if scope else [table]
        try:
            found.setdefault(scope, []).extend(map(read_requirement, tables))
        except (KeyError, TypeError, AttributeError) as error:
            raise UnjudgeableError("the lock records it in an unknown form", "tool", "uv", setting) from error
    for scope in sorted(wanted.keys() | found.keys()):
        names = None if scope else locked
        _judge_list(report, "overrides", setting, workspace, python, wanted.get(scope, []), found.get(scope, []), names)


def _override_scope(item: object) -> tuple[str, list[str]]:
    if isinstance(item, str):
        return "", [item]
    if isinstance(item, dict):
        texts = item.get("dependencies")
        if isinstance(texts, list) and all(isinstance(text, str) for text in texts):
            return _scope_name(item.get("package")), texts
    raise UnjudgeableError("it holds an entry of an unknown form", "tool", "uv", "override-dependencies")


def _scope_name(package: object) -> str:
    if isinstance(package, dict) and isinstance(package.get("name"), str):
        return f"{normalise(package['name'])} {package.get('version', '')}".strip()
    raise UnjudgeableError("it holds an entry of an unknown form", "tool", "uv", "override-dependencies")


def _judge_excludes(report: Report, root: UvProject, locked: set[str], recorded: list[object]) -> None:
    setting = "exclude-dependencies"
    wanted, found = (
        {normalise(item) if isinstance(item, str) else repr(item) for item in side}
        for side in (root.get(list, "tool", "uv", setting) or [], recorded)
    )
    for name in sorted(wanted ^ found):
        if name in found or name in locked:
            texts = (f"`{name}`", "no such entry") if name in wanted else ("no such entry", f"`{name}`")
            where = report.in_project(root, "tool", "uv", setting)
            report.stale(f"`tool.uv.{setting}` has changed for `{name}`", *texts, where, package=name)


def _judge_root_groups(
    report: Report, workspace: UvWorkspace, python: PythonRange, recorded: Mapping[str, Any]
) -> None:
    """Compare the groups of a workspace root that is no project; empty ones do not count."""
    root = workspace.root
    for group in sorted(root.groups.keys() | recorded.keys()):
        declared = root.groups.get(group, ())
        wanted = [found for item in declared for found in lower_requirement(item, root, workspace)]
        found = [read_requirement(item) for item in recorded.get(group, ())]
        for name, sides in differing_names(wanted, found, workspace.members, python).items():
            where = report.in_project(root, "dependency-groups", group)
            ours, theirs = map(render_side, sides)
            report.stale(f"group `{group}` has changed for `{name}`", ours, theirs, where, package=name)
