"""The command `publish-check`: what an index would reject or users would regret, and who gets what."""

from __future__ import annotations

import re
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from cudapin.adapters.dists import find_dists
from cudapin.adapters.facts import read_facts
from cudapin.adapters.index_tree import sha256_of
from cudapin.adapters.publish_read import read_sdist_facts, read_wheel_facts, unpacked
from cudapin.cli.commands import Outcome
from cudapin.cli.publish_project import ReleasedProject, judge_released_sdist
from cudapin.cli.publish_release import Release, judge_release, release_row, release_text
from cudapin.core.fields import name_list
from cudapin.core.names import normalise
from cudapin.core.wheel_name import VARIANTS_FILE
from cudapin.errors import Code, ConfigError, CudapinError, LockError, Problem, sort_problems
from cudapin.release.index_page import name_and_version
from cudapin.release.index_place import two_of_one_name
from cudapin.release.publish import problem_at, public_part
from cudapin.release.publish_wheel import judge_size

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from cudapin.adapters.dists import Dist
    from cudapin.core.facts import Facts
    from cudapin.release.publish import IndexKind, WheelFacts

__all__ = ["publish_check"]

_SIZE = re.compile(r"(?P<number>\d+(?:\.\d+)?)\s*(?P<unit>B|[kKMG]i?B)?")
_UNITS = {"B": 1, "kB": 10**3, "KB": 10**3, "MB": 10**6, "GB": 10**9, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}


@dataclass(slots=True)
class _Read:
    """What was read: wheels, variants files, projects, and what could not be."""

    wheels: list[WheelFacts] = field(default_factory=list)
    described: list[tuple[Dist, bytes]] = field(default_factory=list)
    projects: list[ReleasedProject] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    twins: list[tuple[Dist, Dist]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def publish_check(
    start: Path | None,
    environ: Mapping[str, str],
    names: Sequence[str],
    *,
    to: IndexKind,
    is_waiving: bool,
    previous: str | None,
    max_size: str | None,
) -> Outcome:
    """Judge wheels and sdists as the releases that they are. `start` is the directory of `--project`, if it is given.

    Raises ConfigError for what is no distribution and no size; what cannot be read is a problem among others.
    """
    limit = None if max_size is None else _bytes(max_size)
    facts = read_facts(environ)
    dists = find_dists(names)
    before = [] if previous is None else _read_previous(previous, facts)
    with ExitStack() as stack:
        read = _Read()
        for dist in _without_twins(read, dists):
            _read_dist(read, dist, facts, stack)
        _add_tree(read, start)
        sdists = [project.sdist for project in read.projects if project.sdist is not None]
        for shown, size in [(one.shown, one.size) for one in read.wheels] + [(one.shown, one.size) for one in sdists]:
            read.problems += judge_size(shown, size, limit, to)
        releases = _releases(read, before)
        read.problems += _judge_twins(read, releases, to)
        for project in read.projects:
            if project.sdist is not None:
                found, accepted = judge_released_sdist(project, to)
                read.problems += found
                for problem, waiver in accepted:
                    text = f"{problem.code.name} is waived in the sdist: {problem.what}"
                    _waive(read, project.origin, text, waiver.reason, is_waiving=is_waiving)
        read.problems += _judge_versions(releases)
        rows, texts = [], []
        for release in releases:
            problems, notes = judge_release(release, to, is_waiving=is_waiving)
            read.problems += problems
            read.notes += notes
            rows.append(release_row(release, to, read.problems))
            texts.append(release_text(release, to, read.problems))
    return Outcome(
        problems=sort_problems(read.problems),
        text="\n".join(texts),
        data={"to": to, "releases": rows},
        notes=tuple(dict.fromkeys(read.notes)),
    )


def _waive(read: _Read, shown: str, what: str, why: str, *, is_waiving: bool) -> None:
    if is_waiving:
        read.notes.append(f"accepted: {shown}: {what} ({why})")
    else:
        fix = "mend what it is about and build anew, or accept it: `--accept-waivers`"
        read.problems.append(problem_at(Code.CP732, shown, what, why, fix))


def _bytes(text: str) -> int:
    """Return a size such as `100MiB` in bytes. Raises ConfigError."""
    match = _SIZE.fullmatch(text.strip())
    if match is None:
        why = f"wanted a number and a unit such as `100MiB` or `2GB`, found `{text}`"
        what, fix = "`--max-size` is no size", "use `--max-size 100MiB`"
        raise ConfigError(Problem(code=Code.CP112, what=what, why=why, fix=fix))
    return int(float(match["number"]) * _UNITS[match["unit"] or "B"])


# Reading


def _without_twins(read: _Read, dists: Iterable[Dist]) -> list[Dist]:
    """Leave out the copies of a file; of two of one name that differ, both are judged."""
    by_name: dict[str, list[Dist]] = {}
    for dist in dists:
        kept = by_name.setdefault(dist.name, [])
        try:
            digest = sha256_of(dist.path) if kept else ""
            others = [one for one in kept if sha256_of(one.path) != digest]
        except OSError:
            kept.append(dist)  # where it is read, it is said why it cannot be
            continue
        if len(others) == len(kept):
            read.twins += [(one, dist) for one in others]
            kept.append(dist)
    return [dist for kept in by_name.values() for dist in kept]


def _judge_versions(releases: Iterable[Release]) -> Iterable[Problem]:
    """Warn of several versions of one project: old files in a folder are uploaded with the new ones."""
    by_name: dict[str, list[Release]] = {}
    for release in releases:
        by_name.setdefault(normalise(release.name), []).append(release)
    for found in by_name.values():
        if len(found) > 1:
            versions = name_list([release.version for release in found])
            what = f"there are files of {len(found)} releases of {found[0].name}"
            why = f"they are {versions}, each was judged by itself, and whether all are to be published is not known"
            fix = "leave out the files of a release that is out already"
            yield problem_at(Code.CP735, found[0].place, what, why, fix, level="warning")


def _judge_twins(read: _Read, releases: Iterable[Release], to: IndexKind) -> Iterable[Problem]:
    """Return a problem for two files of one name, but for wheels of two variants that have an index each."""
    apart = {
        wheel.shown: wheel.variant
        for release in releases
        if release.project is not None and release.project.declared().has_own_indexes(to)
        for wheel in release.wheels
    }
    for one, other in read.twins:
        if apart.get(one.shown) is None or apart.get(one.shown) == apart.get(other.shown):
            yield two_of_one_name(one.name, one.shown, other.shown)


def _read_dist(read: _Read, dist: Dist, facts: Facts, stack: ExitStack) -> None:
    try:
        if dist.name.endswith(VARIANTS_FILE):
            read.described.append((dist, dist.path.read_bytes()))
        elif dist.name.endswith(".whl"):
            read.wheels.append(read_wheel_facts(dist, facts))
        else:
            from cudapin.gate import open_gate

            sdist, content = read_sdist_facts(dist)
            gate = open_gate(stack.enter_context(unpacked(content)), {})
            read.projects.append(ReleasedProject(gate, dist.shown, sdist, content))
    except LockError as error:
        read.problems += error.problems
    except OSError as error:
        why = f"found: {error.strerror or error}"
        read.problems.append(problem_at(Code.CP713, dist.shown, f"`{dist.name}` cannot be read", why, "make it anew"))
    except CudapinError as error:
        read.problems += [_inside(problem, dist.shown) for problem in error.problems]


def _inside(problem: Problem, shown: str) -> Problem:
    why = f"{problem.what}: {problem.why}"
    fix = "mend it in the project, and build the sdist anew"
    return problem_at(Code.CP736, shown, "the project in the sdist cannot be read", why, fix)


def _add_tree(read: _Read, start: Path | None) -> None:
    """Take the project of `--project`, or the one here, for releases without an sdist."""
    from cudapin.adapters.project import find_root
    from cudapin.gate import open_gate

    try:
        root = find_root(start or Path())
        gate = open_gate(root, {})
    except CudapinError:
        if start is not None:
            raise
        return
    if gate.project.metadata.get("name"):
        read.projects.append(ReleasedProject(gate, (root / "pyproject.toml").as_posix() if start else "pyproject.toml"))


def _read_previous(name: str, facts: Facts) -> list[WheelFacts]:
    """Return the wheels of the release before. Raises LockError where one cannot be read."""
    dists = find_dists([name])
    return [read_wheel_facts(dist, facts) for dist in dists if dist.name.endswith(".whl")]


# Which files belong together


def _releases(read: _Read, before: Sequence[WheelFacts]) -> list[Release]:
    """Return the releases: files of one project, under any of the names of its variants, and of one public version."""
    releases: dict[tuple[str, str], Release] = {}
    own = {name: project for project in reversed(read.projects) for name in _names(project)}

    def release(name: str, version: str) -> Release:
        project = own.get(name)
        base = normalise(project.name) if project else name
        return releases.setdefault(
            (base, public_part(version)), Release(name=project.name if project else name, version=public_part(version))
        )

    for project in read.projects:
        if project.sdist is not None:
            found = release(normalise(project.name), project.sdist.version)
            found.project, found.has_sdist = project, True
    for wheel in read.wheels:
        release(normalise(wheel.found.name), wheel.found.version).wheels.append(wheel)
    for dist, content in read.described:
        release(*name_and_version(dist.name)).described.append((dist.shown, dist.name, content))
    trees = [project for project in read.projects if project.sdist is None]
    for (base, version), found in releases.items():
        for tree in trees:
            is_same = normalise(tree.name) == base and tree.version in (None, version)
            if found.project is None and is_same:
                found.project = tree
        names = {base} | (_names(found.project) if found.project else set())
        found.previous = tuple(
            wheel
            for wheel in before
            if normalise(wheel.found.name) in names and public_part(wheel.found.version) != version
        )
    return [releases[key] for key in sorted(releases)]


def _names(project: ReleasedProject) -> set[str]:
    return {normalise(project.name), *project.declared().names.values()}
