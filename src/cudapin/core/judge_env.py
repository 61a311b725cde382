"""Does the build environment hold what the lock says it builds with? Installed packages -> problems."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cudapin.core.fields import name_list
from cudapin.core.index import strip_credentials
from cudapin.errors import Code, Problem, Where

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Mapping

    from cudapin.core.judge_cuda import Bound
    from cudapin.core.lock import LockedFile, LockedPackage, Selection

__all__ = ["BuildRequirement", "Installed", "build_requirements", "judge_build_environment", "judge_surplus"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Installed:
    """One installed distribution; `url` and `url_hash` (SHA-256) are from its `direct_url.json` (PEP 610)."""

    name: str
    version: str
    url: str | None = None
    url_hash: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildRequirement:
    """One locked build requirement; with `url` and `sha256` where the lock binds it to an index of its own.

    The address is without credentials, since front ends print it: installers add those that the user has for the host.
    """

    package: LockedPackage
    url: str | None = None
    sha256: str | None = None

    def __str__(self) -> str:
        """Return it as PEP 508 text."""
        if self.url is not None:
            return f"{self.package.name} @ {self.url}#sha256={self.sha256}"
        return f"{self.package.name}=={self.package.version}"

    @property
    def is_installable(self) -> bool:
        """Whether an isolated build can be told to install just this: by its address, or from the default index.

        What comes from a directory, a repository or an index without addresses is never asked of the default index,
        where anybody could have put something of that name.
        """
        return self.url is not None or (self.package.kind == "registry" and self.package.index is None)

    @property
    def is_hashed(self) -> bool:
        """Whether the installer checks the file against the lock's hash."""
        return self.sha256 is not None


def build_requirements(
    selection: Selection, names: tuple[str, ...], is_usable: Callable[[LockedFile], bool]
) -> tuple[BuildRequirement, ...]:
    """Return the selected ones of the names with everything they require, as the lock pins them.

    `is_usable` tells which files the running interpreter could install; the first such wheel is taken.
    """
    closure = selection.closure(frozenset(names))
    result = []
    for package in selection.packages:
        if package.name in closure and package.version is not None:
            has_address = package.index or package.kind == "url"
            url, sha256 = _address(package, is_usable) if has_address else (None, None)
            result.append(BuildRequirement(package=package, url=url, sha256=sha256))
    return tuple(result)


def _address(package: LockedPackage, is_usable: Callable[[LockedFile], bool]) -> tuple[str | None, str | None]:
    wheels = [file for file in package.files if file.name.endswith(".whl") and is_usable(file)]
    for file in wheels or package.files:
        if file.url is not None and "://" in file.url and "sha256" in file.hashes:
            return strip_credentials(file.url), file.hashes["sha256"]
    return None, None


def judge_build_environment(
    requirements: tuple[BuildRequirement, ...],
    installed: Mapping[str, Installed],
    lock_path: str,
    fix: str,
    find_changed: Callable[[str], str | None],
    uv_sources: Container[str] = (),
) -> tuple[Problem, ...]:
    """Return a problem for each build requirement that is absent, of another version or origin, or was changed.

    `find_changed` gives the first file of an installed package that is not as its RECORD says, or None. `uv_sources`
    are the names for which uv drops an address, and with it version and hash, for an index of its own settings.
    """
    problems = []
    for requirement in requirements:
        package = requirement.package
        found = installed.get(package.name)
        if found is None and not requirement.is_installable:
            why = f"it comes from {_origin(package)}, and cannot be asked of the default index"
            problems.append(
                _absent(package, why, lock_path, f"install `{package.name}` and build with `--no-isolation`")
            )
        elif found is None:
            problems.append(_absent(package, "it is not installed", lock_path, fix))
        elif not _same_version(found.version, package.version or ""):
            problems.append(_absent(package, f"found `{package.name} {found.version}`", lock_path, fix))
        elif not _same_origin(requirement, found):
            problems.append(_of_another_origin(package, found, lock_path, fix, uv_sources))
        elif file := find_changed(package.name):
            problems.append(_changed(package, f"its file `{file}` is not as its RECORD says", lock_path, fix))
    return tuple(problems)


def judge_surplus(bound: tuple[Bound, ...], selection: Selection, variant: str, fix: str) -> tuple[Problem, ...]:
    """Return a problem for each installed CUDA-bound package that the variant does not select."""
    return tuple(
        Problem(
            code=Code.CP403,
            what=f"the build environment holds `{item.package.name}`, which variant `{variant}` does not select",
            why=f"a compiled wheel could take its headers or libraries; found `{item.package.name} "
            f"{item.package.version}` ({item.belonging.evidence}), "
            f"wanted {name_list(sorted(_bound_names(selection, bound)))}",
            fix=fix,
            variant=variant,
            package=item.package.name,
        )
        for item in bound
        if item.belonging.kind == "cuda" and selection.find(item.package.name) is None
    )


def _bound_names(selection: Selection, bound: tuple[Bound, ...]) -> set[str]:
    return {item.package.name for item in bound if selection.find(item.package.name) is not None}


def _origin(package: LockedPackage) -> str:
    if package.kind != "registry":
        return f"a {package.kind} source"
    if not package.index:
        return "an index that is not recorded"
    return f"`{strip_credentials(package.index)}`, without an address and a hash"


def _same_version(found: str, wanted: str) -> bool:
    from packaging.version import InvalidVersion, Version

    try:
        return Version(found) == Version(wanted)
    except InvalidVersion:
        return found == wanted


def _same_origin(requirement: BuildRequirement, found: Installed) -> bool:
    """A requirement with a URL must come from the file of that hash; one without, from an index or a locked file.

    uv compares the hash that it is asked for and writes none down, so there the address has to tell.
    """
    if requirement.sha256 is not None:
        if found.url_hash is None:
            return found.url is not None and _same_address(found.url, requirement)
        return found.url_hash == requirement.sha256
    if found.url is None:
        return True
    return found.url_hash in {file.hashes.get("sha256") for file in requirement.package.files}


def _of_another_origin(
    package: LockedPackage, found: Installed, lock_path: str, fix: str, uv_sources: Container[str]
) -> Problem:
    if found.url is not None:
        return _changed(package, f"it was installed from {strip_credentials(found.url)}", lock_path, fix)
    why = "it was installed from an index that the installer chose"
    if package.name in uv_sources:
        why += "; uv puts `[tool.uv.sources]` before the address and hash that the lock has"
        fix = f"uv build --no-sources, or give the source of `{package.name}` the `extra` or `group` that it is for"
    return _changed(package, why, lock_path, fix)


def _same_address(found: str, requirement: BuildRequirement) -> bool:
    """Compare addresses however they are quoted; a hash in the fragment of the one must not be another."""
    from urllib.parse import unquote

    address, _, fragment = strip_credentials(found).partition("#")
    wanted = strip_credentials(requirement.url or "").partition("#")[0]
    asked = dict(part.partition("=")[::2] for part in fragment.split("&"))
    return unquote(address) == unquote(wanted) and asked.get("sha256", requirement.sha256) == requirement.sha256


def _absent(package: LockedPackage, why: str, lock_path: str, fix: str) -> Problem:
    return Problem(
        code=Code.CP401,
        what=f"the build environment does not hold the locked `{package.name} {package.version}`",
        where=Where(path=lock_path, line=package.line, key=package.name),
        why=f"the lock pins `{package.name} {package.version}`, {why}",
        fix=fix,
        package=package.name,
    )


def _changed(package: LockedPackage, why: str, lock_path: str, fix: str) -> Problem:
    return Problem(
        code=Code.CP402,
        what=f"the installed `{package.name} {package.version}` is not the locked one",
        where=Where(path=lock_path, line=package.line, key=package.name),
        why=why,
        fix=fix,
        package=package.name,
    )
