"""What is installed for a selection: which files, or which requirement lines from which index.

What the lock records by address is fetched from there, and nothing is looked for. Every other package is asked of its
own index alone, by exact version, with its hashes. Dependencies are never followed: the lock has them all. That holds
for uv and pip alike, and for every lock format.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from cudapin.core.export import address_of, hashes_of, usable_files
from cudapin.core.index import is_default_index, strip_credentials
from cudapin.errors import Code, Problem, Refusal, Where

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from pathlib import Path

    from cudapin.core.lock import LockedFile, LockedPackage, Selection
    from cudapin.core.target import Target

__all__ = ["Step", "index_names", "plan_steps"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """Packages that one command installs.

    `index` is an address, None for the default index, "" where the lock records none (then the user's own settings
    count). `lines` are requirement lines by normalised name; `tables` are the same as tables of a `pylock.toml`,
    where the lock records addresses (`indexes` are then those that the files are of, for their credentials).
    `is_hashed` is false for what has no hash by nature: a commit or a directory.
    """

    index: str | None
    lines: Mapping[str, str]
    tables: Mapping[str, str] = field(default_factory=dict)
    indexes: tuple[str, ...] = ()
    is_hashed: bool = True

    def only(self, names: Collection[str]) -> Step:
        """Return the step for some of its packages."""
        return replace(
            self,
            lines={name: line for name, line in self.lines.items() if name in names},
            tables={name: table for name, table in self.tables.items() if name in names},
        )

    def digests(self) -> dict[str, str]:
        """Return, for each package, a digest of all that says what is installed."""
        return {name: hashlib.sha256(f"{self.index}\n{line}".encode()).hexdigest() for name, line in self.lines.items()}


def plan_steps(selection: Selection, lock_path: str, root: Path, target: Target) -> tuple[Step, ...]:
    """Return what to install for a selection. Raises Refusal for a package that the lock gives no hash (CP306)."""
    hashed: dict[str | None, dict[str, str]] = {}
    addressed: dict[str, tuple[str, str]] = {}
    bare: dict[str, str] = {}
    problems = []
    for package in selection.packages:
        hashes = sorted({f"--hash={name}:{value}" for file in package.files for name, value in file.hashes.items()})
        if package.kind in ("git", "directory"):
            bare[package.name] = f"{package.name} @ {_address(package, root)}"
        elif not hashes:
            problems.append(_unhashed(package, lock_path))
        elif package.kind != "registry":
            line = f"{package.name} @ {_address(package, root)} {' '.join(hashes)}"
            hashed.setdefault(None, {})[package.name] = line
        elif (files := _addressed_files(package, target)) is not None:
            addressed[package.name] = (_address_line(package.name, files[0]), _pylock_table(package, files))
        else:
            line = f"{package.name}=={package.version} {' '.join(hashes)}"
            hashed.setdefault(package.index, {})[package.name] = line
    if problems:
        raise Refusal(*problems)
    steps = [Step(index=index, lines=lines) for index, lines in sorted(hashed.items(), key=lambda item: item[0] or "")]
    if addressed:
        lines = {name: line for name, (line, _) in addressed.items()}
        tables = {name: table for name, (_, table) in addressed.items()}
        indexes = sorted({item.index for item in selection.packages if item.name in addressed and item.index})
        steps.insert(0, Step(index=None, lines=lines, tables=tables, indexes=tuple(indexes)))
    return (*steps, Step(index="", lines=bare, is_hashed=False)) if bare else tuple(steps)


def _addressed_files(package: LockedPackage, target: Target) -> tuple[LockedFile, ...] | None:
    """Return the files that the target could install, best first, where the lock has address and hash of them all."""
    files = usable_files(package, target)
    return files if files and all(address_of(file) and hashes_of(file) for file in files) else None


def _address_line(name: str, file: LockedFile) -> str:
    hashes = " ".join(f"--hash={algorithm}:{value}" for algorithm, value in hashes_of(file))
    return f"{name} @ {address_of(file)} {hashes}"


def _pylock_table(package: LockedPackage, files: tuple[LockedFile, ...]) -> str:
    wheels = [_pylock_file(file) for file in files if file.name.endswith(".whl")]
    sdist = next((_pylock_file(file) for file in files if not file.name.endswith(".whl")), None)
    lines = ["[[packages]]", f"name = {json.dumps(package.name)}"]
    lines += [f"version = {json.dumps(package.version)}"] if package.version is not None else []
    lines += [f"wheels = [{', '.join(wheels)}]"] if wheels else []
    lines += [f"sdist = {sdist}"] if sdist is not None else []
    return "\n".join(lines)


def _pylock_file(file: LockedFile) -> str:
    hashes = ", ".join(f"{algorithm} = {json.dumps(value)}" for algorithm, value in hashes_of(file))
    return f"{{ name = {json.dumps(file.name)}, url = {json.dumps(address_of(file))}, hashes = {{ {hashes} }} }}"


def _address(package: LockedPackage, root: Path) -> str:
    """Return the address of a package that no index has; paths in a lock are relative to its project."""
    origin = package.origin or ""
    if package.kind == "git":
        return origin if origin.startswith("git+") else f"git+{origin}"
    if "://" in origin:
        return origin
    return (root / origin).resolve().as_uri()


def _unhashed(package: LockedPackage, lock_path: str) -> Problem:
    return Problem(
        code=Code.CP306,
        what=f"`{package.name}` is locked without a hash",
        where=Where(path=lock_path, line=package.line, key=package.name),
        why="an environment holds only what the lock pins by hash, found no hash at all",
        fix="lock from an index that publishes hashes, or with `--generate-hashes`",
        package=package.name,
    )


def index_names(settings: Mapping[str, object]) -> dict[str, str]:
    """Return the names that `[[tool.uv.index]]` gives to addresses."""
    tables = settings.get("index")
    found = {}
    for table in tables if isinstance(tables, list) else []:
        name, url = (table.get(key) for key in ("name", "url")) if isinstance(table, dict) else (None, None)
        if isinstance(name, str) and isinstance(url, str) and not is_default_index(url):
            found[strip_credentials(url).rstrip("/")] = name
    return found
