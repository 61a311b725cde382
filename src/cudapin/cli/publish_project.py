"""The project behind a release, from its sdist or from a tree: what it declares, and what each wheel has to be."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from cudapin.adapters.publish_read import digests_of
from cudapin.builds.judgement import is_readable, judge_sdist
from cudapin.builds.plan import plan_locked, plan_metadata
from cudapin.core.names import normalise
from cudapin.core.spelling import spell_name
from cudapin.core.stamp import Metadata, is_unspelled
from cudapin.core.target import Target, other_target
from cudapin.errors import Code, CudapinError, Problem, Where
from cudapin.release.index_place import Found, judge_file
from cudapin.release.publish import Declared, Expected, SdistFacts, split_requirements
from cudapin.release.publish_sdist import SETTINGS, judge_carried, judge_hosts, judge_neutral
from cudapin.release.publish_wheel import judge_addresses

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cudapin.adapters.dists import Sdist
    from cudapin.core.config import Variant
    from cudapin.gate import Gate
    from cudapin.release.publish import IndexKind, WheelFacts

__all__ = ["ReleasedProject", "judge_released_sdist"]

_PYTHON = re.compile(r"cp(3)(\d{1,2})")


@dataclass(slots=True)
class ReleasedProject:
    """A project, and the sdist that it was read from (None: from a tree). `base` is its metadata without any stamp."""

    gate: Gate
    origin: str
    sdist: SdistFacts | None = None
    sealed: Sdist | None = None
    unknown: dict[str, str] = field(default_factory=dict)
    """Why it could not be told what a wheel has to be, by its path."""
    is_stamped: bool = False
    """Whether its sdist is of one variant, so that nothing can be told from it about the others."""

    @property
    def name(self) -> str:
        """The project's own name."""
        return self.sdist.name if self.sdist else str(self.gate.project.metadata.get("name", ""))

    @property
    def version(self) -> str | None:
        """The version of its sdist, or that of `pyproject.toml`; None where only a build knows it."""
        return self.sdist.version if self.sdist else self.gate.project.metadata.get("version")

    def declared(self) -> Declared:
        """Return what it declares."""
        config = self.gate.config
        template = config.name
        return Declared(
            origin=self.origin,
            name=self.name,
            names={
                name: normalise((template and spell_name(template, variant)) or self.name)
                for name, variant in config.variants.items()
            },
            spelling=config.spelling,
            is_renaming=template is not None,
            spell_default=config.spell_default,
            defaults=config.default,
        )

    def base(self) -> Metadata | None:
        """Return its metadata without a stamp: static fields as it states them, dynamic ones from its sdist."""
        project = self.gate.project.metadata
        found = split_requirements(self.sdist.requires) if self.sdist else {}
        dependencies, extras = project.get("dependencies", ()), project.get("optional-dependencies", {})
        dynamic = set(project.get("dynamic", ())) & {"dependencies", "optional-dependencies"}
        if self.version is None or (dynamic and self.sdist is None):
            return None
        if self.sdist is not None and dynamic:
            dependencies = found.get("", ())
            extras = {name: found.get(name, ()) for name in self.sdist.extras}
        return Metadata(
            name=self.name,
            version=self.version,
            dependencies=tuple(dependencies),
            optional_dependencies={name: tuple(items) for name, items in extras.items()},
            classifiers=(),
        )

    def expected(self, wheel: WheelFacts) -> Expected | None:
        """Return what a wheel of its variant has to be; None, with the reason kept, where that cannot be told.

        Labelled wheels are judged by their labels alone.
        """
        if wheel.variant not in self.gate.config.variants or wheel.label is not None:
            return None
        gate = self.gate.at(_target(wheel))
        try:
            choice = gate.choose(wheel.variant, "the record")
            why = "there are no variants" if choice is None else self._why_unknown(gate, choice.variant)
            base = self.base()
            if choice is None or base is None or why is not None:
                self.unknown[wheel.shown] = why or "its version or dependencies are dynamic, and no sdist has them"
                return None
            metadata = plan_metadata(gate, choice.variant, base)
            path, locked = gate.lock_path(choice.variant), plan_locked(gate, choice.variant)
        except CudapinError as error:
            self.unknown[wheel.shown] = error.problems[0].what
            return None
        return Expected(
            default=gate.default,
            is_unspelled=is_unspelled(gate.config, choice.variant, gate.default),
            metadata=metadata,
            takes_any="any" in choice.variant.platforms,
            lock=None if path is None else gate.lock_digest(path),
            locked=locked,
        )

    def _why_unknown(self, gate: Gate, variant: Variant) -> str | None:
        if self.is_stamped:
            return "its sdist is not the same for every variant"
        path = gate.lock_path(variant)
        if path is not None and not is_readable(gate.judge_lock(path)):
            return f"its lock file `{path}` cannot be read"
        return None


def _target(wheel: WheelFacts) -> Target:
    """Return the Python and platform of a wheel; where its tags leave them open, the Python of its build, and Linux."""
    match = _PYTHON.fullmatch(wheel.interpreter.split(".")[0])
    build: Any = (wheel.found.record or {}).get("build")
    built = re.match(r"3\.\d{1,2}", str(build.get("python"))) if isinstance(build, dict) else None
    python = f"{match[1]}.{match[2]}" if match else built[0] if built else "3.12"
    for platform in (*wheel.platforms, "linux_x86_64"):
        try:
            return other_target(Target({}, tuple), python, platform)
        except ValueError:
            continue
    raise AssertionError  # pragma: no cover - the last platform is known


def judge_released_sdist(project: ReleasedProject, to: IndexKind) -> tuple[tuple[Problem, ...], tuple[Any, ...]]:
    """Return the problems of the project's sdist, and what was waived in it: pairs of a problem and its waiver."""
    facts, sdist, gate = project.sdist, project.sealed, project.gate
    if facts is None or sdist is None:
        return (), ()
    identity = Found(shown=facts.shown, filename=sdist.filename, name=facts.name, version=facts.version)
    problems: list[Problem] = list(judge_file(identity))
    problems += judge_neutral(facts, gate.project.metadata, project.declared(), to)
    project.is_stamped = any(problem.code is Code.CP729 for problem in problems)
    problems += judge_addresses(facts.shown, facts.requires, to)
    accepted: tuple[Any, ...] = ()
    digests = digests_of(sdist)
    if gate.config.has_lock_gate and _is_cudapins(project):
        try:
            locks = list(gate.lock_users())
            problems += judge_carried(facts.shown, gate.project.seal, locks, digests)
            judgement = judge_sdist(gate)
            accepted = judgement.accepted
            problems += [_within(problem, facts.shown) for problem in (*judgement.errors, *judgement.warnings)]
        except CudapinError as error:
            problems += [_within(problem, facts.shown) for problem in error.problems]
    problems += _judge_hosts(project, to)
    if any(problem.code is Code.CP730 for problem in problems):  # a lock file that is not there is said once
        problems = [problem for problem in problems if problem.code is not Code.CP202]
    return tuple(problems), accepted


def _is_cudapins(project: ReleasedProject) -> bool:
    """Tell whether the project uses cudapin: it declares something, or its sdist was sealed."""
    return bool(project.gate.project.table) or project.gate.project.seal is not None


def _judge_hosts(project: ReleasedProject, to: IndexKind) -> Iterable[Problem]:
    from cudapin.core.seal import SEAL_NAME

    facts, sdist, seal = project.sdist, project.sealed, project.gate.project.seal
    if facts is None or sdist is None:
        return
    carried = {file.path for file in seal.files.values() if file.path} if seal else set()
    carried |= {path for path in sdist.texts if path.startswith("cudapin-lock/") or path.rpartition("/")[2] in _LOCKS}
    for path in sorted({*carried, SEAL_NAME, *SETTINGS} & sdist.texts.keys()):
        yield from judge_hosts(facts.shown, path, sdist.texts[path].decode("utf-8", "replace"), to)


_LOCKS = ("uv.lock", "poetry.lock", "pdm.lock", "pylock.toml")


def _within(problem: Problem, shown: str) -> Problem:
    """Name the sdist in a problem of a file inside it."""
    where = problem.where
    inner = "" if where is None else f"{where.path}:{where.line}" if where.line else where.path
    return replace(problem, where=Where(path=shown, key=inner or None))
