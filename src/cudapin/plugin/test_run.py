"""One `hatch test` over several cells: which are wanted, what became of each, and the summary at the end."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cudapin.environments.outcomes import NOT_RUN, Outcomes
from cudapin.environments.report import update_report
from cudapin.plugin.filling import AXIS

if TYPE_CHECKING:
    import click
    from hatch.cli.application import Application

__all__ = ["TestRun"]

_OPTION = "--cudapin-report"
_PYTHONS = ("py", "python")


class TestRun:
    """The run of the current command; kept on its root context, which also tells when it ends."""

    def __init__(self, context: click.Context, app: Application) -> None:
        """Take the context of `hatch test`."""
        self._app = app
        options = context.params
        self._cells: dict[str, dict[str, Any]] = app.project.config.internal_matrices["hatch-test"]["envs"]
        self._variables: dict[str, dict[str, str]] = app.project.config.matrix_variables
        included, excluded = _selectors(options)
        self.is_plain = not (options.get("test_all") or included or excluded)
        chosen = _chosen(self._cells, included, excluded)
        self._are_named = len(chosen) == 1 or (AXIS in included and not set(_PYTHONS).isdisjoint(included))
        self._default = context.find_root().meta.get("cudapin.default")
        self._plain_cell = self._find_plain_cell()
        self._report = _report_path(options.get("args", ()))
        self.outcomes = Outcomes(cells=chosen)
        if not self.is_plain:  # what an earlier run wrote must not count for this one
            self._write({cell: {"outcome": NOT_RUN} for cell in chosen})
        context.find_root().call_on_close(self._end)

    @classmethod
    def of_this_command(cls, context: click.Context, app: Application) -> TestRun | None:
        """Return the run that a `hatch test` is; None where it only shows the cells."""
        if context.params.get("show"):
            return None
        store = context.find_root().meta
        if "cudapin.run" not in store:
            store["cudapin.run"] = cls(context, app)
        run: TestRun = store["cudapin.run"]
        return run

    @property
    def report(self) -> Path | None:
        """Where the report goes; None where none is asked for."""
        return self._report

    def is_wanted(self, cell: str) -> bool:
        """Whether a cell that is there already is meant: plain `hatch test` means one only."""
        return not self.is_plain or cell == self._plain_cell

    def may_run(self, cell: str) -> bool:
        """Whether a cell may be made: plain `hatch test` makes none but of the default variant."""
        return not self.is_plain or self._variant(cell) in (None, self._default)

    def begin(self, cell: str) -> None:
        """Say once, before the first of several cells, how many there will be and about how much they download."""
        if self.is_plain:
            return
        if not self.outcomes.found and len(self.outcomes.cells) > 1:
            self._app.display_info(self._announcement())
        self.outcomes.found.setdefault(cell, "not run")

    def choose(self, cell: str, why_not: str | None) -> None:
        """Take a cell that has to be made, or skip one that cannot exist here; one asked for by name fails."""
        if self.is_plain:
            self._plain_cell = self._plain_cell if why_not else cell
            return
        if why_not is None:
            return
        self.outcomes.add(cell, f"skipped: {why_not}")
        if self._are_named:
            self.outcomes.add(cell, "failed")
            from cudapin.core.verdict import render_problem
            from cudapin.environments.cells import impossible

            self._app.display_error(render_problem(impossible(cell, why_not)))
            raise SystemExit(1)

    def fail(self, cell: str) -> None:
        """Record a cell that was refused, or whose command failed."""
        self.outcomes.add(cell, "failed")

    def finish(self, cell: str, code: int) -> None:
        """Record how a command of a cell ended."""
        self.outcomes.add(cell, "failed" if code else "passed")

    def _variant(self, cell: str) -> str | None:
        return self._variables.get(cell, {}).get(AXIS)

    def _find_plain_cell(self) -> str | None:
        """Return the cell of the default variant that hatch would take first: that of the running Python."""
        current = ".".join(map(str, sys.version_info[:2]))
        cells = [cell for cell in self._cells if self._variant(cell) in (None, self._default)]
        return next(iter(sorted(cells, key=lambda cell: self._cells[cell].get("python") != current)), None)

    def _announcement(self) -> str:
        from cudapin.plugin.downloads import announce

        return announce(self._app, self.outcomes.cells)

    def _end(self) -> None:
        if self.is_plain:
            if not self.outcomes.found:
                return
            self.outcomes.cells = list(self.outcomes.found)
        if self._report is not None:
            self._write(self.outcomes.entries(self._report))
        if self.is_plain or len(self.outcomes.cells) < 2:  # noqa: PLR2004
            return
        self._app.display_info(f"\n{self.outcomes.table()}")
        if not self.outcomes.ran and sys.exc_info()[0] is None:
            self._app.display_error(_nothing_tested(len(self.outcomes.cells)))
            raise SystemExit(1)

    def _write(self, entries: dict[str, dict[str, Any]]) -> None:
        if self._report is None:
            return
        try:
            update_report(self._report, entries)
        except (OSError, ValueError) as error:
            self._app.display_error(f"cudapin: the report could not be written: {error}")
            raise SystemExit(1) from error


def _selectors(options: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    from hatch.utils.runner import parse_matrix_variables

    python = options.get("python")
    specs = (*((f"py={python}",) if python else ()), *options.get("included_variable_specs", ()))
    return parse_matrix_variables(specs), parse_matrix_variables(options.get("excluded_variable_specs", ()))


def _chosen(cells: dict[str, Any], included: dict[str, Any], excluded: dict[str, Any]) -> list[str]:
    from hatch.utils.runner import select_environments

    if not included and not excluded:
        return list(cells)
    found: list[str] = select_environments(cells, included, excluded)
    return found


def _nothing_tested(count: int) -> str:
    from cudapin.core.verdict import render_problem
    from cudapin.errors import Code, Problem

    return render_problem(
        Problem(
            code=Code.CP602,
            what="no cell was tested",
            why=f"all {count} were skipped, for the reasons above",
            fix="run on a machine, or with Pythons, that some cell can exist on",
        )
    )


def _report_path(arguments: tuple[str, ...]) -> Path | None:
    """Find the report in the arguments for pytest, to which the cells that pytest never saw are added."""
    for position, argument in enumerate(arguments):
        if argument == _OPTION and position + 1 < len(arguments):
            return Path(arguments[position + 1])
        if argument.startswith(f"{_OPTION}="):
            return Path(argument.partition("=")[2])
    return None
