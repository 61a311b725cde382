"""What an installer takes from a `pylock.toml`, by the steps of the standard ("Installation" of PEP 751).

1. extras and groups: those of the request; the `default-groups` of the lock always count, since they stand for what
   the project requires without any extra or group;
2. the version of the format was checked by the parser;
3. `requires-python` and 4. `environments` of the lock must admit the environment;
5. of each package (5.1) the marker must hold, (5.2) its `requires-python` must admit the environment, (5.3) no other
   entry of that name may be selected, (5.4) its source was checked by the parser, (5.5) it is selected;
6. which of its files is installed is left open: all of them stay listed, for every platform.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from cudapin.core.index import is_default_index, strip_credentials
from cudapin.core.locate import find_line
from cudapin.core.lock import Fork, LockedFile, LockedPackage, Selection
from cudapin.core.markers import (
    FALSE,
    TRUE,
    Junction,
    MarkerError,
    conjunction,
    disjunction,
    parse_marker,
    render_marker,
)
from cudapin.core.names import normalise
from cudapin.errors import Code, LockError, Problem, Where
from cudapin.locks.direct import parse_requirement
from cudapin.locks.lock_text import lock_error
from cudapin.locks.requirements.pins import is_strong_hash

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from packaging.markers import Marker as PackagingMarker
    from packaging.pylock import Package, PackageArchive, PackageSdist, PackageWheel
    from packaging.specifiers import SpecifierSet

    from cudapin.core.lock import Request, SourceKind
    from cudapin.core.markers import Marker
    from cudapin.locks.pylock.lock import Pylock

__all__ = ["file_name", "select_packages"]

_Chosen = dict[str, tuple[int, "Package"]]


def select_packages(lock: Pylock, request: Request, project: str | None, files_for: Callable[[str], bool]) -> Selection:
    """Return the selected packages. Raises LockError where an installer would refuse the environment or the lock."""
    groups = request.groups | set(lock.document.default_groups or ())  # step 1
    environment = {**request.environment, "extras": request.extras, "dependency_groups": frozenset(groups)}
    _check_environment(lock, environment)
    chosen, own = _choose(lock, environment, project)
    required = _edges(chosen)
    direct = _direct(chosen, own, required)
    packages = tuple(
        LockedPackage(
            name=name,
            version=None if package.version is None else str(package.version),
            kind=_kind(package),
            index=_index(package),
            files=tuple(_files(package)) if files_for(name) else (),
            line=lock.line(position),
            direct=name in direct,
            origin=_origin(package),
            dependencies=required.get(name, ()),
        )
        for name, (position, package) in sorted(chosen.items())
    )
    sets = {"extras": request.extras, "dependency_groups": frozenset(groups)}
    return Selection(packages=packages, forks=_forks(lock, project, sets))


def _check_environment(lock: Pylock, environment: Mapping[str, Any]) -> None:
    """Steps 3 and 4."""
    document = lock.document
    python = environment["python_full_version"]
    if document.requires_python is not None and not _admits(document.requires_python, python):
        wanted = f"Python `{document.requires_python}`"
        raise _other_environment(lock, "requires-python", wanted, f"Python {python}", None)
    markers = document.environments
    if markers and not any(_holds(lock, marker, environment, None, "requirement") for marker in markers):
        wanted = " or ".join(f"`{marker}`" for marker in markers[:3])
        found = f"Python {python} on {environment['sys_platform']} {environment['platform_machine']}"
        raise _other_environment(lock, "environments", wanted, found, None)


def _choose(lock: Pylock, environment: Mapping[str, Any], project: str | None) -> tuple[_Chosen, Package | None]:
    """Step 5; the entry of the project itself is returned apart."""
    chosen: _Chosen = {}
    own: Package | None = None
    for position, package in enumerate(lock.document.packages):
        if package.marker is not None and not _holds(lock, package.marker, environment, position, "lock_file"):
            continue  # step 5.1
        if lock.is_project(package, project):
            own = package
            continue
        python = environment["python_full_version"]
        if package.requires_python is not None and not _admits(package.requires_python, python):  # step 5.2
            wanted = f"Python `{package.requires_python}` for `{package.name}`"
            raise _other_environment(
                lock, f"packages[{position}].requires-python", wanted, f"Python {python}", position
            )
        if package.name in chosen:  # step 5.3
            raise _ambiguous(lock, package, chosen[package.name], position)
        chosen[package.name] = (position, package)  # step 5.5
    return chosen, own


def _admits(specifier: SpecifierSet, python: str) -> bool:
    """Tell whether a Python is admitted; `3.15.0+` is one built from source, which has no version of its own."""
    return specifier.contains(python.removesuffix("+"), prereleases=True)


def _holds(
    lock: Pylock,
    marker: PackagingMarker,
    environment: Mapping[str, Any],
    position: int | None,
    context: Literal["requirement", "lock_file"],
) -> bool:
    from packaging.markers import UndefinedComparison, UndefinedEnvironmentName

    try:
        return marker.evaluate(dict(environment), context=context)
    except (UndefinedComparison, UndefinedEnvironmentName, RecursionError) as error:
        line = lock.line(position) if position is not None else find_line(lock.source.text, "environments")
        key = "environments" if position is None else f"packages[{position}].marker"
        why = f"`{str(marker)[:200]}` compares what cannot be compared in a lock file"
        raise lock_error(lock.source, lock.remake, "holds a marker without meaning", why, line=line, key=key) from error


def _other_environment(lock: Pylock, key: str, wanted: str, found: str, position: int | None) -> LockError:
    path = lock.source.path
    line = find_line(lock.source.text, key) if position is None else lock.line(position)
    return LockError(
        Problem(
            code=Code.CP206,
            what=f"`{path}` is not for this Python and platform",
            where=Where(path=path, line=line, key=key),
            why=f"wanted {wanted}, found {found}",
            fix=f"use a Python and platform that it is for, or make it for this one too: {lock.remake}",
        )
    )


def _ambiguous(lock: Pylock, package: Package, other: tuple[int, Package], position: int) -> LockError:
    places = ((other[1].version, lock.line(other[0])), (package.version, lock.line(position)))
    found = " and ".join(f"`{version or 'no version'}` at line {line}" for version, line in places)
    what = f"selects `{package.name}` twice"
    why = f"wanted one entry whose marker holds, found {found}"
    return lock_error(lock.source, lock.remake, what, why, line=lock.line(position), key=f"packages[{position}].marker")


def _edges(chosen: _Chosen) -> Mapping[str, tuple[str, ...]]:
    """Return what each selected package requires, where the lock says it of all of them; else nothing.

    pdm does not say what an extra of a package brings, so with such a requirement its edges would not be all.
    """
    result: dict[str, tuple[str, ...]] = {}
    for name, (_, package) in chosen.items():
        names = _required_names(package)
        if names is None:
            return {}
        result[name] = tuple(sorted(names & chosen.keys() - {name}))
    return result


def _required_names(package: Package) -> set[str] | None:
    if package.dependencies is not None:
        return {normalise(str(item.get("name", ""))) for item in package.dependencies}
    pdm = (package.tool or {}).get("pdm")
    listed = pdm.get("dependencies") if isinstance(pdm, dict) else None
    if not isinstance(listed, list):
        return None
    requirements = [parse_requirement(item) for item in listed if isinstance(item, str)]
    if any(requirement is None or requirement.extras for requirement in requirements):
        return None
    return {normalise(requirement.name) for requirement in requirements if requirement is not None}


def _direct(chosen: _Chosen, own: Package | None, required: Mapping[str, tuple[str, ...]]) -> set[str]:
    """Return the names that the project asks for, as far as the lock tells.

    They stand in the entry of the project; else whatever no other package asks for must be asked for by it.
    """
    if own is not None and own.dependencies is not None:
        return _required_names(own) or set()
    return chosen.keys() - {name for names in required.values() for name in names} if required else set()


def _forks(lock: Pylock, project: str | None, sets: Mapping[str, frozenset[str]]) -> Mapping[str, tuple[Fork, ...]]:
    """Return the versions of each name in any environment, for these extras and groups."""
    markers: dict[str, dict[str, list[Marker]]] = {}
    for package in lock.document.packages:
        if package.version is None or lock.is_project(package, project):
            continue
        try:
            marker = TRUE if package.marker is None else _assign(parse_marker(str(package.marker)), sets)
        except MarkerError:
            continue
        if marker != FALSE:
            markers.setdefault(package.name, {}).setdefault(str(package.version), []).append(marker)
    return {
        name: tuple(_fork(version, disjunction(*found)) for version, found in versions.items())
        for name, versions in markers.items()
    }


def _fork(version: str, marker: Marker) -> Fork:
    return Fork(version=version, marker=None if marker == TRUE else render_marker(marker))


def _assign(marker: Marker, sets: Mapping[str, frozenset[str]]) -> Marker:
    """Return the marker with each question for an extra or group answered."""
    if isinstance(marker, Junction):
        join = conjunction if marker.op == "and" else disjunction
        return join(*(_assign(part, sets) for part in marker.parts))
    if marker.key not in sets:
        return marker
    return TRUE if (marker.value in map(normalise, sets[marker.key])) == (marker.op in ("in", "==")) else FALSE


def _kind(package: Package) -> SourceKind:
    if package.vcs is not None:
        return "git"
    if package.directory is not None:
        return "directory"
    if package.archive is not None:
        return "url" if package.archive.url else "path"
    return "registry"


def _origin(package: Package) -> str | None:
    """Return where a package comes from that no index has; a commit stands after a hash sign."""
    if package.vcs is not None:
        return f"{package.vcs.url or package.vcs.path}#{package.vcs.commit_id}"
    if package.directory is not None:
        return package.directory.path
    return None if package.archive is None else package.archive.url or package.archive.path


def _index(package: Package) -> str | None:
    """Return the index: None for the default one, "" where the lock does not record it."""
    if package.index is None:
        return ""
    return None if is_default_index(package.index) else strip_credentials(package.index)


def _files(package: Package) -> Iterator[LockedFile]:
    files: Sequence[PackageArchive | PackageSdist | PackageWheel | None]
    files = (package.archive, package.sdist, *(package.wheels or ()))
    for file in files:
        if file is not None:
            hashes = {name: digest.lower() for name, digest in file.hashes.items() if is_strong_hash(name, digest)}
            url = None if file.url is None else strip_credentials(file.url)
            yield LockedFile(name=file_name(file), url=url, hashes=hashes)


def file_name(file: PackageArchive | PackageSdist | PackageWheel) -> str:
    """Return the name of an artefact, which may be that of its path or address."""
    from urllib.parse import unquote, urlsplit

    name = getattr(file, "name", None)
    if isinstance(name, str) and name:
        return name
    if file.path:
        return file.path.replace("\\", "/").rpartition("/")[2]
    try:
        return unquote(urlsplit(file.url or "").path.rpartition("/")[2])
    except ValueError:
        return ""
