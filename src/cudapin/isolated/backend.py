"""Calls the hooks of a build backend (PEP 517), each in a process of its own in the build environment."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from cudapin.adapters.children import Done
    from cudapin.isolated.environment import Environment

__all__ = ["Backend", "Kind", "StepError"]

Kind = Literal["sdist", "wheel"]


class StepError(Exception):
    """A step of a build failed: `step` names it, `code` is what it exited with, `text` what it printed.

    `fix` is what may mend it.
    """

    def __init__(self, step: str, code: int, text: str, fix: str = "mend what its output says") -> None:
        self.step = step
        self.code = code
        self.text = text
        self.fix = fix
        super().__init__(f"{step} exited with {code}")


@dataclass(frozen=True, kw_only=True)
class Backend:
    """The build backend of a source tree in an environment.

    `settings` are those of PEP 517. `run` runs a command in a directory with variables; `hear` is told what hooks
    printed that did not fail.
    """

    name: str
    path: Sequence[str] | None
    source: Path
    environment: Environment
    variables: Mapping[str, str]
    settings: Mapping[str, str]
    run: Callable[[Sequence[str], Path, Mapping[str, str]], Done]
    hear: Callable[[str], None]

    def requires(self, kind: Kind) -> tuple[str, ...]:
        """Return what a build needs beside `[build-system].requires`. Raises StepError."""
        hook = f"get_requires_for_build_{kind}"
        return tuple(dict.fromkeys(self._call(hook, self.settings or None)))

    def build(self, kind: Kind, directory: Path) -> Path:
        """Build into a directory, and return the file. Raises StepError."""
        return directory / str(self._call(f"build_{kind}", str(directory), self.settings or None))

    def _call(self, hook: str, *arguments: str | Mapping[str, str] | None) -> Any:  # noqa: ANN401 - text or a list, as the hook says
        from pyproject_hooks import BackendUnavailable, BuildBackendHookCaller, HookMissing, UnsupportedOperation

        def run(cmd: Sequence[str], cwd: str | None = None, extra_environ: Mapping[str, str] | None = None) -> None:
            environ = {**self.environment.environ, **self.variables, **(extra_environ or {})}
            done = self.run(cmd, Path(cwd or self.source), environ)
            if done.code:
                raise StepError(f"`{hook}`", done.code, done.text)
            self.hear(done.text)

        caller = BuildBackendHookCaller(
            str(self.source), self.name, backend_path=self.path, runner=run, python_executable=self.environment.python
        )
        try:
            answer = getattr(caller, hook)(*arguments)
        except (BackendUnavailable, UnsupportedOperation) as error:
            raise StepError(f"`{hook}`", 1, error.traceback) from error
        except HookMissing as error:
            raise StepError(f"`{hook}`", 1, f"the backend has no `{error.hook_name}`") from error
        return answer
