"""The problems found while a `uv.lock` is judged, each with its place, and the verdict that follows from them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cudapin.core.locate import find_line
from cudapin.core.lock import LockVerdict
from cudapin.core.markers import MarkerError
from cudapin.errors import Code, Problem, Where, sort_problems
from cudapin.locks.uv.project import UnjudgeableError

if TYPE_CHECKING:
    from collections.abc import Callable

    from cudapin.core.lock import Freshness
    from cudapin.errors import Level
    from cudapin.locks.uv.lock import UvLock
    from cudapin.locks.uv.project import UvProject

__all__ = ["Report"]

_ASK_UV = "run `uv lock --check --refresh`; where it passes, build with `CUDAPIN_ALLOW=CP206`"
_STALE = frozenset({Code.CP201, Code.CP203, Code.CP204})


class Report:
    """Collects problems with one lock."""

    def __init__(self, lock: UvLock) -> None:
        self.lock = lock
        self.problems: list[Problem] = []

    def in_lock(self, *path: str) -> Where:
        """Return the place of a key in the header of the lock."""
        return Where(path=self.lock.source.path, line=self.lock.line_of(*path), key=".".join(path))

    def in_project(self, project: UvProject, *path: str) -> Where:
        """Return the place of a key in a project file."""
        source = project.pyproject.source
        return Where(path=source.path, line=find_line(source.text, *path), key=".".join(path) or None)

    def stale(
        self, what: str, wanted: str, found: str, where: Where, *, code: Code = Code.CP201, package: str | None = None
    ) -> None:
        """Add a certain difference: what the project wants, and what the lock has."""
        self._add(code, f"is stale: {what}", f"wanted {wanted}, the lock has {found}", "uv lock", where, package)

    def unknown(self, what: str, why: str, where: Where) -> None:
        """Add something that only uv itself can judge."""
        self._add(Code.CP206, f"cannot be judged: {what}", why, _ASK_UV, where, None)

    def warn(self, what: str, why: str, fix: str, where: Where) -> None:
        """Add a remark on settings outside the project (CP207)."""
        self._add(Code.CP207, what, why, fix, where, None, "warning")

    def _add(
        self, code: Code, what: str, why: str, fix: str, where: Where, package: str | None, level: Level = "error"
    ) -> None:
        what = f"`{self.lock.source.path}` {what}"
        problem = Problem(code=code, what=what, why=why, fix=fix, where=where, level=level, package=package)
        self.problems.append(problem)

    def attempt(self, project: UvProject, judge: Callable[[], None]) -> None:
        """Run one step; what it cannot judge becomes a problem, not an error."""
        try:
            judge()
        except UnjudgeableError as error:
            if error.item is not None:
                from cudapin.core.requirement_fault import unreadable_requirement

                self.problems.append(unreadable_requirement(project.pyproject.source, error.item, *error.key))
                return
            key = ".".join(error.key) or "the project file"
            self.unknown(f"`{key}` cannot be read as uv reads it", str(error), self.in_project(project, *error.key))
        except MarkerError as error:
            self.unknown("a marker cannot be compared", str(error), self.in_project(project))

    def verdict(self) -> LockVerdict:
        """Return stale if anything is, else unknown if anything is, else fresh; warnings always stay."""
        codes = {problem.code for problem in self.problems}
        freshness: Freshness = "stale" if codes & _STALE else "unknown" if Code.CP206 in codes else "fresh"
        kept = [p for p in self.problems if freshness != "stale" or p.code is not Code.CP206]
        return LockVerdict(freshness=freshness, problems=sort_problems(kept))
