"""The command `matrix`: variants by Pythons by platforms, as far as the locks have wheels for them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from cudapin.cli.commands import Outcome
from cudapin.cli.request import require_project, retarget
from cudapin.core.matrix import cell_object, render_github, render_json, render_table
from cudapin.core.select import undeclared
from cudapin.environments.matrix import find_matrix
from cudapin.errors import ConfigError, sort_problems
from cudapin.gate import open_gate

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from cudapin.core.matrix import Matrix, MatrixFormat
    from cudapin.errors import Problem
    from cudapin.gate import Gate

__all__ = ["matrix"]

_MOST_JOBS = 256
"""What one matrix of GitHub Actions may have at most (its documentation, "Usage limits")."""


def matrix(
    root: Path,
    environ: Mapping[str, str],
    *,
    names: Sequence[str] | None,
    pythons: Sequence[str] | None,
    platforms: Sequence[str] | None,
    to: MatrixFormat,
) -> Outcome:
    """Show which cells exist. Raises ConfigError for a wrong request, LockError where a lock cannot tell."""
    gate = open_gate(root, environ)
    require_project(gate)
    for python in pythons or ():
        retarget(gate.at(gate.target), python, None)
    for platform in platforms or ():
        retarget(gate.at(gate.target), None, platform)
    unknown = [name for name in names or () if name not in gate.config.variants]
    if unknown:
        raise ConfigError(*(undeclared(name, gate.config, "`--variant`", also=()) for name in unknown))
    found = find_matrix(gate, names, pythons, platforms)
    return Outcome(
        problems=_warnings(gate, found),
        text=_render(found, to),
        data={"cells": [cell_object(cell) for cell in found.cells]},
        notes=tuple(_notes(gate, found, to)),
    )


def _warnings(gate: Gate, found: Matrix) -> tuple[Problem, ...]:
    """Return, as warnings, what is wrong with the locks: the cells are those of what is locked."""
    names = {cell.variant for cell in found.cells}
    users = gate.lock_users().items()
    paths = [path for path, variants in users if not variants or names & {variant.name for variant in variants}]
    standing = gate.waive(problem for path in paths for problem in gate.judge_lock(path).problems).standing
    return sort_problems(replace(problem, level="warning") for problem in standing)


def _render(found: Matrix, to: MatrixFormat) -> str:
    if to == "svg":
        from cudapin.core.matrix_svg import render_svg

        return render_svg(found)
    return {"table": render_table, "json": render_json, "github": render_github}[to](found)


def _notes(gate: Gate, found: Matrix, to: MatrixFormat) -> Iterable[str]:
    for absent in found.absent:
        subject = f"`{absent.variant}` has" if absent.variant else "there is"
        yield f"{subject} no cell on {absent.platform}: {absent.why} (Python {absent.python})"
    for path in found.unproven:
        yield f"`{path}` names no files, so it does not tell for which Pythons and platforms there are wheels"
    if not gate.config.has_lock_gate:
        yield "`lock = false`: what exists is told by the configuration alone"
    if to == "github" and len(found.cells) > _MOST_JOBS:
        yield f"{len(found.cells)} cells are more than the {_MOST_JOBS} that GitHub runs for one matrix: name fewer"
