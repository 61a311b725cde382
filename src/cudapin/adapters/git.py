"""Reads a file as a revision of a git repository holds it: `REV:PATH`. Nothing is written, fetched or checked out."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cudapin.errors import Code, ConfigError, LockError, Problem, Where

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Revised", "read_revised", "split_revision"]

_TIMEOUT_S = 120
_DRIVE = re.compile(r"[A-Za-z]:[\\/]")
_FOUND = re.compile(r"([0-9a-f]{40,64}) (\w+) \d+")
_LINKS = ("dangling ", "symlink ", "loop ", "notdir ")
# No prompt, no lock files, messages in English; a clone that lacks objects must say so, not fetch them: git before
# 2.45 does not know the third variable, all know the fourth, which allows no way of transport.
_VARIABLES = {
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_ALLOW_PROTOCOL": "none",
    "LC_ALL": "C",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Revised:
    """The text of a file in a revision, where the file would lie in the work tree, and the path that git was given."""

    text: str
    location: Path
    note: str | None = None
    """Which file it is, where the path could also mean another one."""


def split_revision(text: str) -> tuple[str, str] | None:
    """Split `REV:PATH` at the first colon outside of braces, as git does; None for what names no revision.

    An empty revision is git's index. A Windows drive is none.

    >>> split_revision("HEAD@{2 days ago at 12:00}:locks/uv.lock")
    ('HEAD@{2 days ago at 12:00}', 'locks/uv.lock')
    """
    if _DRIVE.match(text):
        return None
    depth = 0
    for position, character in enumerate(text):
        if character == "{":
            depth += 1
        elif character == "}" and depth:
            depth -= 1
        elif character == ":" and not depth:
            return text[:position], text[position + 1 :]
    return None


def read_revised(revision: str, path: str, directory: Path, environ: Mapping[str, str]) -> Revised:
    """Return a file of a revision; its path is relative to `directory`, else to the root of the repository.

    Names reach git on its standard input, where none can be an option. Raises ConfigError (CP112) where there is no
    git, no repository, no such revision or no such file in it, LockError (CP205) for a file that is no UTF-8.
    """
    named = f"{revision}:{path}"
    if any(ord(character) < ord(" ") for character in named):
        raise ConfigError(_problem(f"`{named!r}` names no file of a revision", "it holds a control character"))
    git = _Git(named, directory, environ)
    up = git.find_root()
    relative = path.replace(os.sep, "/")
    names = [relative] if up is None else [f"./{relative}", relative]
    names = [name for name in names if not name.startswith("../")]
    found = git.look_up([f"{revision}:{name}" for name in names])
    for name, (identifier, kind) in zip(names, found, strict=True):
        if kind == "blob":
            text = git.read_blob(identifier).removeprefix("\ufeff")
            is_here = name.startswith("./") or up is None
            location = Path(os.path.normpath((directory if is_here else directory / str(up)) / relative))
            return Revised(text=text, location=location, note=_note(named, found, up, relative, is_here=is_here))
    raise ConfigError(git.absent(revision, relative, [kind for _, kind in found]))


def _note(named: str, found: list[tuple[str, str]], up: str | None, path: str, *, is_here: bool) -> str | None:
    if not is_here:
        return f"`{named}` is `{path}` of the root of the repository" if up else None
    if up and len(found) > 1 and found[1][1] == "blob" and found[1] != found[0] and not path.startswith("./"):
        return f"`{named}` is `{path}` of this directory; that of the root of the repository is `{up}{path}`"
    return None


class _Git:
    """One question to git, asked in a directory; `named` is what messages are about."""

    def __init__(self, named: str, directory: Path, environ: Mapping[str, str]) -> None:
        executable = shutil.which("git", path=environ.get("PATH"))
        if executable is None:
            why = "wanted `git` on PATH to read it, found none"
            raise ConfigError(_problem(f"`{named}` cannot be read", why, "install git, or name two files"))
        self.named = named
        self.directory = directory
        self.command = [executable, "--no-pager"]
        self.environ = {**environ, **_VARIABLES}

    def find_root(self) -> str | None:
        """Return the way up to the root of the repository (empty for the root itself), None where it has no tree."""
        is_tree, _, up = self._run("rev-parse", "--is-inside-work-tree", "--show-cdup").decode().partition("\n")
        return up.strip("\n") if is_tree == "true" else None

    def look_up(self, names: list[str]) -> list[tuple[str, str]]:
        """Return identifier and type of each object; the type is empty for one that does not exist."""
        given = "".join(f"{name}\n" for name in names).encode("utf-8", "surrogateescape")
        lines = iter(self._run("cat-file", "--batch-check", "--follow-symlinks", given=given).split(b"\n"))
        result = []
        for line in lines:
            text = line.decode("utf-8", "replace")
            if text.startswith(_LINKS) and text.rpartition(" ")[2].isdecimal():
                next(lines, None)  # the name, or where the link leads to: nothing that the revision holds
            found = _FOUND.fullmatch(text)
            result.append((found[1], found[2]) if found else ("", ""))
        return result[: len(names)]

    def read_blob(self, identifier: str) -> str:
        """Return the text of a file by its identifier. Raises LockError where it is no UTF-8."""
        try:
            return self._run("cat-file", "blob", identifier).decode("utf-8")
        except UnicodeDecodeError as error:
            at = error.start
            raise LockError(
                Problem(
                    code=Code.CP205,
                    what=f"`{self.named}` cannot be read",
                    where=Where(path=self.named),
                    why=f"wanted text in UTF-8, found the byte 0x{error.object[at]:02x} at offset {at}",
                    fix="name a revision that holds a lock file there",
                )
            ) from error

    def absent(self, revision: str, path: str, kinds: list[str]) -> Problem:
        """Say why there is no such file: no such revision, a directory, or no such path."""
        tree = [("", "tree")] if revision == "" else self.look_up([f"{revision}^{{tree}}"])
        if tree[0][1] != "tree":
            what = f"there is no revision `{revision}`"
            why = f"wanted a commit, tag or branch to read `{path}` from, found none"
            if self._run("rev-parse", "--is-shallow-repository").strip() == b"true":
                return _problem(what, f"{why}: this clone is a shallow one", "git fetch --unshallow --tags")
            return _problem(what, why, "git log --oneline --all")
        shown = f"`{revision}`" if revision else "the index"
        if "tree" in kinds:
            return _problem(f"`{self.named}` is a directory", "wanted a lock file", f"name a file in `{path or '.'}`")
        if self._run("config", "--default", "", "--get", "extensions.partialClone").strip():
            return self._partial()
        why = f"wanted a file there, from `{self.directory.name}` or from the root of the repository, found none"
        listing = f"git ls-tree -r --name-only {shlex.quote(revision)}" if revision else "git ls-files"
        return _problem(f"{shown} holds no `{path}`", why, listing)

    def _run(self, *arguments: str, given: bytes = b"") -> bytes:
        try:
            done = subprocess.run(  # noqa: S603
                [*self.command, *arguments],
                cwd=self.directory,
                env=self.environ,
                input=given,
                capture_output=True,
                timeout=_TIMEOUT_S,
                check=False,
            )
        except (OSError, subprocess.SubprocessError) as error:
            raise ConfigError(self._failed(type(error).__name__)) from error
        if done.returncode:
            said = done.stderr.decode("utf-8", "replace").strip().split("\n")
            raise ConfigError(self._failed(said[-1] if said[0].startswith("warning") else said[0]))
        return done.stdout

    def _failed(self, said: str) -> Problem:
        if "not a git repository" in said:
            why = f"`{self.directory}` lies in no git repository"
            return _problem(f"`{self.named}` cannot be read", why, "change into the repository, or name a file")
        if "could not fetch" in said or "lazy fetch" in said:
            return self._partial()
        return _problem(f"`{self.named}` cannot be read", f"git says: {said.removeprefix('fatal: ')}")

    def _partial(self) -> Problem:
        why = "this clone holds only a part of the objects, and nothing is fetched here"
        return _problem(f"`{self.named}` cannot be read", why, f"git cat-file -e {shlex.quote(self.named)}, then again")


def _problem(what: str, why: str, fix: str = "name a file, or a revision and a path as in `HEAD:uv.lock`") -> Problem:
    return Problem(code=Code.CP112, what=what, why=why, fix=fix)
