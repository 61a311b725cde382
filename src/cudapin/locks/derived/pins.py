"""What a derived lock file pins in one environment, and what its source selects there, in one shape."""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cudapin.core.index import strip_credentials
from cudapin.core.lock import Request
from cudapin.core.names import normalise
from cudapin.errors import LockError
from cudapin.locks.pylock.lock import Pylock
from cudapin.locks.requirements.lock import RequirementsLock, read_logical_lines
from cudapin.locks.requirements.pins import holds, is_strong_hash

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from cudapin.core.lock import Lock, LockedFile, LockedPackage

__all__ = ["DerivedFile", "Pin", "PinReader", "differing", "pin_of", "strong_hashes"]

_COMMIT = re.compile(r"(?<![0-9a-f])[0-9a-f]{40}(?:[0-9a-f]{24})?(?![0-9a-f])")
_MAY_BE_LOCAL = re.compile(r"^\s*(?:-e\b|--editable|\.|file:)", re.MULTILINE)
_LOCAL = re.compile(r"(?:(?:-e|--editable)[\s=]+)?(?P<path>\.{1,2}(?:/[^;]*)?|file:[^;]*)(?:\s*;\s*(?P<marker>.*))?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pin:
    """One package as pinned. None and an empty set stand for what the file does not record.

    `index` is "" where it is not recorded, None for the default one. A local project may be called by its path.
    """

    name: str
    line: int | None
    version: str | None = None
    address: str | None = None
    hashes: frozenset[tuple[str, str]] = frozenset()
    index: str | None = ""
    is_local: bool = False


class PinReader:
    """What a lock selects, as pins; files are read once, not for each environment."""

    def __init__(self, lock: Lock, project: str | None) -> None:
        self._lock, self._project = lock, project
        self._known: dict[tuple[object, ...], Pin] = {}

    def select(self, request: Request) -> tuple[Pin, ...]:
        """Return the pins of a request. Raises LockError as the lock does."""
        found = [
            (_key(item), item.name) for item in self._lock.select(request, self._project, lambda _: False).packages
        ]
        new = {name for key, name in found if key not in self._known}
        if new:
            packages = self._lock.select(request, self._project, new.__contains__).packages
            self._known.update((_key(item), pin_of(item)) for item in packages if item.name in new)
        return tuple(self._known[key] for key, _ in found)


def _key(package: LockedPackage) -> tuple[object, ...]:
    return package.name, package.version, package.index, package.origin, package.line


class DerivedFile:
    """A derived lock file: what it pins in an environment, with all its extras and groups."""

    def __init__(self, lock: Lock, project: str | None) -> None:
        self.lock = lock
        self._reader = PinReader(lock, project)
        known = (lock.document.extras, lock.document.dependency_groups) if isinstance(lock, Pylock) else ((), ())
        self._extras, self._groups = (frozenset(map(normalise, names or ())) for names in known)
        self._local = tuple(_local_lines(lock.source.text)) if isinstance(lock, RequirementsLock) else ()
        self._pins: dict[tuple[tuple[str, str], ...], tuple[Pin, ...]] = {}

    def pins(self, environment: Mapping[str, str]) -> tuple[Pin, ...]:
        """Return the pins; local projects of a requirements file have no names, and are called by their paths.

        Raises LockError where the environment is not one of the file.
        """
        key = tuple(sorted(environment.items()))
        if key not in self._pins:
            self._pins[key] = tuple(self._read(environment))
        return self._pins[key]

    def is_hashed(self, environments: Iterable[Mapping[str, str]]) -> bool:
        """Whether any pin has a hash."""
        return any(pin.hashes for environment in environments for pin in self.pins_or_none(environment))

    def pins_or_none(self, environment: Mapping[str, str]) -> tuple[Pin, ...]:
        """Return the pins, none for an environment that is not one of the file."""
        try:
            return self.pins(environment)
        except LockError:
            return ()

    def _read(self, environment: Mapping[str, str]) -> Iterable[Pin]:
        if not isinstance(self.lock, RequirementsLock):
            request = Request(extras=self._extras, groups=self._groups, environment=environment)
            return self._reader.select(request)
        local = (pin for marker, pin in self._local if _marker_holds(marker, environment))
        return (*_entries(self.lock, environment), *local)


def _entries(lock: RequirementsLock, environment: Mapping[str, str]) -> Iterator[Pin]:
    for entry in lock.entries:
        if holds(entry.marker, environment):
            yield Pin(
                name=entry.name,
                line=entry.line,
                version=entry.version,
                address=entry.url,
                hashes=frozenset(entry.hashes),
                is_local=entry.url is not None and "://" not in entry.url,
            )


def _local_lines(text: str) -> Iterator[tuple[str | None, Pin]]:
    """Yield the local projects of a requirements file, each with its marker."""
    if not _MAY_BE_LOCAL.search(text):
        return
    for line, logical, _ in read_logical_lines(text):
        found = _LOCAL.fullmatch(re.split(r"\s--hash", logical, maxsplit=1)[0].strip())
        if found is not None:
            yield found["marker"], Pin(name=posixpath.normpath(found["path"].strip()), line=line, is_local=True)


def _marker_holds(marker: str | None, environment: Mapping[str, str]) -> bool:
    from packaging.markers import InvalidMarker, UndefinedComparison, UndefinedEnvironmentName

    try:
        return holds(marker, environment)
    except (InvalidMarker, UndefinedComparison, UndefinedEnvironmentName, RecursionError):
        return True


def pin_of(package: LockedPackage) -> Pin:
    """Return a package that a lock selects as a pin."""
    addresses = [file.url for file in package.files if file.url]
    address = package.origin
    if package.kind == "url" and address is None:
        address = next(iter(addresses), None)
    return Pin(
        name=package.name,
        line=package.line,
        version=package.version,
        address=address,
        hashes=strong_hashes(package.files),
        index=package.index if package.kind == "registry" else "",
        is_local=package.kind in ("directory", "path"),
    )


def strong_hashes(files: Iterable[LockedFile]) -> frozenset[tuple[str, str]]:
    """Return the hashes of files that installers accept with `--require-hashes`."""
    return frozenset(
        (algorithm, digest.lower())
        for file in files
        for algorithm, digest in file.hashes.items()
        if is_strong_hash(algorithm, digest)
    )


def differing(wanted: Pin, found: Pin, *, is_hashed: bool) -> tuple[str, str] | None:
    """Return wanted and found where they differ; what one of the two does not record is not compared.

    `is_hashed`: the derived file was made with hashes.
    """
    if wanted.version is not None and found.version is not None and not _is_same_version(wanted, found):
        return f"`{wanted.name}=={wanted.version}`", f"`{found.name}=={found.version}`"
    if wanted.is_local or found.is_local:
        return None
    if not _is_same_address(wanted, found):
        return _shown(wanted), _shown(found)
    if "" not in (wanted.index, found.index) and _plain(wanted.index) != _plain(found.index):
        return _index(wanted), _index(found)
    if is_hashed and wanted.hashes != found.hashes:
        return f"{_digests(wanted, found)} for `{wanted.name}`", f"{_digests(found, wanted)}"
    return None


def _is_same_version(wanted: Pin, found: Pin) -> bool:
    if wanted.version == found.version:
        return True
    from packaging.version import InvalidVersion, Version

    try:
        return Version(wanted.version or "") == Version(found.version or "")
    except InvalidVersion:
        return False


def _is_same_address(wanted: Pin, found: Pin) -> bool:
    """Compare addresses; those of git, which each tool writes in its own way, by their commits.

    A lock does not say the address of what comes from an index, so a pin by address is then told by its hash.
    """
    if wanted.address is None or found.address is None:
        return True
    commits = [_COMMIT.findall(pin.address or "")[-1:] for pin in (wanted, found)]
    if all(commits):
        return commits[0] == commits[1]
    texts = [strip_credentials(pin.address or "").partition("#")[0] for pin in (wanted, found)]
    return texts[0] == texts[1]


def _plain(index: str | None) -> str | None:
    return None if index is None else strip_credentials(index).rstrip("/")


def _shown(pin: Pin) -> str:
    return f"`{pin.name} @ {strip_credentials(pin.address or '')}`"


def _index(pin: Pin) -> str:
    place = "the default index" if pin.index is None else f"`{strip_credentials(pin.index)}`"
    return f"`{pin.name}` from {place}"


def _digests(pin: Pin, other: Pin) -> str:
    """Show a hash that only one of the two has, else how many there are."""
    own = sorted(pin.hashes - other.hashes)
    if own:
        algorithm, digest = own[0]
        return f"`{algorithm}:{digest[:12]}…`" + (f" and {len(own) - 1} more" if len(own) > 1 else "")
    return f"{len(pin.hashes)} hashes of {len(other.hashes)}" if pin.hashes else "no hash"
