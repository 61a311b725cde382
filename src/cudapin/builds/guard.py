"""The runtime guard of a wheel: what it says, and whether the file that it takes the place of may be replaced."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cudapin import __version__
from cudapin.core.locate import find_line
from cudapin.errors import Code, ConfigError, Problem, Where

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cudapin.core.config import Variant
    from cudapin.core.cuda import CudaVersion
    from cudapin.core.stamp import Metadata
    from cudapin.errors import Level
    from cudapin.gate import Gate

__all__ = ["judge_stub", "not_in_wheel", "plan_guard"]


def plan_guard(gate: Gate, variant: Variant, metadata: Metadata, locked: Mapping[str, str | None]) -> str:
    """Return the text of the guard of a variant's wheel.

    Raises ConfigError (CP115) where the file in its place is no stub: what people wrote is not replaced.
    """
    from cudapin.adapters.guard import read_template
    from cudapin.core.guard import GuardFacts, render_guard
    from cudapin.core.machine import lowest_driver

    problems = [problem for problem in judge_stub(gate) if problem.level == "error"]
    if problems:
        raise ConfigError(*problems)
    driver = variant.driver or lowest_driver(gate.facts, variant.cuda, gate.platform)
    served = gate.facts.driver_cuda(driver) if driver else None
    return render_guard(
        read_template(),
        GuardFacts(
            name=metadata.name,
            version=metadata.version,
            variant=variant.name,
            cuda=variant.cuda,
            driver=driver,
            driver_cuda=served or _lowest_cuda(variant.cuda),
            arch=variant.arch,
            system=gate.environment["sys_platform"],
            locked=locked,
            cudapin=__version__,
        ),
    )


def _lowest_cuda(cuda: tuple[CudaVersion, ...]) -> CudaVersion | None:
    """Return what the driver must serve at least: any release of the lowest major."""
    from cudapin.core.cuda import CudaVersion

    return CudaVersion(major=min(item.major for item in cuda), minor=0) if cuda else None


def judge_stub(gate: Gate) -> tuple[Problem, ...]:
    """Return what is wrong with the stub in the tree; that it is an edited or older one is a warning."""
    from cudapin.core.guard import judge_stub_text
    from cudapin.guard import stub_text

    path = gate.config.guard
    if path is None:
        return ()
    source = gate.project.read(path)
    if source is None:
        why = f"wanted a stub at `{path}`, found nothing; without it an editable install has no such module"
        return (_problem(gate, f"`guard` names `{path}`, which is missing", why),)
    state = judge_stub_text(source.text, stub_text())
    if state == "foreign":
        what = f"`guard` names `{path}`, which is not a stub of the runtime guard"
        why = "wanted the stub that cudapin writes, found other text, which each wheel would lose"
        fix = f"name another path in `guard`; `{_command('src/pkg/_cudapin.py')}` writes a stub"
        return (_problem(gate, what, why, fix=fix),)
    if state in ("edited", "older"):
        found = "it was edited" if state == "edited" else "an older cudapin wrote it"
        why = f"{found}; wheels are not concerned, the source tree and editable installs are"
        return (_problem(gate, f"`{path}` is not the stub that this cudapin writes", why, level="warning"),)
    return ()


def not_in_wheel(gate: Gate, why: str, fix: str) -> ConfigError:
    """Return the error for a stub that the wheel would not carry, or not once."""
    return ConfigError(
        _problem(gate, f"the wheel does not carry `{gate.config.guard}`, which `guard` names", why, fix=fix)
    )


def _problem(gate: Gate, what: str, why: str, *, fix: str | None = None, level: Level = "error") -> Problem:
    source = gate.project.pyproject.source
    key = ("tool", "cudapin", "guard")
    return Problem(
        code=Code.CP115,
        level=level,
        what=what,
        where=Where(path=source.path, line=find_line(source.text, *key), key=".".join(key)),
        why=why,
        fix=fix or _command(gate.config.guard or ""),
    )


def _command(path: str) -> str:
    return f"python -m cudapin.guard > {path}"
