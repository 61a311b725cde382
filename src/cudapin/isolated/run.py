"""Builds what a plan asks for: one environment with `[build-system].requires`, one sdist, then the wheels side by side.

Everything lies in one temporary folder, that of what the builds themselves write there included, and goes with it.
"""

from __future__ import annotations

import re
import secrets
import shutil
import tempfile
import traceback
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

from cudapin.adapters.children import Children, StoppedError, ends_noted, first_end
from cudapin.core.index import strip_all_credentials
from cudapin.core.said import read_said
from cudapin.errors import CudapinError, Refusal, sort_problems
from cudapin.isolated.backend import Backend, StepError
from cudapin.isolated.deliver import Delivery, recorded_variant
from cudapin.isolated.environment import Maker, find_uv
from cudapin.isolated.labelled import publish_labelled, unwritten
from cudapin.isolated.packed_output import judge_packed_output
from cudapin.isolated.results import Result, Results, bug, failed, no_room, wrong_record
from cudapin.isolated.unpack import unpack_sdist

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from cudapin.adapters.children import Done
    from cudapin.errors import Problem
    from cudapin.isolated.environment import Environment
    from cudapin.isolated.plan import Order, Plan
    from cudapin.isolated.results import Reporter

__all__ = ["run_plan"]

_SDIST = "sdist"
_UNFIT = re.compile(r"[^\w.-]+")
"""What build systems may stumble over in the name of a folder."""
_MEND_FILLING = "make sure that your indexes answer and have what `[build-system].requires` and the lock file name"


def run_plan(plan: Plan, environ: Mapping[str, str], output: Path, jobs: int, reporter: Reporter) -> Results:
    """Build, put what is finished into the output folder, and leave nothing else behind, however it ends."""
    try:
        folder = Path(tempfile.gettempdir()).resolve() / f"cudapin-build-{secrets.token_hex(6)}"
    except OSError as error:
        raise Refusal(no_room("anything", error)) from error
    run = _Run(plan, environ, folder, output, jobs, reporter)
    with ends_noted() as ends:
        driver = ThreadPoolExecutor(1)
        try:
            folder.mkdir(mode=0o700)
            done = driver.submit(run.drive)
            done.add_done_callback(lambda _: ends.put(None))
            signal = first_end(ends)
            if signal is None:
                done.result()
        finally:
            run.children.stop()
            driver.shutdown()
            shutil.rmtree(folder, ignore_errors=True)
    return run.results(signal)


class _Run:
    """One run; `drive` does all of it, in a thread that no signal disturbs."""

    def __init__(
        self, plan: Plan, environ: Mapping[str, str], folder: Path, output: Path, jobs: int, reporter: Reporter
    ) -> None:
        self.plan = plan
        self.folder = folder
        self.delivery = Delivery(output=output)
        self.jobs = jobs
        self.reporter = reporter
        self.children = Children()
        self.maker = Maker(environ=environ, uv=find_uv(environ))
        self.wheels: dict[str, Result] = {}
        self.described: tuple[Path, ...] = ()
        self.sdist: Result | None = None
        self.notes: list[str] = []
        self._base: Environment | None = None
        self._sdist_file: Path | None = None
        self._shared: dict[tuple[str, ...], Future[Environment]] = {}
        self._lock = Lock()
        self._count = 0

    def results(self, signal: int | None) -> Results:
        """Return how everything ended; what was not reached was not run."""
        missing = Result(outcome="not run")
        sdist = (self.sdist or missing) if self.plan.wants_sdist else None
        wheels = {order.name: self.wheels.get(order.name, missing) for order in self.plan.orders}
        notes = tuple(dict.fromkeys(self.notes))
        return Results(wheels=wheels, sdist=sdist, notes=notes, described=self.described, signal=signal)

    def drive(self) -> None:
        """Build everything that is not refused already."""
        plan = self.plan
        for order in plan.orders:
            if order.refused:
                self._end(order, Result(outcome="refused", problems=order.refused))
        if not plan.open_orders and not plan.wants_sdist:
            return
        first = self._first()
        if first.outcome != "built":
            for order in plan.open_orders:  # without the sdist that is asked for, they were not even tried
                self._end(order, Result(outcome="not run") if plan.wants_sdist else first)
            return
        # Builds that begin in one tree could meet there.
        with ThreadPoolExecutor(self.jobs if plan.is_via_sdist else 1) as pool:
            for done in [pool.submit(self._build, order) for order in plan.open_orders]:
                done.result()
        if plan.is_labelled:
            self._publish()

    # The steps

    def _first(self) -> Result:
        """Do what all wheels wait for, and tell how it ended."""
        plan = self.plan
        if plan.wants_sdist and plan.sdist_refused:
            found = Result(outcome="refused", problems=plan.sdist_refused)
        else:
            found = self._attempt(_SDIST if plan.is_via_sdist else plan.open_orders[0].name, self._prepare)
        if plan.wants_sdist:
            self.sdist = found
        if plan.is_via_sdist:
            self.reporter.end(_SDIST, found)
        return found

    def _prepare(self) -> Result:
        """Make the environment that says what else builds need, and the sdist where there is to be one."""
        name = _SDIST if self.plan.is_via_sdist else self.plan.open_orders[0].name
        self._base = self._environment(name, "base", self.plan.system.requires)
        if not self.plan.is_via_sdist:
            return Result(outcome="built")
        said: list[str] = []
        self.reporter.step(name, "building")
        backend = self._backend(name, self.plan.root, self._base, {}, said.append)
        more = backend.requires("sdist")
        if more:
            self._fill(name, self._base, more)
        self._sdist_file = backend.build("sdist", self._place("sdist", "out"))
        if not self.plan.wants_sdist:
            return Result(outcome="built")
        kept = self._place("sdist", "kept") / self._sdist_file.name
        shutil.copyfile(self._sdist_file, kept)
        packed = judge_packed_output(self._sdist_file, self.plan.root, self.delivery.output)
        path, sha256 = self.delivery.put(kept, ".", name)
        return Result(outcome="built", path=path, sha256=sha256, problems=(*self._warnings(said), *packed))

    def _build(self, order: Order) -> None:
        self._end(order, self._attempt(order.name, lambda: self._wheel(order)))

    def _wheel(self, order: Order) -> Result:
        name = order.name
        if self._base is None:
            raise StoppedError
        source = self.plan.root
        if self._sdist_file is not None:
            source = unpack_sdist(self._sdist_file, self._place("source", name))
        said: list[str] = []
        variables = {} if order.variant is None else {"CUDAPIN_VARIANT": order.variant}
        self.reporter.step(name, "asking what it needs")
        settings = {} if order.label is None else {"variant": str(order.variant), "variant-label": order.label}
        asked = self._backend(name, source, self._base, variables, lambda _: None, settings)
        more = asked.requires("wheel")
        environment = self._environment_for(name, more)
        self.reporter.step(name, "building")
        backend = self._backend(name, source, environment, variables, said.append, settings)
        wheel = backend.build("wheel", self._place("out", name))
        found = recorded_variant(wheel)
        if order.variant is not None and found != order.variant:
            return Result(outcome="failed", problems=(wrong_record(order.variant, found),))
        warnings = self._warnings(said)
        if self.plan.is_labelled:
            return Result(outcome="built", path=wheel, problems=warnings)  # the folder is judged as a whole
        path, sha256 = self.delivery.put(wheel, order.folder, name)
        return Result(outcome="built", path=path, sha256=sha256, problems=warnings)

    def _publish(self) -> None:
        """Put labelled wheels into their folder, or none of them."""
        if self.children.is_stopped:
            self.wheels = {name: unwritten(result) for name, result in self.wheels.items()}
        else:
            self.wheels, self.described = publish_labelled(self.wheels, self.delivery, self._place("labelled", "all"))

    def _environment_for(self, name: str, more: tuple[str, ...]) -> Environment:
        """Return the environment of a wheel: its own, unless it may share one, or is the only one to use the first."""
        if self._base is None:
            raise StoppedError
        if not self.plan.is_via_sdist and len(self.plan.open_orders) == 1:
            if more:
                self._fill(name, self._base, more)
            return self._base
        wanted = (*self.plan.system.requires, *more)
        if not self.plan.is_plain:
            return self._environment(name, f"of-{name}", wanted)
        if not more:
            return self._base
        with self._lock:
            is_mine = more not in self._shared
            future = self._shared.setdefault(more, Future())
        if is_mine:
            try:
                future.set_result(self._environment(name, f"of-{name}", wanted))
            except BaseException as error:
                future.set_exception(error)
                raise
        return future.result()

    def _environment(self, name: str, place: str, requirements: Sequence[str]) -> Environment:
        self.reporter.step(name, "making the build environment")
        environment = self.maker.make(self._place("environments", place))
        if requirements:
            self._fill(name, environment, requirements)
        return environment

    def _fill(self, name: str, environment: Environment, requirements: Sequence[str]) -> None:
        self.reporter.step(name, "filling the build environment")
        file = self._file(f"{name}-requirements.txt")
        command = self.maker.filling(environment, requirements, file)
        done = self._run(name, command, self.plan.root, environment.environ)
        if done.code:
            step = "`uv pip install`" if self.maker.uv else "`pip install`"
            raise StepError(f"{step}, which should fill the build environment,", done.code, done.text, _MEND_FILLING)
        self.reporter.hear(name, strip_all_credentials(done.text), is_failure=False)

    def _backend(
        self,
        name: str,
        source: Path,
        environment: Environment,
        variables: Mapping[str, str],
        listen: Callable[[str], None],
        settings: Mapping[str, str] | None = None,
    ) -> Backend:
        def hear(text: str) -> None:
            listen(text)
            self.reporter.hear(name, strip_all_credentials(text), is_failure=False)

        return Backend(
            name="cudapin.build" if settings else self.plan.system.backend,
            path=self.plan.system.path,
            settings=settings or {},
            source=source,
            environment=environment,
            variables=variables,
            run=lambda command, cwd, environ: self._run(name, command, cwd, environ),
            hear=hear,
        )

    # What the steps are made of

    def _run(self, name: str, command: Sequence[str], cwd: Path, environ: Mapping[str, str]) -> Done:
        temporary = str(self._place("tmp", name))
        own = dict.fromkeys(("TMPDIR", "TEMP", "TMP"), temporary)
        return self.children.run(command, cwd, {**environ, **own}, self._file(f"{name}.log"))

    def _place(self, kind: str, name: str) -> Path:
        """Return a folder of the run, with a short path, since some programs put sockets in there."""
        folder = self.folder / kind / _UNFIT.sub("+", name)
        if kind in ("source", "environments"):
            folder.parent.mkdir(exist_ok=True)
        else:
            folder.mkdir(parents=True, exist_ok=True)
        return folder

    def _file(self, name: str) -> Path:
        with self._lock:
            self._count += 1
            return self.folder / f"{self._count}-{_UNFIT.sub('+', name)}"

    def _attempt(self, name: str, call: Callable[[], Result]) -> Result:
        """Do what may fail, and turn every failure into a result."""
        try:
            self.children.check()
            return call()
        except StoppedError:
            return Result(outcome="not run")
        except StepError as error:
            origin = "" if self._sdist_file is None else " from the sdist"  # which may lack a file
            result = failed(_subject(name), origin, error)
            if result.outcome == "failed":
                self.reporter.hear(name, strip_all_credentials(error.text), is_failure=True)
            return result
        except CudapinError as error:
            return Result(outcome="failed", problems=error.problems)
        except OSError as error:
            return Result(outcome="failed", problems=(no_room(_subject(name), error),))
        except Exception:  # noqa: BLE001
            self.reporter.hear(name, traceback.format_exc(), is_failure=True)
            return bug()

    def _warnings(self, said: Sequence[str]) -> tuple[Problem, ...]:
        """Return the warnings of a build that was not refused, and keep its notes."""
        found = [read_said(text) for text in said]
        self.notes += [note for one in found for note in one.notes]
        return sort_problems(problem for one in found for problem in one.problems if problem.level == "warning")

    def _end(self, order: Order, result: Result) -> None:
        self.wheels[order.name] = result
        self.reporter.end(order.name, result)


def _subject(name: str) -> str:
    return "the sdist" if name == _SDIST else f"the wheel of `{name}`"
