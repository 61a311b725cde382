"""One `[[package]]` of a `pdm.lock`: its shape checked, its files and its source read.

pdm writes an entry of its own for a package with extras (`extras = ["all"]`), beside the one without. It records a
local version only where the requirement names it, so `torch 2.9.0+cu128` stands as `2.9.0` with files that tell.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from cudapin.core.index import strip_credentials
from cudapin.core.lock import LockedFile
from cudapin.core.markers import MarkerError, parse_marker
from cudapin.core.names import normalise

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from cudapin.core.lock import SourceKind

__all__ = ["PdmPackage", "check_texts", "name_of_line", "read_package"]

_TEXTS = (
    "name",
    "version",
    "requires_python",
    "marker",
    "path",
    "url",
    "git",
    "hg",
    "svn",
    "bzr",
    "ref",
    "revision",
    "subdirectory",
)
_LISTS = ("extras", "groups", "dependencies")
_VCS = ("git", "hg", "svn", "bzr")
_ARCHIVES = (".whl", ".tar.gz", ".zip", ".tar.bz2", ".tar.xz", ".tgz")
_NAME = re.compile(r"\s*([A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)")
_EGG = re.compile(r"[#&]egg=([A-Za-z0-9._-]+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class PdmPackage:
    """An entry of the lock. `version` carries the local part that the files' names agree on, `recorded` does not.

    `groups` is None where the lock records none (no strategy `inherit_metadata`). `address` is where a package comes
    from that no index has; a commit stands after `#`.
    """

    name: str
    version: str | None
    kind: SourceKind
    extras: frozenset[str]
    groups: frozenset[str] | None
    marker: str | None
    requires_python: str
    dependencies: tuple[str, ...]
    files: tuple[LockedFile, ...]
    address: str | None
    line: int | None
    recorded: str | None = None
    is_editable: bool = False

    @property
    def key(self) -> tuple[str, frozenset[str], str | None, str | None, bool]:
        """What pdm tells entries apart by: of several with one key it reads only the last."""
        version = self.recorded if self.address is None else None
        return (self.name, self.extras, version, self.address, self.is_editable)


def read_package(
    table: Mapping[str, Any], line: int | None, legacy_files: Mapping[str, Any] | None = None
) -> PdmPackage:
    """Read one entry; raise ValueError, with what is wrong, for one that pdm could not have written.

    `legacy_files` is the table of files that format versions before 4.2 kept apart.
    """
    _check(table)
    name, version = table["name"], table.get("version")
    items = table.get("files", (legacy_files or {}).get(f"{name} {version}", []))
    files = tuple(_read_files(items))
    kind, address = _source(table)
    marker = table.get("marker") or None
    if marker is not None:
        try:
            parse_marker(marker)
        except MarkerError as error:
            message = f"its `marker` cannot be read: {error}"
            raise ValueError(message) from error
    groups = table.get("groups") or None
    return PdmPackage(
        name=normalise(name),
        version=_with_local(version, files),
        kind=kind,
        extras=frozenset(map(normalise, table.get("extras", ()))),
        groups=frozenset(groups) if groups else None,
        marker=marker,
        requires_python=table.get("requires_python", ""),
        dependencies=tuple(table.get("dependencies", ())),
        files=files,
        address=address,
        line=line,
        recorded=version,
        is_editable=table.get("editable") is True,
    )


def name_of_line(line: str) -> str | None:
    """Return the normalised name of what a recorded dependency asks for, None where it does not say."""
    editable = line.startswith("-e ")
    found = _EGG.search(line) if editable or "://" in line.partition(" ")[0] else _NAME.match(line)
    return normalise(found[1]) if found else None


def check_texts(items: object, what: str) -> None:
    """Raise ValueError where something is no list of texts."""
    if isinstance(items, list) and all(isinstance(item, str) for item in items):
        return
    message = f"wanted a list of texts as {what}, found `{str(items)[:60]}`"
    raise ValueError(message)


def _check(table: Mapping[str, Any]) -> None:
    for key in _TEXTS:
        if key in table and not isinstance(table[key], str):
            message = f"wanted a text as `{key}`, found `{str(table[key])[:60]}`"
            raise ValueError(message)
    if not _NAME.fullmatch(table.get("name", "")):
        message = f"wanted a package name as `name`, found `{table.get('name', 'none')}`"
        raise ValueError(message)
    for key in _LISTS:
        if key in table:
            check_texts(table[key], f"`{key}`")


def _read_files(items: object) -> Iterator[LockedFile]:
    for item in items if isinstance(items, list) else [items]:
        table: Mapping[str, Any] = item if isinstance(item, dict) else {"file": None}
        if not all(isinstance(table.get(key, ""), str) for key in ("file", "url", "hash")):
            message = f"wanted a table with `file` or `url`, and `hash` in `files`, found `{str(item)[:60]}`"
            raise ValueError(message)
        address = strip_credentials(table["url"]) if table.get("url") else None
        name = table.get("file") or unquote((address or "").partition("#")[0].rpartition("/")[2])
        algorithm, colon, value = table.get("hash", "").partition(":")
        yield LockedFile(name=name, url=address, hashes={algorithm: value} if colon else {})


def _source(table: Mapping[str, Any]) -> tuple[SourceKind, str | None]:
    for vcs in _VCS:
        if table.get(vcs):
            asked = f"?rev={table['ref']}" if table.get("ref") else ""
            commit = f"#{table['revision']}" if table.get("revision") else ""
            return "git", strip_credentials(table[vcs]) + asked + commit
    if table.get("path"):
        return "path" if table["path"].lower().endswith(_ARCHIVES) else "directory", table["path"]
    if table.get("url"):
        is_directory = table["url"].startswith("file:") and not table["url"].lower().endswith(_ARCHIVES)
        return "directory" if is_directory else "url", strip_credentials(table["url"])
    return "registry", None


def _with_local(version: str | None, files: Iterable[LockedFile]) -> str | None:
    """Return the version with the local part that all files carry, where the lock itself has none."""
    if version is None or "+" in version:
        return version
    found = {_version_of(file.name) for file in files}
    if len(found) != 1 or (full := found.pop()) is None or "+" not in full:
        return version
    from packaging.version import InvalidVersion, Version

    try:
        return full if Version(full).public == Version(version).public else version
    except InvalidVersion:
        return version


def _version_of(file_name: str) -> str | None:
    if file_name.endswith(".whl"):
        parts = file_name.split("-")
        return unquote(parts[1]) if len(parts) > 1 else None
    stem = next((file_name.removesuffix(end) for end in _ARCHIVES if file_name.endswith(end)), "")
    return unquote(stem.rpartition("-")[2]) or None
