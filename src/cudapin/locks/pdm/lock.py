"""`pdm.lock`: text to packages, and what it selects for one environment.

Written against `PDMLock` and `LockedRepository` of pdm 2.29. The format counts 4.5.1; pdm reads a lock of the same
major whose minor it knows, and so does this. The lock does not hold the project's own requirements, so the selection
takes them from `pyproject.toml`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cudapin.core.locate import find_array_lines, find_line
from cudapin.core.markers import MarkerError
from cudapin.locks.lock_text import lock_error, parse_toml
from cudapin.locks.pdm.package import check_texts, read_package

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from cudapin.core.lock import LockFormat, Pyproject, Request, Selection, Source
    from cudapin.errors import LockError
    from cudapin.locks.pdm.package import PdmPackage

__all__ = ["PDM_LOCK", "PdmLock", "parse_pdm_lock"]

PDM_LOCK = "pdm lock"
_MAJOR, _MINOR = 4, 5


@dataclass(frozen=True, slots=True, kw_only=True)
class PdmLock:
    """A `pdm.lock`: its packages in the order of the file, and `metadata` with checked types.

    `header` is the text before the first package. `pyproject` is the project that the lock belongs to; without it
    nothing tells what the project asks for itself.
    """

    source: Source
    metadata: Mapping[str, Any]
    packages: tuple[PdmPackage, ...]
    header: str
    pyproject: Pyproject | None = None
    format: LockFormat = "pdm"

    @property
    def groups(self) -> frozenset[str] | None:
        """The groups and extras that the lock was made for, `default` among them; None where it records none."""
        groups = self.metadata.get("groups")
        return frozenset(groups) if groups else None

    @property
    def strategy(self) -> frozenset[str]:
        """The strategies of the lock, as pdm reads them, also from the keys of older versions."""
        found = set(self.metadata.get("strategy", ("cross_platform",)))
        if not self.metadata.get("cross_platform", True):
            found.discard("cross_platform")
        if self.metadata.get("static_urls", False):
            found.add("static_urls")
        return frozenset(found)

    @property
    def content_hash(self) -> tuple[str, str]:
        """The algorithm and the digest of the recorded hash; both empty where there is none."""
        algorithm, colon, digest = self.metadata.get("content_hash", "").partition(":")
        return (algorithm, digest) if colon else ("", "")

    def line_of(self, *path: str) -> int | None:
        """Return the line of a key before the first `[[package]]`."""
        return find_line(self.header, *path)

    def select(
        self,
        request: Request,
        project: str | None = None,  # noqa: ARG002
        files_for: Callable[[str], bool] = lambda name: True,  # noqa: ARG005
    ) -> Selection:
        """Return what `pdm install` would take for the environment: the default group and what is requested.

        Extras and groups that do not exist select nothing. Raises LockError (CP206) where pdm itself would refuse,
        or where the lock does not say enough, and (CP205) for a marker that cannot be read.
        """
        from cudapin.locks.pdm.select import select_packages

        try:
            return select_packages(self, request, files_for)
        except MarkerError as error:
            raise lock_error(self.source, PDM_LOCK, "holds a marker that cannot be read", str(error)) from error


def parse_pdm_lock(source: Source, pyproject: Pyproject | None = None) -> PdmLock:
    """Read a `pdm.lock`; raise LockError (CP205), with the line where it is known, for anything that is none."""
    table = parse_toml(source, PDM_LOCK)
    metadata = table.get("metadata")
    if not isinstance(metadata, dict):
        raise _error(source, "has no `[metadata]`", "wanted a table `metadata` with `lock_version`, found none")
    _check_version(source, metadata)
    _check_metadata(source, metadata)
    items = table.get("package", [])
    if not isinstance(items, list):
        what = "has no list of packages"
        raise _error(source, what, f"wanted `[[package]]` tables, found `{str(items)[:60]}`", "package")
    lines = find_array_lines(source.text, "package")
    files = metadata.get("files")
    packages = []
    for number, item in enumerate(items):
        line = lines[number] if len(lines) == len(items) else None
        name = item.get("name", "no name") if isinstance(item, dict) else item
        try:
            if not isinstance(item, dict):
                message = f"wanted a table, found `{str(item)[:60]}`"
                raise ValueError(message)  # noqa: TRY004, TRY301
            packages.append(read_package(item, line, files if isinstance(files, dict) else None))
        except (ValueError, RecursionError) as error:
            what = f"has an entry that cannot be read: `{str(name)[:60]}`"
            raise lock_error(source, PDM_LOCK, what, str(error), line=line, key="package") from error
    header = source.text.partition("\n[[package]]")[0]
    lock = PdmLock(source=source, metadata=metadata, packages=tuple(packages), header=header, pyproject=pyproject)
    _check_static_urls(lock)
    return lock


def _check_version(source: Source, metadata: Mapping[str, Any]) -> None:
    from packaging.version import InvalidVersion, Version

    text = metadata.get("lock_version")
    try:
        version = Version(text) if isinstance(text, str) else None
    except InvalidVersion:
        version = None
    if version is not None and version.major == _MAJOR and version.minor <= _MINOR:
        return
    age = ""
    if version is not None:
        is_newer = (version.major, version.minor) > (_MAJOR, _MINOR)
        age = f": it was made by {'a newer' if is_newer else 'an old'} pdm"
    found = "none" if text is None else f"`{str(text)[:60]}`"
    why = f"wanted `lock_version` from 4.0 to {_MAJOR}.{_MINOR}, found {found}"
    raise _error(source, f"has a format version that is not known{age}", why, "metadata", "lock_version")


def _check_metadata(source: Source, metadata: Mapping[str, Any]) -> None:
    for key in ("groups", "strategy"):
        if key in metadata:
            try:
                check_texts(metadata[key], f"`{key}`")
            except ValueError as error:
                raise _error(source, "has metadata that cannot be read", str(error), "metadata", key) from error
    if not isinstance(metadata.get("content_hash", ""), str):
        why = f"wanted a text as `content_hash`, found `{str(metadata['content_hash'])[:60]}`"
        raise _error(source, "has metadata that cannot be read", why, "metadata", "content_hash")
    targets = metadata.get("targets", [])
    if not isinstance(targets, list) or not all(_is_target(item) for item in targets):
        why = f"wanted tables with `requires_python` as `targets`, found `{str(targets)[:60]}`"
        raise _error(source, "has metadata that cannot be read", why, "metadata", "targets")


def _is_target(item: object) -> bool:
    if not isinstance(item, dict) or not isinstance(item.get("requires_python"), str):
        return False
    return all(isinstance(item.get(key, ""), str) for key in ("platform", "implementation"))


def _check_static_urls(lock: PdmLock) -> None:
    # Before lock version 4.3 all files stood in `[metadata.files]`, with their addresses.
    if "static_urls" in lock.strategy or isinstance(lock.metadata.get("files"), dict):
        return
    for package in lock.packages:
        if any(file.url for file in package.files):
            why = f"`{package.name}` has files with `url`, wanted `static_urls` in `metadata.strategy` then"
            raise lock_error(lock.source, PDM_LOCK, "contradicts itself", why, line=package.line, key="package")


def _error(source: Source, what: str, why: str, *path: str) -> LockError:
    line = find_line(source.text.partition("\n[[package]]")[0], *path) if path else None
    return lock_error(source, PDM_LOCK, what, why, line=line, key=".".join(path) or None)
