"""What `cudapin export` would write now, for the options that a header records: it is made again and compared."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from cudapin.core.export import Recipe, judge_export
from cudapin.core.export_pylock import render_pylock
from cudapin.core.export_requirements import render_requirements
from cudapin.core.lock import Request, Source
from cudapin.core.names import normalise
from cudapin.core.target import Target, other_target
from cudapin.locks.derived.command import split_options
from cudapin.locks.derived.pins import DerivedFile, Pin
from cudapin.locks.derived.uv import CannotDeriveError
from cudapin.locks.pylock.lock import parse_pylock
from cudapin.locks.requirements.lock import RequirementsLock, parse_requirements

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from cudapin.core.lock import Lock, Pyproject, Selection
    from cudapin.errors import Problem

__all__ = ["CudapinDerivation"]

_WITH_VALUE = frozenset(["--variant", "--extra", "--group", "--python", "--platform", "--to", "-o", "--output"])


class CudapinDerivation:
    """One recorded `cudapin export` on its lock.

    `selectors` gives the extras and groups of a variant, None for one that does not exist. Raises CannotDeriveError
    for options that are not known here.
    """

    def __init__(
        self,
        lock: Lock,
        pyproject: Pyproject,
        arguments: Sequence[str],
        environment: Mapping[str, str],
        selectors: Callable[[str], tuple[frozenset[str], frozenset[str]] | None],
    ) -> None:
        values: dict[str, list[str]] = {option: [] for option in _WITH_VALUE}
        for option, value in split_options(arguments[2:], _WITH_VALUE):
            if option not in _WITH_VALUE or value is None:
                message = f"what its command means by `{option}` is not known"
                raise CannotDeriveError(message)
            values[option].append(value)
        self.lock = lock
        self.variant = next(iter(values["--variant"]), None)
        self._chosen = selectors(self.variant) if self.variant is not None else None
        self.extras, self.groups = self._chosen or (
            frozenset(map(normalise, values["--extra"])),
            frozenset(map(normalise, values["--group"])),
        )
        project = pyproject.table.get("project")
        self.project = normalise(str(project.get("name", ""))) if isinstance(project, dict) else ""
        python, platform = (next(iter(values[option]), None) for option in ("--python", "--platform"))
        try:
            self.target = other_target(Target(environment, tuple), python, platform)
        except ValueError as error:
            raise CannotDeriveError(str(error)) from error
        if python is None or platform is None:
            raise CannotDeriveError("its command does not say for which Python and platform it was made")
        to = next(iter(values["--to"]), "requirements")
        self.recipe = Recipe(
            format="pylock" if to == "pylock" else "requirements",
            lock=lock.source.path,
            sha256="",
            variant=self.variant,
            python=python,
            platform=platform,
        )

    def gone(self) -> list[str]:
        """Return the option that names a variant which the project no longer has."""
        return [f"--variant {self.variant}"] if self.variant is not None and self._chosen is None else []

    def problems(self) -> tuple[Problem, ...]:
        """Return why the export could not be made any more."""
        selection = self.lock.select(self._request(), self.project)
        found = judge_export(selection, self.recipe, self.target)
        return tuple(problem for problem in found if problem.level == "error")

    def is_supported(self, environment: Mapping[str, str]) -> bool:
        """Whether the export is for an environment."""
        return environment == self.target.environment

    def pins(self, environment: Mapping[str, str]) -> tuple[Pin, ...]:
        """Return what the export would hold; lines are those of the lock."""
        selection = self.lock.select(self._request(), self.project)
        lines = {package.name: package.line for package in selection.packages}
        pins = DerivedFile(self._made(selection), self.project).pins(environment)
        return tuple(replace(pin, line=lines.get(pin.name)) for pin in pins)

    def indexes(self) -> tuple[tuple[str, str], ...]:
        """Return the index options that the export would hold."""
        made = self._made(self.lock.select(self._request(), self.project))
        return made.indexes if isinstance(made, RequirementsLock) else ()

    def _made(self, selection: Selection) -> Lock:
        if self.recipe.format == "pylock":
            text = render_pylock(selection, self.recipe, self.target).text
            return parse_pylock(Source(path="pylock.toml", text=text))
        text = render_requirements(selection, self.recipe, self.target).text
        return parse_requirements(Source(path="requirements.txt", text=text))

    def _request(self) -> Request:
        return Request(extras=self.extras, groups=self.groups, environment=self.target.environment)
