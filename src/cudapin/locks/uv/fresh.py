"""Is a `uv.lock` up to date with its project? The rule of `uv lock --check`, offline and without uv.

A lock records its inputs in its header and in the entries of the workspace members; each is compared with what the
project files say now (`Lock::satisfies` and `ValidatedLock::validate` in uv). Every difference is reported.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cudapin.core.python import ANY_PYTHON, PythonRange, parse_python_range
from cudapin.errors import Where
from cudapin.locks.uv.conflicts import agrees, locked_conflicts, render_conflicts, wanted_conflicts
from cudapin.locks.uv.manifest import judge_environments, judge_manifest
from cudapin.locks.uv.member import MemberJudge
from cudapin.locks.uv.project import UvWorkspace
from cudapin.locks.uv.report import Report
from cudapin.locks.uv.settings import compare_metadata, compare_newer, compare_options, foreign_newer, missing_indexes

if TYPE_CHECKING:
    from cudapin.core.lock import LockVerdict, UvInputs
    from cudapin.locks.uv.lock import UvLock
    from cudapin.locks.uv.model import UvPackage
    from cudapin.locks.uv.project import UvProject

__all__ = ["judge_uv", "path_dependencies"]

_LOCAL_KINDS = frozenset({"editable", "virtual", "directory"})


def path_dependencies(lock: UvLock) -> tuple[str, ...]:
    """Return the directories, relative to the lock, of all local projects in it.

    Those that are no workspace members go into `UvInputs.path_dependencies`.
    """
    return tuple(sorted({package.source.value for package in lock.packages if package.source.kind in _LOCAL_KINDS}))


def judge_uv(lock: UvLock, inputs: UvInputs) -> LockVerdict:
    """Judge whether the lock is what uv would make of the inputs, with every reason why it is not.

    A lock that is certainly stale is stale, whatever else cannot be judged; one that nothing speaks against, but
    that depends on what only a build can tell, is unknown.
    """
    report = Report(lock)
    workspace = UvWorkspace(inputs)
    python = parse_python_range(lock.header["requires-python"]) or ANY_PYTHON
    root = workspace.root
    report.attempt(root, lambda: _judge_python(report, workspace, python))
    report.attempt(root, lambda: _judge_settings(report, workspace))
    report.attempt(root, lambda: judge_environments(report, workspace, python))
    report.attempt(root, lambda: _judge_conflicts(report, workspace))
    report.attempt(root, lambda: judge_manifest(report, workspace, python))
    index_urls: set[str] = set()
    report.attempt(root, lambda: _judge_projects(report, workspace, python, index_urls))
    report.attempt(root, lambda: _judge_indexes(report, workspace, inputs, index_urls))
    return report.verdict()


def _judge_python(report: Report, workspace: UvWorkspace, found: PythonRange) -> None:
    text = report.lock.header["requires-python"]
    specifiers = workspace.python_specifiers()
    if not specifiers:
        why = f"no project sets `requires-python`: uv took `{text}` from the Python that it ran on"
        where = report.in_lock("requires-python")
        fix = f'add `requires-python = "{text}"` to `[project]`'
        report.warn("was made for the Python of one machine", why, fix, where)
        return
    wanted = ANY_PYTHON
    for _, specifier in specifiers:
        wanted = wanted.intersect(parse_python_range(specifier) or ANY_PYTHON)
    if wanted != found:
        project = specifiers[0][0]
        where = report.in_project(project, "project", "requires-python")
        report.stale("`requires-python` has changed", f"`{wanted}`", f"`{text}`", where)


def _judge_settings(report: Report, workspace: UvWorkspace) -> None:
    settings = workspace.settings
    for compare in (compare_options, compare_newer, compare_metadata):
        for key, wanted, found in compare(report.lock, settings):
            *_, name = key.split(".") if "newer-package" not in key else ("exclude-newer-package",)
            report.stale(f"`{name}` has changed", wanted, found, report.in_lock(*key.split(".")))
    newer = foreign_newer(report.lock, settings)
    if newer is not None:
        report.warn(
            "was made under a user's own `exclude-newer`",
            f"the lock has `{newer}`, no project file sets it: `uv lock --check` fails wherever it is not set",
            f'add `exclude-newer = "{newer}"` to `[tool.uv]`',
            report.in_lock("options", "exclude-newer"),
        )


def _judge_conflicts(report: Report, workspace: UvWorkspace) -> None:
    (declared, inferred), found = wanted_conflicts(workspace), locked_conflicts(report.lock.header)
    if not agrees(declared, inferred, found):
        wanted = [*declared, *sorted(inferred, key=sorted)]
        texts = (render_conflicts(wanted), render_conflicts(found))
        report.stale("`tool.uv.conflicts` has changed", *texts, report.in_lock("conflicts"))


def _judge_projects(report: Report, workspace: UvWorkspace, python: PythonRange, index_urls: set[str]) -> None:
    """Compare every member with its entry, then every other local project of the lock with its own."""
    for name, project in workspace.members.items():
        entries = [p for p in report.lock.packages_named(name) if p.source.kind in _LOCAL_KINDS]
        if len(entries) == 1:
            index_urls |= _judge_project(report, project, entries[0], workspace, python)
        else:
            where = report.in_project(project, "project", "name")
            report.stale("a workspace member is missing", f"an entry for `{name}`", "none", where, package=name)
    for entry in report.lock.packages:
        if entry.source.kind not in _LOCAL_KINDS or entry.name in workspace.members:
            continue
        project_there = workspace.find_path(entry.source.value)
        if workspace.join(entry.source.value) == ".":
            where = report.in_project(workspace.root, "project")
            report.stale("the project is no longer there", "no project", f"`{entry.name}`", where, package=entry.name)
        elif project_there is None:
            why = f"the project file in `{entry.source.value}`, from which uv reads it, was not given"
            where = Where(path=report.lock.source.path, line=entry.line, key="package.source")
            report.unknown(f"`{entry.name}` is a project outside the workspace", why, where)
        else:
            its_own = workspace.workspace_of(project_there)
            index_urls |= _judge_project(report, project_there, entry, its_own, python, is_member=False)


def _judge_project(
    report: Report,
    project: UvProject,
    entry: UvPackage,
    workspace: UvWorkspace,
    python: PythonRange,
    *,
    is_member: bool = True,
) -> set[str]:
    judge = MemberJudge(report, project, entry, workspace, python, is_member=is_member)
    judge.judge()
    return judge.index_urls


def _judge_indexes(report: Report, workspace: UvWorkspace, inputs: UvInputs, named: set[str]) -> None:
    directory = (inputs.settings_path or "").rpartition("/")[0] or "."
    by_address: dict[str, list[UvPackage]] = {}
    for package, address in missing_indexes(report.lock, workspace.settings, directory, named):
        by_address.setdefault(address, []).append(package)
    for address, packages in by_address.items():
        where = Where(path=report.lock.source.path, line=packages[0].line, key="package.source")
        names = ", ".join(f"`{package.name}`" for package in packages[:3])
        more = f" and {len(packages) - 3} more" if len(packages) > 3 else ""  # noqa: PLR2004
        report.stale(
            "an index that it uses is not configured",
            "only configured indexes",
            f"`{address}` for {names}{more}",
            where,
        )
