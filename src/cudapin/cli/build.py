"""The command `build`: the wheels of variants, each from an isolated environment, side by side."""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cudapin.adapters.project import has_build_hook
from cudapin.adapters.toolchain import ships_kernels
from cudapin.cli.build_progress import Progress, is_display
from cudapin.cli.commands import Outcome
from cudapin.cli.request import require_project, wrong
from cudapin.cli.static import judge_static
from cudapin.core.verdict import problem_object
from cudapin.errors import ConfigError, sort_problems
from cudapin.gate import open_gate
from cudapin.isolated.environment import require_extra
from cudapin.isolated.plan import make_plan
from cudapin.isolated.run import run_plan
from cudapin.run_variables import is_off

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import TextIO

    from cudapin.gate import Gate
    from cudapin.isolated.plan import Plan
    from cudapin.isolated.results import Result, Results

__all__ = ["build"]

_BY_SIGNAL = 128
"""What shells add to the number of the signal that ended a program."""


def build(
    root: Path,
    environ: Mapping[str, str],
    names: Sequence[str] | None,
    *,
    is_all: bool = False,
    output: str | None = None,
    sdist: bool = False,
    label: bool = False,
    jobs: str | None = None,
    stream: TextIO | None = None,
    quiet: bool = False,
    verbose: bool = False,
    colour: str = "auto",
) -> Outcome:
    """Build the wheels of the named variants, of all, or of the default one; `stream` gets the progress.

    Raises ConfigError before any environment is made where the project or the command line is wrong.
    """
    count = None if jobs is None else _count(jobs)
    gate = open_gate(root, environ)
    require_project(gate)
    _check(gate)
    plan = make_plan(gate, names, is_all=is_all, wants_sdist=sdist, labelled=label)
    if plan.open_orders or sdist:
        require_extra()
    folder = Path(output) if output is not None else root / "dist"
    _check_folder(folder)
    stream = stream or sys.stderr or io.StringIO()  # there is no standard error where it was closed
    labels = [*(["sdist"] if plan.is_via_sdist else []), *(order.name for order in plan.orders)]
    display = is_display(stream, environ)
    progress = Progress(
        stream,
        labels,
        display=display,
        colour=colour == "always" or (colour == "auto" and display and not environ.get("NO_COLOR")),
        quiet=quiet,
        verbose=verbose,
    )
    results = run_plan(plan, environ, folder.absolute(), count or _usual_jobs(root), progress)
    return _outcome(plan, results)


def _check(gate: Gate) -> None:
    """Raise what is wrong with a project whatever is built; the warnings of that kind are not about builds."""
    if is_off(gate.environ) or not (gate.config.variants or has_build_hook(gate.project, gate.environ)):
        return
    standing = gate.waive(problem for problem in judge_static(gate) if problem.level == "error").standing
    if standing:
        raise ConfigError(*standing)


def _count(text: str) -> int:
    if text.isascii() and text.isdigit() and int(text) > 0:
        return int(text)
    raise ConfigError(wrong("`-j` is no number of builds", f"wanted 1 or more, found `{text}`", "use `-j 2`"))


def _check_folder(folder: Path) -> None:
    """Raise ConfigError where a file stands in the place of the output folder, before anything is compiled for it."""
    for path in (folder, *folder.parents):
        if path.exists() and not path.is_dir():
            why = f"wanted a folder, new or not, and `{path}` is a file"
            raise ConfigError(wrong(f"nothing can be written to `{folder}`", why, "name a folder with `-o DIR`"))


def _usual_jobs(root: Path) -> int:
    """Return how many builds run side by side: one for each core, or one where nvcc uses cores and memory by itself."""
    if ships_kernels(root):
        return 1
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _outcome(plan: Plan, results: Results) -> Outcome:
    everything = [*results.wheels.values(), *([results.sdist] if results.sdist else [])]
    problems = sort_problems(problem for result in everything for problem in result.problems)
    rows = [(order.name, results.wheels[order.name]) for order in plan.orders]
    notes = [*plan.notes, *results.notes]
    notes += [f"variant `{name}` does not exist for this Python and platform" for name in plan.elsewhere]
    if plan.sdist_refused and not plan.wants_sdist and len(plan.open_orders) > 1:
        codes = ", ".join(dict.fromkeys(problem.code.name for problem in plan.sdist_refused))
        notes.append(f"built one after another from the tree, since there can be no sdist ({codes})")
    if results.signal is not None:
        notes.append("interrupted: what is not listed as built was not written")
    incomplete = any(result.outcome != "built" for result in everything)
    return Outcome(
        problems=problems,
        text=_table([*([("sdist", results.sdist)] if results.sdist else []), *rows]),
        data={
            "variants": [
                {"name": order.variant, **({"label": order.label} if plan.is_labelled else {}), **_object(result)}
                for order, result in ((order, results.wheels[order.name]) for order in plan.orders)
            ],
            "sdist": None if results.sdist is None else _object(results.sdist, "path"),
            **({"variants-json": [_shown(path) for path in results.described]} if plan.is_labelled else {}),
        },
        notes=tuple(dict.fromkeys(notes)),
        code=int(incomplete) if results.signal is None else _BY_SIGNAL + results.signal,
    )


def _object(result: Result, key: str = "wheel") -> dict[str, Any]:
    return {
        "outcome": result.outcome,
        key: None if result.path is None else _shown(result.path),
        "sha256": result.sha256,
        "problems": [problem_object(problem) for problem in result.problems],
    }


def _table(rows: Sequence[tuple[str, Result]]) -> str:
    first = max(len(name) for name, _ in rows)
    second = max(len(result.outcome) for _, result in rows)
    lines = []
    for name, result in rows:
        codes = dict.fromkeys(problem.code.name for problem in result.problems if problem.level == "error")
        detail = _shown(result.path) if result.path is not None else ", ".join(codes)
        lines.append(f"{name:<{first}}  {result.outcome:<{second}}  {detail}".rstrip())
    return "\n".join(lines)


def _shown(path: Path) -> str:
    """Return a path as a command run here would name it: relative, where it lies below."""
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)
