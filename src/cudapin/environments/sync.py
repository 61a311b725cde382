"""Brings a cell to what its lock selects: fetch and judge first, change then, and record what is there at the end."""

from __future__ import annotations

import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cudapin.environments.bring import bring_plugin
from cudapin.environments.installed_files import edited, forget_files, note_files, spoilt
from cudapin.environments.state import State, forget_state, installed, read_state, write_state
from cudapin.errors import Code, Problem, Refusal

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from cudapin.environments.install import Step
    from cudapin.environments.installer import Call, Installer

__all__ = ["Wanted", "made_by_build", "sync"]

_NOT_SHIPPED = ".dist-info/"
_TOOL = "pip"
"""What may install everything else, and is never removed."""

_MEND_FETCH = "make sure that the index answers and has what is locked, else lock again"
_MEND_BUILD = "mend the build; `cudapin build` shows it by itself"
_MEND_OWN = "let the environment's own dependencies agree with the lock file, and be on an index of yours"
_AGAIN = "run the command again"


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What a cell should hold. `root` is None where the project itself is not installed, `own` are requirements."""

    identity: str
    steps: Sequence[Step]
    constraints: str
    root: Path | None
    sources: Callable[[], str]
    is_editable: bool = False
    own: Sequence[str] = ()
    own_digest: str = ""


def sync(
    directory: Path,
    wanted: Wanted,
    make_installer: Callable[[Path], Installer],
    run: Callable[[Call, str, str], None],
    say: Callable[[str], None],
) -> State:
    """Bring the environment in `directory` to what is wanted, and return what is there then.

    `make_installer` is told a folder for single commands. `run` executes a command and raises where it fails; it is
    told what the command is for, and what may mend it. Until everything locked was fetched and the project's wheel
    was built, nothing in the environment is changed.
    """
    before = read_state(directory)
    with tempfile.TemporaryDirectory(prefix="cudapin-") as name:
        work = _Work(directory, wanted, make_installer(Path(name)), run, say, Path(name), before)
        work.fetch()
        forget_state(directory)
        forget_files(directory)
        work.apply()
        bring_plugin(directory)
        work.write(own=None)
        work.apply_own()
    return work.write(own=wanted.own_digest)


class _Work:
    """One sync under way."""

    def __init__(
        self,
        directory: Path,
        wanted: Wanted,
        installer: Installer,
        run: Callable[[Call, str, str], None],
        say: Callable[[str], None],
        scratch: Path,
        before: State | None,
    ) -> None:
        self.directory = directory
        self.wanted = wanted
        self.installer = installer
        self.run = run
        self.say = say
        self.scratch = scratch
        self.before = before
        self.sources = wanted.sources()
        self.digests = {name: value for step in wanted.steps for name, value in step.digests().items()}
        now = installed(directory)
        had: Mapping[str, Any] = before.packages if before else {}
        self.present = set(now)
        self.drifted = {name for name in had if had[name] != now.get(name)}
        changed_by_hand = (edited(directory) or set()) & set(had)
        self.drifted |= changed_by_hand
        known = before.locked if before else {}
        is_same_source = before is not None and before.sources == self.sources
        self.changed = {
            name
            for step in wanted.steps
            for name in step.lines
            if known.get(name) != self.digests[name]
            or name in self.drifted
            or name not in now
            or (not step.is_hashed and not is_same_source)
        }
        own = set(had) - set(known) - {_TOOL}  # the project, the environment's own, and what these require
        is_new_own = before is None or before.own != wanted.own_digest
        self.own_edited = changed_by_hand & own & self.present
        self.gone = ((set(known) | (own if is_new_own else set())) & self.present) - set(self.digests)
        self.gone |= self.own_edited
        self.needs_project = (
            is_new_own  # then it is removed with the rest
            or before is None
            or not is_same_source
            or before.identity != wanted.identity
            or bool(self.drifted & own)
        )
        self.needs_own = self.needs_project or bool(self.drifted)
        self.steps = [step for step in (step.only(self.changed) for step in wanted.steps) if step.lines]
        self.wheel: Path | None = None

    def fetch(self) -> None:
        for call in self.installer.stage(self.steps, is_careful=self.before is not None):
            self.run(call, "fetch the locked packages", _MEND_FETCH)
        if self.needs_project and self.wanted.root is not None:
            built = self.scratch / "wheel"
            self.run(self.installer.build(self.wanted.root, built), "build the project's wheel", _MEND_BUILD)
            self.wheel = next(built.glob("*.whl"))

    def apply(self) -> None:
        if self.gone:
            self.run(self.installer.uninstall(self.gone), "remove what is no longer locked", _AGAIN)
        for call in self.installer.apply(self.steps, self.changed & self.present):
            self.run(call, "install the locked packages", _MEND_FETCH)
        self._mend_spoilt()
        self._apply_project()

    def _mend_spoilt(self) -> None:
        for is_last in (False, True):
            names = spoilt(self.directory, self.changed)
            if not names:
                return
            if is_last:
                raise Refusal(_spoilt(min(names)))
            steps = [step for step in (step.only(names) for step in self.steps) if step.lines]
            for call in self.installer.apply(steps, names, is_refreshed=True):
                self.run(call, "fetch once more what was changed in the cache", _MEND_FETCH)

    def _apply_project(self) -> None:
        if self.wheel is None or self.wanted.root is None:
            return
        why_not = None
        if self.wanted.is_editable:
            why_not = made_by_build(self.wheel, self.wanted.root)
            if why_not is None:
                self.run(self.installer.editable(self.wanted.root), "install the project", _MEND_BUILD)
                return
            self.say(f"`dev-mode` is not possible: the build makes `{why_not}`; its wheel is installed instead")
        self.run(self.installer.wheel(self.wheel), "install the project's wheel", _AGAIN)

    def apply_own(self) -> None:
        if not self.wanted.own or not self.needs_own:
            return
        before = installed(self.directory)
        constraints = self.scratch / "constraints.txt"
        constraints.write_text(self.wanted.constraints, encoding="utf-8")
        purpose = "install the environment's own dependencies"
        self.run(self.installer.others(self.wanted.own, constraints, self.own_edited), purpose, _MEND_OWN)
        for is_last in (False, True):
            names = spoilt(self.directory, installed(self.directory).keys() - self.digests.keys() - {_TOOL})
            if not names:
                break
            self.run(self.installer.uninstall(names), "remove what was changed in the cache", _AGAIN)
            if is_last:
                raise Refusal(_spoilt(min(names)))
            self.run(self.installer.others(self.wanted.own, constraints, names), purpose, _MEND_OWN)
        after = installed(self.directory)
        moved = sorted(name for name in self.digests if before.get(name) != after.get(name))
        if moved:
            raise Refusal(
                Problem(
                    code=Code.CP601,
                    what=f"the environment's own dependencies replaced the locked `{moved[0]}`",
                    why=f"wanted it as locked, found {after.get(moved[0], ['none'])[0]}",
                    fix="take what replaces it out of the environment's dependencies",
                    package=moved[0],
                )
            )

    def write(self, *, own: str | None) -> State:
        state = State(
            identity=self.wanted.identity,
            locked=self.digests,
            sources=self.sources,
            own=own,
            packages=installed(self.directory),
            memo={},
        )
        if own is not None:
            note_files(self.directory)
        write_state(self.directory, state)
        return state


def _spoilt(name: str) -> Problem:
    return Problem(
        code=Code.CP601,
        what=f"`{name}` is not what its wheel holds",
        why="a file differs from the hash in its RECORD, and does so again when it is installed anew from uv's cache",
        fix=f"uv cache clean {name}",
        package=name,
    )


def made_by_build(wheel: Path, root: Path) -> str | None:
    """Return the first file of a wheel that is none of the project's own, as compiled and generated ones are."""
    with zipfile.ZipFile(wheel) as archive:
        for name in sorted(archive.namelist()):
            if _NOT_SHIPPED in name or name.endswith("/"):
                continue
            content = archive.read(name)
            if not any(_holds(place / name, content) for place in (root, root / "src")):
                return name
    return None


def _holds(path: Path, content: bytes) -> bool:
    try:
        return path.is_file() and path.read_bytes() == content
    except OSError:
        return False
