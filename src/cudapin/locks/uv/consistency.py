"""Do the entries of a `uv.lock` go together? What uv refuses as it reads one, though it is valid TOML.

A merge gone wrong or an edit by hand leaves such locks. The rules are those of `LockWire::try_from` and `Lock::new`
in uv: every edge leads to exactly one entry, no entry is there twice, one from an index has a version, and the wheels
of an entry are of its version. The files of an sdist are not held against it: their names need hold no version.

Most arrays pass by a count in their text; the rest are read and compared one by one.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

from cudapin.core.names import normalise
from cudapin.locks.uv.address import comparable_source
from cudapin.locks.uv.package import read_file
from cudapin.locks.uv.text import EdgeText, WheelText, lock_error

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from cudapin.core.lock import LockedFile, Source
    from cudapin.errors import LockError
    from cudapin.locks.uv.model import UvEdge, UvPackage, UvSource

__all__ = ["check_consistency"]

_EDGE_NAME = re.compile(r'^    \{ name = "([^"]*)"', re.MULTILINE)
# Five parts; six with a build number or, as in PEP 825, a variant label; seven with both.
_WHEEL = re.compile(
    r"[A-Za-z0-9](?:[\w.]*[A-Za-z0-9])?-[^-]+-(?:[0-9][\w.]*(?:-[\w.]+){4}|[\w.]+(?:-[\w.]+){2,3})\.whl", re.ASCII
)
_PLAIN = re.compile(r"[0-9]+(?:\.[0-9]+)*")
_ZEROS = re.compile(r"(?:\.0+)+\Z")


def check_consistency(source: Source, packages: Iterable[UvPackage]) -> None:
    """Raise LockError (CP205), with the line of the entry, for the first one that does not go with the others."""
    by_name: dict[str, list[UvPackage]] = {}
    for package in packages:
        by_name.setdefault(normalise(package.name), []).append(package)
        _check_version(source, package)
    for same_name in by_name.values():
        if len(same_name) > 1:
            _check_repetition(source, same_name)
    single = {name for name, found in by_name.items() if len(found) == 1}
    for package in packages:
        for edges in _edges(package, single):
            _check_edges(source, package, edges, by_name)


def _refusal(source: Source, package: UvPackage, what: str, why: str) -> LockError:
    return lock_error(source, f"cannot be read: {what}", why, line=package.line, key="package")


def _title(name: str, version: str | None) -> str:
    return f"`{name}`" if version is None else f"`{name}=={version}`"


def _check_version(source: Source, package: UvPackage) -> None:
    if package.version is None:
        if package.source.kind == "registry":
            why = "wanted a `version`, as every package of an index has, found none"
            raise _refusal(source, package, f"{_title(package.name, None)} has no version", why)
        return
    if isinstance(package.wheels, WheelText):
        if _are_of_version(package.wheels, package.version):
            return
        wheels: tuple[LockedFile, ...] = tuple(map(read_file, package.wheels.tables()))
    else:
        wheels = package.wheels
    for wheel in wheels:
        name = _wheel_name(wheel)
        if _WHEEL.fullmatch(name) is None:
            what = f"{_title(package.name, package.version)} has a file that is no wheel"
            why = f"wanted `name-version-python-abi-platform.whl`, found `{name}`"
            raise _refusal(source, package, what, why)
        if not _is_of_version(name, package.version):
            what = f"{_title(package.name, package.version)} has a wheel of another version"
            raise _refusal(source, package, what, f"wanted wheels of `{package.version}`, found `{name}`")


def _are_of_version(text: WheelText, version: str) -> bool:
    """Tell whether all wheels, one a line, are named as the first, and that is of the version, letter by letter."""
    address = text[text.find('url = "') + 7 : text.find('", hash')]
    name, _, rest = address[address.rfind("/") :].partition("-")
    found, dash, _ = rest.partition("-")
    if not dash or found.replace("%2B", "+") != version or "?" in text or "#" in text:
        return False
    if _WHEEL.fullmatch(f"{name[1:]}-1-py3-none-any.whl") is None:
        return False
    parts = text.split(f"{name}-{found}-")
    return len(parts) == text.count("\n") - 1 and all(_are_tags(part[: part.find('"')]) for part in parts[1:])


@lru_cache(maxsize=4096)
def _are_tags(text: str) -> bool:
    """Tell whether a wheel's name could end so, after its version."""
    return _WHEEL.fullmatch(f"name-1-{text}") is not None


def _wheel_name(wheel: LockedFile) -> str:
    if wheel.url is None:
        return wheel.name
    from urllib.parse import unquote

    return unquote(wheel.url.partition("#")[0].partition("?")[0].rpartition("/")[2])


def _is_of_version(wheel: str, version: str) -> bool:
    """Tell whether a wheel is of the version; uv lets it add a local version of its own."""
    parts = wheel.removesuffix(".whl").split("-", 2)
    if len(parts) < 3:  # noqa: PLR2004
        return False
    if parts[1] == version:
        return True
    found = _comparable_version(parts[1])
    return _comparable_version(version) in {found, found.partition("+")[0]}


@lru_cache(maxsize=1024)
def _comparable_version(text: str) -> str:
    """Return one spelling of all that are equal as versions; a text that is no version stays as it is."""
    if _PLAIN.fullmatch(text) and not re.search(r"(?:^|\.)0[0-9]", text):
        return _ZEROS.sub("", text)
    from packaging.utils import canonicalize_version

    return canonicalize_version(text)


def _check_repetition(source: Source, packages: list[UvPackage]) -> None:
    seen: dict[tuple[str | None, UvSource], UvPackage] = {}
    for package in packages:
        version = None if package.version is None else _comparable_version(package.version)
        first = seen.setdefault((version, package.source), package)
        # Two directories of one archive are two sources, and the directory is not kept.
        if first is not package and not (package.source.kind == "url" and "subdirectory = " in source.text):
            at = "" if first.line is None else f" in line {first.line}"
            what = f"{_title(package.name, package.version)} is there twice"
            raise _refusal(source, package, what, f"wanted one entry, found another of the same source{at}")


def _edges(package: UvPackage, single: set[str]) -> Iterator[Iterable[UvEdge]]:
    """Yield the arrays of edges that must be looked at: not those that name other, unambiguous packages, once each."""
    edges = package.edges
    if isinstance(edges, EdgeText) and ", version = " not in edges and ", source = " not in edges:
        names = _EDGE_NAME.findall(edges)
        if not (single.issuperset(names) and len(set(names)) == len(names)):
            yield package.dependencies
    else:
        yield package.dependencies
    yield from package.optional_dependencies.values()
    yield from package.dev_dependencies.values()


def _check_edges(
    source: Source, owner: UvPackage, edges: Iterable[UvEdge], by_name: Mapping[str, list[UvPackage]]
) -> None:
    seen: set[UvEdge] = set()
    for edge in edges:
        title = f"{_title(owner.name, owner.version)} requires {_title(edge.name, edge.version)}"
        named = by_name.get(normalise(edge.name), [])
        found = [package for package in named if _leads_to(edge, package)]
        if not found:
            entries = ", ".join(_title(package.name, package.version) for package in named) or "none"
            why = f"wanted an entry of that name, version and source, found {entries}"
            raise _refusal(source, owner, f"{title}, which it does not lock", why)
        missing = "version" if edge.version is None else "source" if edge.source is None else None
        if len(named) > 1 and (edge.source is None or (edge.version is None and found[0].version is not None)):
            why = f"wanted a version and a source, since {len(named)} entries have that name, found no {missing}"
            raise _refusal(source, owner, f"{title} and does not say which one", why)
        if edge in seen:
            raise _refusal(source, owner, f"{title} twice", "wanted each requirement once, found two that are the same")
        seen.add(edge)


def _leads_to(edge: UvEdge, package: UvPackage) -> bool:
    if edge.source is not None and edge.source != package.source:
        # uv compares an index letter by letter, and reads the other addresses first.
        kinds = {edge.source.kind, package.source.kind}
        if "registry" in kinds or comparable_source(edge.source) != comparable_source(package.source):
            return False
    if edge.version is None or edge.version == package.version:
        return True
    return package.version is not None and _comparable_version(edge.version) == _comparable_version(package.version)
