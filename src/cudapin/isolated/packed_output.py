"""Whether an sdist carries what earlier builds put into the output folder, so that no two builds of it are alike."""

from __future__ import annotations

import tarfile
from typing import TYPE_CHECKING

from cudapin.errors import Code, Problem

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["judge_packed_output"]


def judge_packed_output(sdist: Path, root: Path, output: Path) -> tuple[Problem, ...]:
    """Return a warning where an sdist of the project at `root` carries files of the output folder."""
    root, output = root.resolve(), output.resolve()
    if output == root or not output.is_relative_to(root):
        return ()
    folder = output.relative_to(root).as_posix()
    with tarfile.open(sdist) as archive:
        names = (member.name.partition("/")[2] for member in archive if member.isfile())
        found = next((name for name in names if name.startswith(f"{folder}/")), None)
    if found is None:
        return ()
    return (
        Problem(
            code=Code.CP106,
            level="warning",
            what=f"the sdist carries what lies in the output folder `{folder}`",
            why=f"the folder is in the project and nothing leaves it out, so `{found}` was packed",
            fix="let git ignore the folder, use `dist`, or name one outside of the project with `-o DIR`",
        ),
    )
