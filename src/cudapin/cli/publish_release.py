"""One release, judged by the rules of publishing, and shown as its users will see it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from cudapin.core.fields import name_list
from cudapin.core.verdict import exit_code
from cudapin.core.wheel_name import VARIANTS_FILE
from cudapin.errors import Code, Problem
from cudapin.release.index_labels import find_missing_labels, join_descriptions, parse_description
from cudapin.release.judge_labels import Labelled, judge_labels
from cudapin.release.publish import problem_at
from cudapin.release.publish_set import (
    judge_default,
    judge_dependencies,
    judge_files,
    judge_missing,
    judge_previous,
    judge_pythons,
    unspelled,
)
from cudapin.release.publish_users import find_ways, from_source, refused
from cudapin.release.publish_wheel import judge_waivers, judge_wheel

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from cudapin.cli.publish_project import ReleasedProject
    from cudapin.release.pep825 import Described
    from cudapin.release.publish import IndexKind, WheelFacts
    from cudapin.release.publish_users import Way

__all__ = ["Release", "judge_release", "release_row", "release_text"]

_SHOWN = 4


@dataclass(slots=True, kw_only=True)
class Release:
    """The files of one project and public version; `project` is None where nothing says what it declares."""

    name: str
    version: str
    wheels: list[WheelFacts] = field(default_factory=list)
    described: list[tuple[str, str, bytes]] = field(default_factory=list)
    project: ReleasedProject | None = None
    has_sdist: bool = False
    previous: tuple[WheelFacts, ...] = ()
    elsewhere: tuple[str, ...] = ()
    """Declared variants that cannot be on this kind of index."""

    @property
    def place(self) -> str:
        """A path that stands for the whole."""
        shown = [wheel.shown for wheel in self.wheels] + [name for name, _, _ in self.described]
        return self.project.origin if self.project and self.has_sdist else shown[0]


def judge_release(release: Release, to: IndexKind, *, is_waiving: bool) -> tuple[tuple[Problem, ...], tuple[str, ...]]:
    """Return what is wrong with the wheels of a release, each and together, and what was accepted."""
    project, wheels = release.project, release.wheels
    declared = project.declared() if project else None
    known = {wheel.shown: found for wheel in wheels if project and (found := project.expected(wheel))}
    problems: list[Problem] = []
    notes: list[str] = []
    for wheel in wheels:
        problems += judge_wheel(wheel, to, declared, known.get(wheel.shown))
        for problem, is_accepted in judge_waivers(wheel.shown, wheel.found.record, is_waiving=is_waiving):
            if is_accepted:
                notes.append(f"accepted: {wheel.shown}: {problem.what} ({problem.why})")
            else:
                problems.append(problem)
    if declared is not None and declared.names:
        problems += judge_default(wheels, declared, known, to)
        if wheels:
            missing, release.elsewhere = judge_missing(wheels, declared, to, release.place)
            problems += missing
    problems += judge_files(wheels)
    problems += judge_pythons(wheels)
    problems += judge_dependencies(wheels, known)
    problems += judge_previous(release.name, unspelled(wheels, release.name), unspelled(release.previous, release.name))
    problems += _judge_labels(release)
    problems += _judge_unknown(release)
    if is_waiving and project is not None:
        waived = project.gate.waive(problems)
        notes += [f"accepted: {problem.what} ({waiver.reason})" for problem, waiver in waived.accepted]
        problems = list(waived.standing)
    return tuple(problems), tuple(notes)


def _judge_labels(release: Release) -> Iterable[Problem]:
    labelled = [wheel for wheel in release.wheels if wheel.label is not None]
    texts: list[tuple[str, str, bytes | None]] = [*release.described]
    texts += [(wheel.shown, wheel.found.filename, wheel.found.variant_json) for wheel in labelled]
    described = []
    for shown, filename, content in texts:
        one, problems = parse_description(shown, filename, content)
        yield from problems
        described += [] if one is None else [(shown, one)]
    if described and len(described) == len(texts):
        wheels = described[len(release.described) :]
        contradictions = list(_judge_together(release, labelled, dict(wheels)))
        yield from contradictions or join_descriptions(described)[1]
        for shown, one in described[: len(release.described)]:
            yield from find_missing_labels(shown, one, (wheel.found.filename for wheel in labelled))
    if labelled and not release.described:
        first = labelled[0]
        name = f"{'-'.join(first.found.filename.split('-')[:2])}{VARIANTS_FILE}"
        yield problem_at(
            Code.CP713,
            first.shown,
            f"there is no `{name}`",
            "installers take no labelled wheel without it (PEP 825)",
            f"name the folder with `{name}`, too, or let `cudapin index` make it",
        )


def _judge_together(
    release: Release, labelled: Sequence[WheelFacts], described: Mapping[str, Described]
) -> Iterable[Problem]:
    """Judge labelled wheels of one release, with the others that lie in their folder."""
    if not labelled:
        return
    wheels = [
        Labelled(
            file=wheel.shown, label=str(wheel.label), variant=wheel.variant or "", described=described[wheel.shown]
        )
        for wheel in labelled
    ]
    folders = {wheel.shown.rpartition("/")[0] for wheel in labelled}
    others = [wheel for wheel in release.wheels if wheel.label is None and wheel.shown.rpartition("/")[0] in folders]
    yield from judge_labels(wheels, {wheel.shown: wheel.found.version for wheel in others})


def _judge_unknown(release: Release) -> Iterable[Problem]:
    """Say what could not be judged, and what would let it be."""
    project = release.project
    if project is None:
        yield problem_at(
            Code.CP735,
            release.place,
            f"whether this is all of {release.name} {release.version} is not known",
            "no sdist of it is among the files, and there is no project of that name and version here, so that its "
            "variants, its default and its dependencies were not judged",
            "give the sdist, too, or name the project with `--project`",
            level="warning",
        )
        return
    for shown, why in sorted(project.unknown.items()):
        yield problem_at(
            Code.CP735,
            shown,
            "whether its name, version and requirements are right is not known",
            why,
            "give the sdist of the release, built anew where it is wrong",
            level="warning",
        )
    if release.previous and not any(wheel.variant for wheel in unspelled(release.previous, release.name)):
        yield problem_at(
            Code.CP735,
            release.previous[0].shown,
            "which default variant the release before had is not known",
            "none of its wheels has the project's own name, a version without local part, and a record",
            "compare the two with `cudapin audit`",
            level="warning",
        )


# What is shown


def release_row(release: Release, to: IndexKind, problems: Sequence[Problem]) -> dict[str, Any]:
    """Return the JSON form of a release."""
    declared = release.project.declared() if release.project else None
    return {
        "name": release.name,
        "version": release.version,
        "declared": list(declared.names) if declared else None,
        "default": list(declared.defaults) if declared else None,
        "declared_by": declared.origin if declared else None,
        "sdist": release.project.origin if release.project and release.has_sdist else None,
        "verdict": _verdict(release, problems),
        "wheels": [
            {
                "path": wheel.shown,
                "variant": wheel.variant,
                "cuda": (wheel.found.record or {}).get("cuda"),
                "label": wheel.label,
                "size": wheel.size,
                "verdict": _verdict_of([p for p in problems if p.where and p.where.path == wheel.shown]),
            }
            for wheel in release.wheels
        ],
        "users": [
            {"command": way.command, "variants": list(way.variants), "files": list(way.files)}
            for way in find_ways(release.name, release.version, release.wheels, to)
        ],
        "elsewhere": list(release.elsewhere),
        "from_source": list(_from_source(release)),
    }


def _from_source(release: Release) -> tuple[str, ...]:
    return from_source(release.name, release.version, release.wheels, has_sdist=release.has_sdist)


def _verdict(release: Release, problems: Sequence[Problem]) -> str:
    paths = {wheel.shown for wheel in release.wheels} | {release.place} | {shown for shown, _, _ in release.described}
    own = [problem for problem in problems if problem.where and problem.where.path in paths]
    found = _verdict_of(own)
    return "unknown" if found == "ok" and any(problem.code is Code.CP735 for problem in own) else found


def _verdict_of(problems: Sequence[Problem]) -> str:
    code = exit_code(problems)
    return "unknown" if code == 3 else "wrong" if code else "ok"  # noqa: PLR2004


def release_text(release: Release, to: IndexKind, problems: Sequence[Problem]) -> str:
    """Return what a person reads: the verdict, and who gets what."""
    lines = [f"{release.name} {release.version}: {_verdict(release, problems)} for a {to} index"]
    project = release.project
    if project is not None and project.gate.config.variants:
        declared = project.declared()
        default = f", default {name_list(declared.defaults)}" if declared.defaults else ""
        lines.append(f"  declares {name_list(declared.names)}{default} ({declared.origin})")
    for way in find_ways(release.name, release.version, release.wheels, to):
        lines.append(f"  {way.command}")
        lines += [f"    {variant}: {name}" for variant, name in _files(way)]
    lines += [f"  not on this index: {wheel.found.filename}" for wheel in refused(release.wheels, to)]
    if release.elsewhere:
        lines.append(f"  {name_list(release.elsewhere)}: not on this index, which takes no local version")
    lines += [f"  from source: {text}" for text in _from_source(release)]
    return "\n".join(lines)


def _files(way: Way) -> list[tuple[str, str]]:
    shown = [(wheel.variant or "no variant", wheel.found.filename) for wheel in way.wheels[:_SHOWN]]
    return [*shown, *([("and", f"{len(way.wheels) - _SHOWN} more")] if len(way.wheels) > _SHOWN else [])]
