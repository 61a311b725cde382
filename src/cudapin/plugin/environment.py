"""The environment type `cudapin`: hatch's virtual environment, filled from the project's own lock for one variant."""

from __future__ import annotations

import os
from contextlib import contextmanager, suppress
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click
from hatch.env.virtual import VirtualEnvironment

from cudapin.environments.exclusive import Exclusive
from cudapin.environments.state import has_python, read_state

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from cudapin.environments.cell import Cell
    from cudapin.errors import CudapinError
    from cudapin.plugin.filling import Filling
    from cudapin.plugin.test_run import TestRun

__all__ = ["CudapinEnvironment"]

_no_python: dict[str, str | None] = {}
"""Why a Python that an environment asks for cannot be had; None where it can."""

_versions: dict[str, str] = {}
"""The whole version of such a Python."""


class CudapinEnvironment(VirtualEnvironment):  # type: ignore[misc]
    """One cell of a matrix over CUDA variants.

    Options beyond those of `virtual`: `variant` (for an environment without the axis `cuda`) and `require-gpu`.
    """

    PLUGIN_NAME = "cudapin"

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 (hatch's own)
        super().__init__(*args, **kwargs)
        self._environ = dict(os.environ)  # as it is before any environment, with variables of its own, is active
        self._is_new = self._is_preparing = False
        self._exclusive = Exclusive(self._directory, self._say)

    @staticmethod
    def get_option_types() -> dict[str, Any]:
        """Return the types of the options, for overrides."""
        return {**VirtualEnvironment.get_option_types(), "require-gpu": bool, "variant": str}

    @cached_property
    def _filling(self) -> Filling:
        from cudapin.plugin.filling import Filling

        return Filling(self, self._environ)

    @property
    def _directory(self) -> Path:
        return Path(str(self.virtual_env_path))

    @property
    def _run(self) -> TestRun | None:
        context = click.get_current_context(silent=True)
        if context is None or "test_all" not in context.params:
            return None
        from cudapin.plugin.test_run import TestRun

        return TestRun.of_this_command(context, self.app)

    @property
    def found_version(self) -> str | None:
        """The whole version of the Python that it will be made with, once that was looked for."""
        return _versions.get(str(self.config.get("python", ""))) or None

    # What hatch asks of its configuration

    @property
    def locked(self) -> bool:
        """Never: the project's own lock is the lock, and hatch would write a second one."""
        context = click.get_current_context(silent=True)
        if context is not None and context.info_name in ("lock", "sync"):
            from cudapin.plugin.lock_command import refuse_second_lock

            refuse_second_lock(context, self.name, self.app)
        return False

    @cached_property
    def dev_mode(self) -> bool:
        """Only where it is asked for: with an editable install all cells would share what a build makes."""
        return bool(self.config.get("dev-mode", False))

    @cached_property
    def env_vars(self) -> Mapping[str, str]:
        """The user's variables, and those that tell tests and builds which variant this is."""
        variables = dict(super().env_vars)
        with _suppressed():  # what makes use of the environment says it
            found = self._filling.found
            variables.setdefault("CUDAPIN_VARIANT", found["variant"])
            variables.setdefault("CUDAPIN_CUDA_VERSION", found["cuda"])
            variables.setdefault("CUDAPIN_CELL", self.name)
            variables.setdefault("CUDAPIN_LOCK_VERDICT", found["lock"])
            variables["PYTEST_PLUGINS"] = _with_plugin(
                variables.get("PYTEST_PLUGINS") or os.environ.get("PYTEST_PLUGINS")
            )
        return variables

    # Whether it can exist, and does

    def exists(self) -> bool:
        """Tell whether it is there and may be used; a cell that cannot exist here is not there, whatever lies there."""
        is_there = has_python(self._directory)
        if (run := self._run) is None:
            return is_there
        run.begin(self.name)
        return is_there and run.is_wanted(self.name) and self._why_impossible() is None

    def check_compatibility(self) -> None:
        """Raise OSError, with the reason, where the cell cannot exist on this machine."""
        run = self._run
        if run is not None and not run.may_run(self.name):
            message = f"plain `hatch test` runs the default variant, not `{self.name}`"
            raise OSError(message)
        why = self._why_no_python()
        self.__dict__.pop("_filling", None)  # now its exact Python is known
        why = why or self._why_impossible()
        if run is not None:
            run.choose(self.name, why)
        if why is not None:
            raise OSError(why)

    def _why_no_python(self) -> str | None:
        """Return why there is no Python for it; hatch may have to fetch one, which is tried once in a run."""
        try:
            super(VirtualEnvironment, self).check_compatibility()
        except OSError as error:  # the platform is not one of the environment's
            return str(error)
        wanted = str(self.config.get("python", ""))
        if wanted not in _no_python:
            _no_python[wanted] = self._look_for_python(wanted)
        return _no_python[wanted]

    def _look_for_python(self, wanted: str) -> str | None:
        try:
            super().check_compatibility()
        except OSError as error:
            return str(error)
        try:
            found = self.parent_python
            if not found:
                return f"there is no Python {wanted}"
            command = [str(found), "-c", "import platform; print(platform.python_version())"]
            _versions[wanted] = self.platform.check_command_output(command).strip()
        except Exception as error:  # noqa: BLE001 (whatever a download may raise)
            reason = str(error) or type(error).__name__
            return f"Python {wanted} is not installed, and hatch could not fetch it: {reason}"
        return None

    def _why_impossible(self) -> str | None:
        with self._refusing():
            return self._filling.why_impossible(needs_gpu=bool(self.config.get("require-gpu", False)))

    def cell_to_make(self) -> Cell | None:
        """Return the cell where it is not there yet; None for one that is, or whose lock or variant is broken."""
        if read_state(self._directory) is not None:
            return None
        with _suppressed():
            return self._filling.cell
        return None

    # Making it

    def create(self) -> None:
        """Make the empty environment; what a killed run left half-made goes first."""
        self._exclusive.acquire()
        if has_python(self._directory) and read_state(self._directory) is not None:
            return  # another run made it while this one waited
        with self._refusing():
            self._filling.judge()
        self._create_anew()

    def _create_anew(self) -> None:
        why = self._why_no_python()
        if why is not None:
            from cudapin.environments.cells import impossible
            from cudapin.errors import Refusal

            raise Refusal(impossible(self.name, why))
        self.virtual_env.directory.remove()
        super().create()
        self._is_new = True
        self.__dict__.pop("_filling", None)  # now its exact Python is known

    def install_project(self) -> None:
        """Fill the environment."""
        if not self.dependencies_in_sync():
            self.sync_dependencies()

    def install_project_dev_mode(self) -> None:
        """Fill the environment."""
        self.install_project()

    def dependency_hash(self) -> str:
        """Return the identity of what should be there; never that of an earlier run where something else is there."""
        with self._refusing():
            self._filling.judge()
            if not self._filling.is_in_sync():
                return f"{self._filling.found['identity']}, unfinished"
            self._filling.keep()
            return str(self._filling.found["identity"])

    def dependencies_in_sync(self) -> bool:
        """Tell whether the last sync was finished, and nothing has changed since: neither there, nor in the project."""
        with self._refusing():
            return self._filling.is_in_sync()

    def sync_dependencies(self) -> None:
        """Install what differs: the locked packages, the project's wheel, then the environment's own dependencies."""
        self._exclusive.acquire()
        with self._refusing():
            if not self._is_new and not self._filling.is_usable:
                self._create_anew()  # a killed run left it, another one removed it, or it is of another Python
            if not self._filling.is_in_sync():
                self._filling.judge()
                self._filling.sync()
                for name in ("distributions", "missing_dependencies"):
                    self.__dict__.pop(name, None)
        self._is_new = False
        self._exclusive.release()

    def remove(self) -> None:
        """Remove the environment, and all that was kept beside it."""
        super().remove()
        self._exclusive.remove()
        with suppress(OSError):
            Path(str(self.storage_path)).rmdir()

    # Its commands, and how it ends

    @contextmanager
    def app_status_pre_installation(self) -> Iterator[None]:
        """Know the commands before the installation from those that test."""
        with self._preparing(), super().app_status_pre_installation():
            yield

    @contextmanager
    def app_status_post_installation(self) -> Iterator[None]:
        """Know the commands after the installation from those that test."""
        with self._preparing(), super().app_status_post_installation():
            yield

    @contextmanager
    def _preparing(self) -> Iterator[None]:
        self._is_preparing = True
        try:
            yield
        finally:
            self._is_preparing = False

    def run_shell_command(self, command: str, **kwargs: Any) -> Any:  # noqa: ANN401 (hatch's own)
        """Run a command in the cell, and remember what became of it."""
        process = super().run_shell_command(command, **kwargs)
        if self._run is not None and (process.returncode or not self._is_preparing):
            self._run.finish(self.name, process.returncode)
        return process

    @contextmanager
    def _refusing(self) -> Iterator[None]:
        """Let an error end the command with its text only."""
        try:
            yield
        except Exception as error:
            from cudapin.errors import CudapinError  # where nothing fails, nobody waits for it

            if not isinstance(error, CudapinError):
                raise
            self._fail(error)

    def _fail(self, error: CudapinError) -> NoReturn:
        """End the command: nothing half-made stays, and the cell has failed."""
        from cudapin.core.verdict import render_problems

        if self._is_new and read_state(self._directory) is None:
            self.virtual_env.directory.remove()
            self._exclusive.remove()
        self._exclusive.release()
        if self._run is not None:
            self._run.fail(self.name)
        self.app.display_error(render_problems(error.problems))
        raise SystemExit(error.exit_code)

    def _say(self, text: str) -> None:
        self.app.display_info(f"cudapin: {text}")


def _with_plugin(named: str | None) -> str:
    """Add our pytest plugin to those that the user names."""
    names = [name for name in (named or "").split(",") if name]
    return ",".join(dict.fromkeys([*names, "cudapin.plugin.pytest_plugin"]))


@contextmanager
def _suppressed() -> Iterator[None]:
    """Pass over a CudapinError."""
    try:
        yield
    except Exception as error:
        from cudapin.errors import CudapinError

        if not isinstance(error, CudapinError):
            raise
