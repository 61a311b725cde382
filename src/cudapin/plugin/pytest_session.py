"""One run of pytest in a project of ours: its header, the tests it skips for want of a GPU, and its outcome."""

from __future__ import annotations

import os
import sys
import sysconfig
from collections import Counter
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from cudapin.core.gpu_needs import describe, parse_needs, visible_gpus, why_unfit
from cudapin.core.verdict import render_problems
from cudapin.errors import CudapinError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from cudapin.core.cuda import CudaVersion
    from cudapin.core.gpu_needs import Visible
    from cudapin.core.machine import Machine

__all__ = ["CudapinInfo", "PytestSession", "shadowed"]

_MARKER = (
    'gpu(min_cuda="12.6", arch="9.0", min_memory="8 GiB"): needs a GPU; cudapin skips it, with the reason, where the '
    "driver is of an older CUDA or no GPU has that compute capability and memory"
)
_NO_TESTS = 5
_OF_TESTS = frozenset({"conftest", "test", "tests"})
"""What some packages install by mistake, and projects have of their own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CudapinInfo:
    """What the tests run in: the value of the fixture `cudapin`.

    `cuda` is None for a variant without CUDA and for one that carries several; `lock_verdict` is None outside of
    cells; `machine.gpus` has only those that `CUDA_VISIBLE_DEVICES` shows.
    """

    variant: str | None
    cuda: str | None
    lock_verdict: str | None
    machine: Machine


class PytestSession:
    """The hooks that act; one object for each process of pytest."""

    def __init__(self, config: pytest.Config, table: Mapping[str, Any]) -> None:
        """Ask the machine. Raises UsageError for environment variables that mean nothing."""
        from cudapin.adapters.machine import read_machine

        config.addinivalue_line("markers", _MARKER)
        report = config.getoption("--cudapin-report")
        self._report = Path(report) if report and not hasattr(config, "workerinput") else None
        self._variant = os.environ.get("CUDAPIN_VARIANT") or None
        self._cuda = os.environ.get("CUDAPIN_CUDA_VERSION", "")
        self._is_without_cuda = _is_without_cuda(table, self._variant)
        self._counts: Counter[str] = Counter()
        try:
            self._machine = read_machine(os.environ)
        except CudapinError as error:
            raise pytest.UsageError(render_problems(error.problems)) from None
        self._visible: Visible = visible_gpus(self._machine, os.environ)

    @property
    def info(self) -> CudapinInfo:
        """What the tests run in."""
        machine = replace(self._machine, gpus=self._visible.gpus)
        verdict = os.environ.get("CUDAPIN_LOCK_VERDICT") or None
        return CudapinInfo(variant=self._variant, cuda=self._cuda or None, lock_verdict=verdict, machine=machine)

    # What it says and skips

    def pytest_report_header(self) -> str:
        """Say in one line which variant is tested, and on what."""
        info = self.info
        parts = [f"variant {info.variant}" if info.variant else "no variant"]
        parts += [f"CUDA {info.cuda}"] if info.cuda else []
        parts += [f"lock {info.lock_verdict}"] if info.lock_verdict else []
        parts += [f"driver {info.machine.driver}"] if info.machine.driver else []
        parts.append(describe(self._visible))
        given = [name for name in info.machine.sources if name.startswith("CUDAPIN_")]
        return f"cudapin: {', '.join(parts)}" + (f" (by {' and '.join(given)})" if given else "")

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Skip what this machine cannot run."""
        for item in items:
            for marker in item.iter_markers("gpu"):
                try:
                    why = self._why_not(marker)
                except ValueError:  # the test itself says so, in pytest_runtest_setup
                    continue
                if why:
                    item.add_marker(pytest.mark.skip(reason=why))

    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        """Fail a test whose marker means nothing, one by one: every fault shows in one run."""
        for marker in item.iter_markers("gpu"):
            try:
                parse_needs(marker.args, marker.kwargs)
            except ValueError as error:
                pytest.fail(f"{item.nodeid}: {error}", pytrace=False)

    def _why_not(self, marker: pytest.Mark) -> str | None:
        needs = parse_needs(marker.args, marker.kwargs)
        if self._is_without_cuda:
            return f"needs a GPU, and variant `{self._variant}` has no CUDA"
        why = why_unfit(needs, self._visible, self._machine, self._driver_cuda)
        return why or self._why_too_old()

    def _why_too_old(self) -> str | None:
        """Return why the driver cannot run the variant at all: it must be of its CUDA's major, or a later one."""
        wanted, found = self._cuda.partition(".")[0], self._driver_cuda
        if not wanted.isdecimal() or found is None or found.major >= int(wanted):
            return None
        driver = f"driver {self._machine.driver} is of CUDA {found}"
        return f"variant `{self._variant}` needs a driver of CUDA {wanted} or later, and {driver}"

    @cached_property
    def _driver_cuda(self) -> CudaVersion | None:
        """The CUDA that the driver reports, or that its version is known to be of."""
        from cudapin.adapters.facts import read_facts

        if self._machine.cuda is not None or self._machine.driver is None:
            return self._machine.cuda
        try:
            return read_facts(os.environ).driver_cuda(self._machine.driver)
        except CudapinError as error:
            raise pytest.UsageError(render_problems(error.problems)) from None

    # What it reports

    def pytest_sessionstart(self) -> None:
        """Count this cell as failed until its tests have ended: a run that is killed writes no more."""
        self._write("failed", "the test run did not end")

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item) -> Iterator[None]:
        """Write into the report of a test that it needs a GPU: workers of pytest-xdist send reports, not tests."""
        outcome: Any = yield
        outcome.get_result().cudapin_gpu = item.get_closest_marker("gpu") is not None

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Count what really ran; a test that failed as expected did."""
        is_expected = hasattr(report, "wasxfail")
        if report.failed:
            self._counts["failed"] += 1
        elif report.skipped and not is_expected:
            self._counts["skipped"] += 1
        elif report.when == "call":
            self._counts["passed"] += 1
            if report.passed and getattr(report, "cudapin_gpu", False):
                self._counts["gpu"] += 1

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Report what became of this cell."""
        status = int(session.exitstatus)
        given = [name for name in self._machine.sources if name == "CUDAPIN_GPU_ARCH"]
        if status:
            self._write("failed", "no test was collected" if status == _NO_TESTS else None)
        elif not self._counts["passed"]:
            skipped = self._counts["skipped"]
            self._write(f"skipped: no test ran, {skipped} skipped" if skipped else "skipped: no test ran")
        elif self._counts["gpu"] and not given:
            self._write("gpu")
        else:
            why = f"{given[0]} stands in for the GPUs" if self._counts["gpu"] else None
            self._write("no-gpu", why)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
        """Say where the tests of a cell have not imported what is installed in it."""
        names = shadowed(config.rootpath) if os.environ.get("CUDAPIN_CELL") else []
        if names:
            terminalreporter.write_line(
                f"cudapin: the tests imported {', '.join(f'`{name}`' for name in names)} from the source tree, not from"
                f" the wheel of variant `{self._variant}`: add `--import-mode=importlib` to pytest's options, or use a"
                " `src` folder",
                yellow=True,
            )

    def _write(self, outcome: str, why: str | None = None) -> None:
        """Write the entry of this cell. Raises UsageError where the report cannot be written."""
        from cudapin.environments.report import update_report

        if self._report is None:
            return
        info = self.info
        entry = {
            "outcome": outcome,
            **({"why": why} if why else {}),
            "variant": info.variant,
            "cuda": info.cuda,
            "lock": info.lock_verdict,
            "driver": info.machine.driver,
            "gpus": [{"name": gpu.name, "arch": gpu.arch, "memory-mib": gpu.memory_mib} for gpu in info.machine.gpus],
            "stand-ins": [name for name in info.machine.sources if name.startswith("CUDAPIN_")],
            "tests": {name: self._counts[name] for name in ("passed", "failed", "skipped", "gpu")},
        }
        try:
            update_report(self._report, {os.environ.get("CUDAPIN_CELL") or info.variant or "no variant": entry})
        except ValueError as error:
            raise pytest.UsageError(f"--cudapin-report: {error}") from None
        except OSError as error:
            message = f"--cudapin-report: `{self._report}` cannot be written ({error.strerror or error})"
            raise pytest.UsageError(message) from None


def shadowed(root: Path) -> list[str]:
    """Return the modules that are installed and were imported from below `root` nevertheless."""
    sites = {sysconfig.get_path(key) for key in ("purelib", "platlib")}
    found = []
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if "." in name or name in _OF_TESTS or not isinstance(file, str) or not file.startswith(f"{root}{os.sep}"):
            continue
        if file.startswith(f"{sys.prefix}{os.sep}"):
            continue  # an environment inside the project
        if any(os.path.exists(os.path.join(site, place)) for site in sites for place in (name, f"{name}.py")):  # noqa: PTH110, PTH118
            found.append(name)
    return sorted(found)


def _is_without_cuda(table: Mapping[str, Any], variant: str | None) -> bool:
    """Whether the variant has no CUDA; that variable is empty for one that carries several, too."""
    if variant is None or os.environ.get("CUDAPIN_CUDA_VERSION") != "":
        return False
    variants = table.get("variants")
    declared = variants.get(variant) if isinstance(variants, dict) else None
    return not (isinstance(declared, dict) and "cuda" in declared)
