"""What `poetry export` and `pdm export` would write now, of the extras and groups that a file shows it was made with.

pdm, and poetry in requirements files, record no options. Each extra or group only adds packages, so a file was made
with those of which it holds every name; whether it holds what they select is then compared as for any other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cudapin.core.lock import Request
from cudapin.core.names import normalise
from cudapin.errors import LockError
from cudapin.locks.derived.pins import Pin, PinReader
from cudapin.locks.derived.uv import CannotDeriveError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from cudapin.core.lock import Lock, Pyproject
    from cudapin.locks.derived.origin import Origin

__all__ = ["GroupDerivation"]

_MAIN = ("main", "default")


class GroupDerivation:
    """The extras and groups of one export of a `poetry.lock` or `pdm.lock`.

    `recorded` are the options that the file records, None where it records none; `names` are all that it pins.
    Raises CannotDeriveError where it was made without what the project itself requires.
    """

    def __init__(
        self,
        lock: Lock,
        pyproject: Pyproject,
        environments: Sequence[Mapping[str, str]],
        names: frozenset[str],
        recorded: tuple[frozenset[str], frozenset[str]] | None,
    ) -> None:
        self.lock = lock
        self.environments = environments
        project = _table(pyproject.table, "project")
        self.project = normalise(str(project.get("name", "")))
        self._reader = PinReader(lock, self.project)
        main = self._names(frozenset(), frozenset())
        if recorded is not None:
            extras, groups = recorded
            if groups.isdisjoint(_MAIN):
                raise CannotDeriveError("it was made without what the project itself requires")
            self.extras, self.groups = extras, groups - frozenset(_MAIN)
            return
        if main and names and main.isdisjoint(names):
            raise CannotDeriveError("it holds nothing that the project itself requires, and does not say of what it is")
        extras, groups = _known(pyproject)
        self.extras = frozenset(name for name in extras if self._names(frozenset({name}), frozenset()) - main <= names)
        self.groups = frozenset(name for name in groups if self._names(frozenset(), frozenset({name})) - main <= names)

    def command(self, origin: Origin) -> str:
        """Return the command that makes the file anew, with the options that it shows it was made with."""
        if origin.tool == "poetry":
            chosen = [f"--extras {name}" for name in sorted(self.extras)]
            chosen += [f"--with {name}" for name in sorted(self.groups)]
        else:
            chosen = [] if self.groups else ["--prod"]
            chosen += [f"-G {name}" for name in sorted(self.extras | self.groups)]
        return " ".join((origin.command, *chosen))

    def gone(self) -> list[str]:
        """Return the options that name what the project no longer has: none, since none are recorded."""
        return []

    def is_supported(self, environment: Mapping[str, str]) -> bool:
        """Whether the lock says anything about an environment."""
        try:
            self.pins(environment)
        except LockError:
            return False
        return True

    def pins(self, environment: Mapping[str, str]) -> tuple[Pin, ...]:
        """Return what the export would hold for an environment."""
        return tuple(self._select(self.extras, self.groups, environment))

    def _select(self, extras: frozenset[str], groups: frozenset[str], environment: Mapping[str, str]) -> Iterable[Pin]:
        request = Request(extras=extras, groups=groups, environment=environment)
        return self._reader.select(request)

    def _names(self, extras: frozenset[str], groups: frozenset[str]) -> frozenset[str]:
        """Return the names that are selected in any environment."""
        found: set[str] = set()
        for environment in self.environments:
            try:
                found.update(pin.name for pin in self._select(extras, groups, environment))
            except LockError:
                continue
        return frozenset(found)


def _known(pyproject: Pyproject) -> tuple[frozenset[str], frozenset[str]]:
    """Return the extras and groups of the project, as standard and as the tools' own tables name them."""
    table = pyproject.table
    tool = _table(table, "tool")
    poetry, pdm = _table(tool, "poetry"), _table(tool, "pdm")
    extras = {*_table(_table(table, "project"), "optional-dependencies"), *_table(poetry, "extras")}
    groups = {*_table(table, "dependency-groups"), *_table(poetry, "group"), *_table(pdm, "dev-dependencies")}
    groups |= {"dev"} if "dev-dependencies" in poetry else set()
    return frozenset(map(normalise, extras)), frozenset(map(normalise, groups))


def _table(table: Mapping[str, object], key: str) -> Mapping[str, object]:
    value = table.get(key)
    return value if isinstance(value, dict) else {}
