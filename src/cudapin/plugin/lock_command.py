"""`hatch env lock` and `hatch dep lock` for an environment that is filled from the project's own lock."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cudapin.core.verdict import render_problem
from cudapin.errors import Code, Problem

if TYPE_CHECKING:
    import click
    from hatch.cli.application import Application

__all__ = ["refuse_second_lock"]


def refuse_second_lock(context: click.Context, name: str, app: Application) -> None:
    """End the command that would lock this environment by name; one that locks others passes by it."""
    parent = context.parent.info_name if context.parent else ""
    asked = context.params.get("env_name") if parent == "env" else app.env
    if asked is None or name not in app.project.expand_environments(asked):
        return
    problem = Problem(
        code=Code.CP601,
        what=f"`{name}` has no lock file of its own",
        why="it is filled from the project's lock file, and a second one could only differ from it",
        fix="cudapin lock check",
    )
    app.abort(render_problem(problem))
