"""Where a problem is, for who reads it: messages know places relative to their project, people and programs do not.

In text a place is as it can be opened from the current directory, and a command that mends it is one to paste there.
An annotation of GitHub is relative to the root of the repository. JSON keeps the places relative to the project, and
names the project.
"""

from __future__ import annotations

import os
import posixpath
import re
import shlex
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from cudapin.errors import Code

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cudapin.errors import Problem

__all__ = ["in_repository", "moved", "seen_from"]

_TOOLS = ("uv", "poetry", "pdm", "pip", "pip-compile", "python", "hatch", "rm", "cudapin")
_COMMAND = re.compile(rf"(?:CUDAPIN=off )?(?:{'|'.join(_TOOLS)})(?: |$)")
_ABOVE = re.compile(r"(?<![\w./-])(?:\.\./)+[\w./-]*")


def moved(problem: Problem, prefix: str) -> Problem:
    """Return a problem of a workspace member as its workspace root sees it; `prefix` leads to the member."""
    if not prefix:
        return problem

    def shorten(text: str) -> str:
        return _ABOVE.sub(lambda found: posixpath.normpath(prefix + found[0]), text)

    where = problem.where
    if where is not None:
        where = replace(where, path=posixpath.normpath(prefix + where.path))
    return replace(problem, where=where, what=shorten(problem.what), why=shorten(problem.why), fix=shorten(problem.fix))


def seen_from(problem: Problem, root: Path, directory: Path) -> Problem:
    """Return a problem of the project at `root` with its place, and the command that mends it, from a directory.

    What is wrong with the command line is told as it was given: in terms of the current directory.
    """
    root, directory = root.absolute(), directory.absolute()
    if root == directory or problem.code is Code.CP112:
        return problem
    fix = problem.fix
    if _COMMAND.match(fix):
        fix = f"cd {shlex.quote(_relative(root, directory))} && {fix}"
    where = problem.where
    if where is None or not _is_place(where.path):
        return replace(problem, fix=fix)
    return replace(problem, fix=fix, where=replace(where, path=_relative(root / where.path, directory)))


def in_repository(problem: Problem, root: Path, environ: Mapping[str, str]) -> Problem:
    """Return a problem as GitHub is to show it: its place relative to the checkout that the project lies in."""
    return seen_from(problem, root.resolve(), _checkout(root.resolve(), environ))


def _checkout(root: Path, environ: Mapping[str, str]) -> Path:
    """Return `GITHUB_WORKSPACE` where the project lies in it, else the git work tree, else the current directory."""
    named = Path(environ.get("GITHUB_WORKSPACE") or "/nowhere")
    if named.is_absolute() and root.is_relative_to(named.resolve()) and named.is_dir():
        return named.resolve()
    return next((place for place in (root, *root.parents) if (place / ".git").exists()), Path.cwd().resolve())


def _is_place(path: str) -> bool:
    """Whether a path is one of the file system: `HEAD:uv.lock` names a file of a revision."""
    return ":" not in path


def _relative(path: Path, directory: Path) -> str:
    return Path(os.path.relpath(path, directory)).as_posix()
