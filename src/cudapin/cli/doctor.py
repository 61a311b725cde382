"""The command `doctor`: machine, environment, project and lock together."""

from __future__ import annotations

import os
import re
import sys
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cudapin import __version__
from cudapin.adapters.facts import read_facts
from cudapin.adapters.host_compiler import find_host_compilers
from cudapin.adapters.installed import read_environment
from cudapin.adapters.machine import read_machine
from cudapin.adapters.machine_toolkits import find_cudnn, find_toolkits
from cudapin.adapters.project import find_root
from cudapin.adapters.surroundings import read_surroundings
from cudapin.cli.commands import Outcome
from cudapin.cli.doctor_project import look_at_project, platform_of
from cudapin.core.doctor import EnvironmentReport, MachineReport, ProjectReport, Report, report_object
from cudapin.core.doctor_text import redact, render_report, short_home
from cudapin.core.installed import cuda_packages
from cudapin.core.judge_host import judge_host
from cudapin.core.judge_installed import judge_mixture
from cudapin.core.judge_machine import hints, judge_machine
from cudapin.errors import CudapinError, Problem, sort_problems
from cudapin.gate import open_gate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from cudapin.core.facts import Facts
    from cudapin.core.installed import Environment
    from cudapin.core.machine import Machine
    from cudapin.gate import Gate

__all__ = ["doctor"]

_OF_CUDA = re.compile(r"(?:nvidia|cuda|jax|torch|tensorflow|cupy)\b.*|.*-cu(?:da)?\d{2,4}x?\b.*")


def doctor(
    start: Path,
    environ: Mapping[str, str],
    *,
    variant: str | None = None,
    python: str | None = None,
    is_named: bool = False,
    read: Callable[[Mapping[str, str]], Machine] = read_machine,
    root: Path = Path("/"),
) -> Outcome:
    """Tell what the machine and an environment are, and whether the environment is the variant that it should be.

    `is_named` says that the user named `start`. What is wrong with a project is a warning, unless `variant` is asked
    for: then only an answer will do. Raises CudapinError for wrong use, and for a project in the way of the answer.
    """
    facts, machine = read_facts(environ), read(environ)
    opened = _open(start, environ, is_named=is_named)
    if variant is not None and opened.error is not None:
        raise opened.error
    environment = read_environment(python, environ, lambda name: _is_wanted(name, facts, opened.gate))
    of_machine = _look_at_machine(machine, facts, environ, environment, root)
    packages = cuda_packages(
        environment, facts, platform_of(environment), opened.gate.config.cuda_bound if opened.gate else ()
    )
    of_environment = EnvironmentReport(environment=environment, packages=packages)
    of_project = ProjectReport(failure=opened.failure)
    problems = [
        *judge_machine(machine, of_machine.around),
        *_judge_toolkit(of_machine, facts),
        *opened.problems,
        *judge_mixture(packages, environment, facts),
    ]
    notes = _other_environment(environ, python)
    if opened.gate is not None:
        found = look_at_project(opened.gate, environ, variant, machine, of_environment)
        of_environment, of_project = found.environment, found.project
        problems += found.problems
        notes += found.notes
    report = Report(cudapin=__version__, machine=of_machine, environment=of_environment, project=of_project)
    return _outcome(report, problems, notes, environ)


def _outcome(report: Report, problems: Iterable[Problem], notes: Iterable[str], environ: Mapping[str, str]) -> Outcome:
    """Render all of it, without the names of user and host."""
    home = environ.get("HOME") or environ.get("USERPROFILE") or ""
    hide = partial(redact, home=home, user=environ.get("USER") or environ.get("USERNAME") or "")
    return Outcome(
        problems=sort_problems(
            replace(item, what=hide(item.what), why=hide(item.why), fix=short_home(item.fix, home)) for item in problems
        ),
        text=render_report(report, hide),
        data=_hidden(report_object(report), hide),
        notes=tuple(map(hide, notes)),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Opened:
    """A project, or what stood in the way: the error, and its problems as warnings."""

    gate: Gate | None
    error: CudapinError | None = None
    failure: str | None = None
    problems: tuple[Problem, ...] = ()


def _open(start: Path, environ: Mapping[str, str], *, is_named: bool) -> _Opened:
    """Open the project at `start` or above; that there is none is no problem, unless the user named it."""
    try:
        root = find_root(start)
    except CudapinError as error:
        if is_named:
            raise
        return _Opened(gate=None, error=error, failure=error.problems[0].what)
    try:
        return _Opened(gate=open_gate(root, environ))
    except CudapinError as error:
        problems = tuple(replace(problem, level="warning") for problem in error.problems)
        return _Opened(gate=None, error=error, failure=error.problems[0].what, problems=problems)


def _is_wanted(name: str, facts: Facts, gate: Gate | None) -> bool:
    """Whether the metadata of a package could tell more about its CUDA than its name and version."""
    own = gate.config.cuda_bound if gate is not None else ()
    return (
        name in facts.packages
        or name in facts.families
        or _OF_CUDA.fullmatch(name) is not None
        or any(rule.name == name for rule in own)
    )


def _look_at_machine(
    machine: Machine, facts: Facts, environ: Mapping[str, str], environment: Environment, root: Path
) -> MachineReport:
    """Say what the driver's CUDA is by the table of facts, where the driver was not asked."""
    cuda, source = machine.cuda, machine.read_from.cuda
    if cuda is None and machine.driver is not None:
        cuda, source = facts.driver_cuda(machine.driver), "by the table of drivers"
    around = read_surroundings(environ, root, sys.platform, environment.markers.get("platform_machine", ""))
    toolkits = find_toolkits(environ, root)
    return MachineReport(
        machine=machine,
        around=around,
        cuda=cuda,
        cuda_source=source if cuda is not None else None,
        toolkits=toolkits,
        compilers=find_host_compilers(environ) if toolkits and toolkits[0].has_nvcc else (),
        cudnn=find_cudnn(toolkits, root),
        hints=(
            *hints(machine, around),
            *(["`CUDAPIN_FACTS` adds to the tables"] if environ.get("CUDAPIN_FACTS") else []),
        ),
    )


def _judge_toolkit(found: MachineReport, facts: Facts) -> tuple[Problem, ...]:
    """Judge the host compiler for the toolkit that a build would take."""
    version = found.toolkits[0].version if found.toolkits else None
    return () if version is None else judge_host(found.compilers, version, facts)


def _other_environment(environ: Mapping[str, str], python: str | None) -> list[str]:
    """An activated environment is not the one that is looked at, if cudapin is installed elsewhere."""
    active = environ.get("VIRTUAL_ENV")
    if python is not None or not active or os.path.realpath(active) == os.path.realpath(sys.prefix):
        return []
    return [f"`VIRTUAL_ENV` names another environment than this Python's: `cudapin doctor --python {active}`"]


def _hidden(found: dict[str, Any], hide: Callable[[str], str]) -> dict[str, Any]:
    """Let every text of a JSON object pass `hide`."""

    def plain(value: object) -> object:
        if isinstance(value, str):
            return hide(value)
        if isinstance(value, dict):
            return {key: plain(item) for key, item in value.items()}
        return [plain(item) for item in value] if isinstance(value, list) else value

    return {key: plain(item) for key, item in found.items()}
