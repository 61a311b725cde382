"""Fills one environment of type `cudapin`: what belongs in it, whether it is there, and the commands that bring it."""

from __future__ import annotations

import hashlib
import json
import sys
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cudapin.environments.installed_files import edited
from cudapin.environments.memo import circumstances, recall, remember
from cudapin.environments.sources import sources_digest
from cudapin.environments.state import has_python, installed, made_with, read_state, write_state

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from cudapin.environments.cell import Cell
    from cudapin.environments.installer import Call, Installer
    from cudapin.gate import Gate
    from cudapin.plugin.environment import CudapinEnvironment

__all__ = ["Filling"]

AXIS = "cuda"
"""The name of the matrix variable that holds the variant."""

_AUTO = "auto"
"""The name by which the machine is asked for a variant."""

_OUTPUTS = ("coverage.xml", "htmlcov", "junit.xml")
"""What test runs write into a project, and no wheel is built from."""


class Filling:
    """What one environment holds and should hold. Made anew whenever the environment is."""

    def __init__(self, env: CudapinEnvironment, environ: Mapping[str, str]) -> None:
        """Take the environment, and the variables as they are while no environment is active."""
        self._env = env
        self._environ = environ
        self._is_waived = self._is_judged = False

    @property
    def _directory(self) -> Path:
        return Path(str(self._env.virtual_env_path))

    # What it is made of

    @cached_property
    def gate(self) -> Gate:
        """The gate of the project, read once for all cells of a command."""
        from cudapin.plugin.gates import gate_of_this_command

        return gate_of_this_command(Path(str(self._env.root)), self._environ)

    @cached_property
    def cell(self) -> Cell:
        """The cell. Raises ConfigError for a variant that is not declared."""
        from cudapin.environments.cell import Cell
        from cudapin.plugin.no_variants import no_variants

        env = self._env
        choice = self.gate.choose(*self._requested)
        if choice is None:
            raise no_variants(env.name, self.gate.project)
        tools = [item.name for item in self._requirements()]
        return Cell(self.gate, choice.variant.name, self.python, env.features, env.dependency_groups, tools)

    @property
    def _requested(self) -> tuple[str | None, str]:
        """The variant that is asked for by name (None: the default), and what asks for it."""
        env = self._env
        named = env.matrix_variables.get(AXIS) or env.config.get("variant")
        if named:
            return str(named), f"environment `{env.name}`"
        return self._environ.get("CUDAPIN_VARIANT") or None, "CUDAPIN_VARIANT"

    @property
    def python(self) -> str | None:
        """The version of the cell's Python: of its environment, of what it will be made with, as configured, or None.

        None stands for the running one.
        """
        there = made_with(self._directory)
        if there is not None and self._is_of_wanted_python:
            return there
        return self._env.found_version or self._configured_python

    @property
    def _configured_python(self) -> str | None:
        configured = str(self._env.config.get("python", "")).removeprefix("python").removesuffix("t")
        return configured if configured[:2] == "3." else None

    @property
    def _is_of_wanted_python(self) -> bool:
        wanted, there = self._configured_python, made_with(self._directory)
        return wanted is None or there is None or f"{there}.".startswith(f"{wanted}.")

    @property
    def is_usable(self) -> bool:
        """Whether what is there can be filled: it was begun by us, with this Python, and has what installs."""
        directory = self._directory
        can_install = self._env.use_uv or "pip" in installed(directory)
        return read_state(directory) is not None and self._is_of_wanted_python and can_install

    @cached_property
    def found(self) -> Mapping[str, Any]:
        """What is known of the cell: from an earlier run where nothing has changed since, else found out now."""
        if self._remembered is not None:
            return self._remembered
        cell = self.cell
        return {
            "variant": cell.name,
            "cuda": str(cell.variant.cuda[0]) if len(cell.variant.cuda) == 1 else "",
            "lock": cell.lock_verdict,
            "directories": [str(path) for path in cell.directories()],
            "identity": cell.identity(f"dev-mode={self._env.dev_mode} skip-install={self._env.skip_install}"),
        }

    @cached_property
    def _remembered(self) -> Mapping[str, Any] | None:
        state = read_state(self._directory)
        return recall(state.memo, self._key) if state else None

    @cached_property
    def _key(self) -> str:
        env = self._env
        return circumstances(self._environ, env.name, env.config, self.python, *map(str, self._requirements()))

    # Whether it may be, and is

    def why_impossible(self, *, needs_gpu: bool) -> str | None:
        """Return why the cell cannot exist here, None where it can. Raises CudapinError where that cannot be told."""
        from cudapin.errors import CudapinError

        try:
            why = None if self._remembered is not None else self.cell.why_impossible()
        except CudapinError:
            self.judge()  # it may know better what is wrong
            raise
        return why or (self.cell.why_no_gpu() if needs_gpu else None)

    def judge(self) -> None:
        """Raise what forbids the cell wherever it is made, and say what a waiver accepts."""
        if self._remembered is not None or self._is_judged:
            return
        from cudapin.core.verdict import exit_code
        from cudapin.errors import ConfigError, CudapinError, LockError, Refusal

        judged = self.cell.judge()
        if judged.standing:
            errors: dict[int, type[CudapinError]] = {2: ConfigError, 3: LockError}
            raise errors.get(exit_code(judged.standing), Refusal)(*judged.standing)
        for problem, waiver in judged.accepted:
            self._env.app.display_warning(f"cudapin: waived {problem.code.name}: {problem.what} ({waiver.reason})")
        self._is_waived = bool(judged.accepted)
        self._is_judged = True

    def is_in_sync(self) -> bool:
        """Tell whether the last sync was finished, and nothing has changed since: neither there, nor in the project."""
        state = read_state(self._directory)
        if state is None or state.identity != self.found["identity"] or state.own != self._own_digest:
            return False
        if state.sources != self._sources() or not has_python(self._directory) or not self._is_of_wanted_python:
            return False
        now = installed(self._directory)
        return (
            all(now.get(name) == found for name, found in state.packages.items()) and edited(self._directory) == set()
        )

    def keep(self) -> None:
        """Keep what was found out for the next run; not what the machine decides, nor where a waiver is printed."""
        state = read_state(self._directory)
        if state is None or self._remembered is not None or self._is_waived or self._requested[0] == _AUTO:
            return
        write_state(self._directory, state._replace(memo=remember(self._key, **self.found)))

    def _sources(self) -> str:
        env = self._env
        tests = env.config.get("default-args", ["tests"])
        left_out = [name for name in tests if isinstance(name, str)] if isinstance(tests, list) else []
        root = [] if env.skip_install else [str(env.root)]
        return sources_digest([*root, *self.found["directories"]], (*left_out, *_OUTPUTS), names_only=env.dev_mode)

    @cached_property
    def _own_digest(self) -> str:
        own = [*map(str, self._requirements()), *self._members(), *self._more_indexes()]
        return hashlib.sha256(json.dumps(own).encode()).hexdigest()

    # The environment's own dependencies

    def _requirements(self) -> list[Any]:
        from hatch.dep.core import Dependency

        more = (
            item if isinstance(item, Dependency) else Dependency(str(item))
            for item in self._env.additional_dependencies
        )
        return [*self._env.environment_dependencies_complex, *more]

    def _members(self) -> list[str]:
        """The arguments that install the members of a hatch workspace, as hatch does: from where they lie."""
        found = []
        for member in self._env.workspace.members:
            extras = f"[{','.join(member.features)}]" if member.features else ""
            found += ["--editable", f"{member.project.location}{extras}"]
        return found

    def _more_indexes(self) -> list[str]:
        of_sources = getattr(self._env, "get_source_install_args", None)  # hatch has them from 1.18 on
        return [item for item in of_sources(self._requirements()) if "://" in item] if of_sources else []

    def _own(self) -> list[str]:
        """Return the arguments that install the own dependencies. Raises Refusal where one contradicts the lock."""
        from cudapin.environments.tools import reconcile
        from cudapin.plugin.collector import own_test_dependencies

        arguments = self._members()
        plain = []
        for requirement in self._requirements():
            if requirement.editable and requirement.path is not None:
                arguments += ["--editable", str(requirement.path)]
            else:
                plain.append(requirement)
        return [*arguments, *reconcile(plain, self.cell.selection, own_test_dependencies())]

    # Making it

    def sync(self) -> None:
        """Bring the environment to what it should be. Raises CudapinError."""
        from cudapin.environments.sync import Wanted, sync

        env = self._env
        wanted = Wanted(
            identity=self.found["identity"],
            steps=self.cell.steps(),
            constraints=self.cell.constraints(),
            root=None if env.skip_install else Path(str(env.root)),
            sources=self._sources,
            is_editable=env.dev_mode,
            own=self._own(),
            own_digest=self._own_digest,
        )
        with env.safe_activation():
            sync(self._directory, wanted, self._installer, self._run, self._say)

    def _installer(self, scratch: Path) -> Installer:
        from cudapin.environments.installer import Installer

        env = self._env
        place = "Scripts/python.exe" if sys.platform == "win32" else "bin/python"
        return Installer(
            python=str(self._directory / place),
            scratch=scratch,
            uv=env.uv_path if env.use_uv else None,
            names=self.cell.index_names,
            more_index=self.cell.variant.index,
            own_indexes=tuple(self._more_indexes()),
        )

    def _run(self, call: Call, purpose: str, remedy: str) -> None:
        from cudapin.core.index import strip_all_credentials
        from cudapin.errors import Code, Problem, Refusal

        env = self._env
        process = env.platform.run_command(call.command, env=call.environ, capture_output=True)
        said = strip_all_credentials((process.stdout + process.stderr).decode("utf-8", "replace").rstrip())
        if said and (process.returncode or env.verbosity > 0):
            env.app.display_warning(said)
        if process.returncode:
            raise Refusal(
                Problem(
                    code=Code.CP601,
                    what=f"`{env.name}` cannot be filled",
                    why=f"`{_shown(call.command)}`, which should {purpose}, failed with exit code "
                    f"{process.returncode}; what it said stands above",
                    fix=remedy,
                    variant=self.cell.name,
                )
            )

    def _say(self, text: str) -> None:
        self._env.app.display_warning(f"cudapin: {text}")


def _shown(command: Iterable[str]) -> str:
    """Return the words of a command that say what it is: the program and its actions, not their arguments."""
    words = list(command)
    first = [Path(words[0]).name]
    for word in words[1:]:
        if word.startswith("-") and word != "-m":
            break
        first.append(word)
    return " ".join(first)
