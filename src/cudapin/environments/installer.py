"""The commands that fill a virtual environment, with uv or with pip, and the variables that each one gets.

No address that the user's credentials are in is ever an argument, since any user may read those of every process.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote

from cudapin.core.index import strip_credentials
from cudapin.environments.netrc_file import with_netrc
from cudapin.environments.user_settings import INDEX_VARIABLES, pip_variables, uv_settings

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from cudapin.environments.install import Step

__all__ = ["Call", "Installer"]


class Call(NamedTuple):
    """A command and its environment variables."""

    command: list[str]
    environ: dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Installer:
    """Fills the environment of `python`: with uv where `uv` is its path, else with the environment's pip.

    Files for single commands are written to the folder `scratch`, which only this user can read.

    `names` maps the address of an index to the name that the project gives it, by which uv finds credentials;
    `more_index` is one that counts beside the user's own for packages whose index the lock does not record,
    `own_indexes` count beside them for the environment's own dependencies.
    """

    python: str
    scratch: Path
    uv: str | None = None
    names: Mapping[str, str] = field(default_factory=dict)
    more_index: str | None = None
    own_indexes: Sequence[str] = ()
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)

    def stage(self, steps: Sequence[Step], *, is_careful: bool) -> Iterator[Call]:
        """Return what fetches packages, and refuses wrong ones, before anything in the environment is changed.

        uv does that by itself within one step; where `is_careful`, as for an environment that is in use, all steps
        are fetched before the first is applied.
        """
        fetched = str(self.scratch / "fetched")
        for number, step in enumerate(steps):
            if self.uv is None:
                command = [*self._pip("wheel"), "--no-deps", "-w", fetched, *self._lines(number, step)]
                yield self._call(command, self._variables(step), step)
            elif is_careful:
                command = [*self._uv_install(), "--no-deps", "--target", fetched, *self._lines(number, step)]
                yield self._call(command, self._variables(step))

    def apply(self, steps: Sequence[Step], again: Collection[str], *, is_refreshed: bool = False) -> Iterator[Call]:
        """Return what installs the staged steps; `again` names what is replaced also by the same version.

        Where `is_refreshed`, that is fetched once more, whatever the cache of uv has.
        """
        if self.uv is None:
            names = [name for step in steps for name in step.lines]
            if names:
                place = ["--no-index", "--find-links", str(self.scratch / "fetched")]
                command = [*self._pip("install"), "--no-deps", "--pre", "--force-reinstall", *place, *names]
                yield self._call(command, self.environ)
            return
        for number, step in enumerate(steps):
            names = [name for name in sorted(step.lines) if name in again]
            replaced = [f"--reinstall-package={name}" for name in names]
            replaced += [f"--refresh-package={name}" for name in names if is_refreshed]
            command = [*self._uv_install(), "--no-deps", *replaced, *self._lines(number, step)]
            yield self._call(command, self._variables(step))

    def _lines(self, number: int, step: Step) -> list[str]:
        """Write the file that says what a step installs, and return the arguments that name it."""
        if step.tables and self.uv is not None:
            file = self.scratch / f"pylock.step-{number}.toml"
            text = "\n\n".join(['lock-version = "1.0"\ncreated-by = "cudapin"', *step.tables.values()])
        else:
            file = self.scratch / f"step-{number}.txt"
            text = "\n".join(step.lines.values())
        file.write_text(f"{text}\n", encoding="utf-8")
        is_pylock = file.suffix == ".toml"  # whose hashes count without being told
        return [*(["--require-hashes"] if step.is_hashed and not is_pylock else []), "-r", str(file)]

    def wheel(self, wheel: Path) -> Call:
        """Return what installs the project's wheel over any other version of it."""
        command = [*self._install(), "--no-deps", "--force-reinstall" if self.uv is None else "--reinstall"]
        return self._call([*command, str(wheel)], self.environ)

    def editable(self, directory: Path) -> Call:
        """Return what installs a project so that its sources are used as they are."""
        return self._call([*self._install(), "--no-deps", "--editable", str(directory)], self.environ)

    def others(self, requirements: Sequence[str], constraints: Path, refreshed: Iterable[str] = ()) -> Call:
        """Return what installs further requirements without moving what the constraints hold.

        What is `refreshed` is fetched once more, whatever the cache of uv has.
        """
        environ = dict(self.environ)
        for name in ("UV_EXTRA_INDEX_URL", "PIP_EXTRA_INDEX_URL"):
            if self.own_indexes:
                environ[name] = " ".join((environ.get(name, ""), *self.own_indexes)).strip()
        again = [f"--refresh-package={name}" for name in sorted(refreshed)] if self.uv is not None else []
        return self._call([*self._install(), *again, "--constraint", str(constraints), *requirements], environ)

    def uninstall(self, names: Iterable[str]) -> Call:
        """Return what removes packages."""
        if self.uv is None:
            command = [self.python, "-m", "pip", "uninstall", "--yes", *sorted(names)]
        else:
            command = [self.uv, "pip", "uninstall", "--python", self.python, *sorted(names)]
        return self._call(command, self.environ)

    def build(self, root: Path, directory: Path) -> Call:
        """Return what builds the project's wheel into a directory, isolated, from the user's own indexes."""
        if self.uv is None:
            command = [*self._pip("wheel"), "--no-deps", "-w", str(directory), str(root)]
        else:
            command = [self.uv, "build", "--wheel", "--python", self.python, "-o", str(directory), str(root)]
        environ = {name: value for name, value in self.environ.items() if name != "CUDAPIN"}
        return self._call(command, environ)

    def _call(self, command: list[str], environ: Mapping[str, str], step: Step | None = None) -> Call:
        if self.uv is not None:
            return Call(command, dict(environ))
        indexes = step.indexes if step else ()
        known = [
            self._with_named_credentials(self._with_credentials(index), self.names.get(_plain(index)))
            for index in indexes
        ]
        return Call(command, with_netrc(environ, self.scratch, known))

    def _install(self) -> list[str]:
        return self._pip("install") if self.uv is None else self._uv_install()

    def _pip(self, action: str) -> list[str]:
        return [self.python, "-m", "pip", action, "--disable-pip-version-check"]

    def _uv_install(self) -> list[str]:
        return [str(self.uv), "pip", "install", "--python", self.python]

    def _variables(self, step: Step) -> dict[str, str]:
        """Return the variables for a step: its index and no other, or the user's own where the lock names none."""
        environ = dict(self.environ)
        if step.tables:  # nothing is looked for but what an sdist is built with, which is the user's own business
            # uv warns where a `pylock.toml` is not asked for by this name.
            environ["UV_PREVIEW_FEATURES"] = ",".join(filter(None, (environ.get("UV_PREVIEW_FEATURES"), "pylock")))
            return environ
        if step.index == "":
            if self.more_index is not None and step.is_hashed:
                # Only what has one of the locked hashes is taken, so it may be looked for in all indexes.
                address = self._with_credentials(self.more_index)
                environ["UV_INDEX"] = f"{environ.get('UV_INDEX', '')} {address}".strip()
                environ["UV_INDEX_STRATEGY"] = "unsafe-best-match"
                environ["PIP_EXTRA_INDEX_URL"] = f"{environ.get('PIP_EXTRA_INDEX_URL', '')} {address}".strip()
            return environ
        for name in INDEX_VARIABLES:
            environ.pop(name, None)
        if self.uv is None:
            environ.update(pip_variables(self.environ))
        else:
            settings = self.scratch / "uv.toml"
            settings.write_text(uv_settings(self.environ), encoding="utf-8")
            environ["UV_CONFIG_FILE"] = str(settings)
        if step.index is not None:
            address = self._with_credentials(step.index)
            known_as = self.names.get(_plain(step.index))
            environ["UV_DEFAULT_INDEX"] = address if known_as is None else f"{known_as}={address}"
            environ["PIP_INDEX_URL"] = self._with_named_credentials(address, known_as)
        return environ

    def _with_credentials(self, index: str) -> str:
        """Return the address as the user's variables have it, where one of them is this index with credentials."""
        for variable in INDEX_VARIABLES:
            for word in self.environ.get(variable, "").split():
                name, _, address = word.partition("=")
                address = word if "://" in name else address
                if "@" in address and _plain(address) == _plain(index):
                    return address
        return index

    def _with_named_credentials(self, address: str, name: str | None) -> str:
        """Return the address with the credentials that uv would find by the name of the index, for pip."""
        key = "".join(letter if letter.isalnum() else "_" for letter in (name or "").upper())
        user, password = (self.environ.get(f"UV_INDEX_{key}_{part}", "") for part in ("USERNAME", "PASSWORD"))
        scheme, separator, rest = address.partition("://")
        if not key or not (user or password) or "@" in rest.partition("/")[0]:
            return address
        return f"{scheme}{separator}{quote(user, safe='')}:{quote(password, safe='')}@{rest}"


def _plain(address: str) -> str:
    return strip_credentials(address).rstrip("/")
