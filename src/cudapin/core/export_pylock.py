"""The export as a `pylock.toml` (PEP 751), for `pip install -r pylock.toml` and `uv pip sync pylock.toml`.

Each package names its index and the address and hash of each file that the target could install, so nothing is looked
for anywhere. `environments` says which Python and platform it is for: installers refuse it elsewhere. `[tool.cudapin]`
holds the variant and the lock file that it was made from.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from cudapin.core.export import Export, address_of, hashes_of, header_lines, installed, usable_files
from cudapin.core.index import strip_credentials
from cudapin.errors import Code, LockError, Problem, Where

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from packaging.pylock import Package

    from cudapin.core.export import Recipe
    from cudapin.core.lock import LockedFile, LockedPackage, Selection
    from cudapin.core.target import Target

__all__ = ["render_pylock"]

_BOUND = ("implementation_name", "platform_machine", "python_version", "sys_platform")


def render_pylock(selection: Selection, recipe: Recipe, target: Target) -> Export:
    """Return the `pylock.toml` of a selection in which `judge_export` found no error.

    Raises LockError (CP211) for an address from which no file name can be told.
    """
    from packaging.markers import Marker
    from packaging.pylock import Pylock, PylockValidationError
    from packaging.specifiers import SpecifierSet
    from packaging.version import Version

    environment = " and ".join(f"{name} == '{target.environment[name]}'" for name in _BOUND)
    try:
        document = Pylock(
            lock_version=Version("1.0"),
            environments=[Marker(environment)],
            requires_python=SpecifierSet(recipe.requires_python) if recipe.requires_python else None,
            created_by="cudapin",
            packages=[_package(package, target) for package in installed(selection)],
            tool={"cudapin": _tool(recipe)},
        )
        document.validate()
    except (PylockValidationError, ValueError) as error:
        problem = Problem(
            code=Code.CP211,
            what=f"`{recipe.lock}` cannot be exported as a pylock",
            where=Where(path=recipe.lock),
            why=f"the file would not be valid: {error}",
            fix="lock again, or use `--to requirements`",
        )
        raise LockError(problem) from error
    return Export(text="\n".join([*header_lines(recipe), *_document_lines(document.to_dict())]) + "\n")


def _tool(recipe: Recipe) -> dict[str, Any]:
    chosen: dict[str, Any] = {"variant": recipe.variant} if recipe.variant is not None else {}
    if recipe.variant is None:
        chosen = {"extras": sorted(recipe.extras), "groups": sorted(recipe.groups)}
    return {**chosen, "lock": {"path": recipe.lock, "sha256": recipe.sha256}}


def _package(package: LockedPackage, target: Target) -> Package:
    from packaging.pylock import Package, PackageArchive
    from packaging.utils import canonicalize_name
    from packaging.version import Version

    name = canonicalize_name(package.name)
    version = None if package.version is None else Version(package.version)
    if package.kind == "git":
        return Package(name=name, version=version, vcs=_vcs(package.origin or ""))
    files = [file for file in usable_files(package, target) if address_of(file) and hashes_of(file)]
    if package.kind == "url":
        archive = PackageArchive(url=address_of(files[0]), hashes=dict(hashes_of(files[0])))
        return Package(name=name, version=version, archive=archive)
    return Package(
        name=name,
        version=version,
        index=strip_credentials(package.index) if package.index else None,
        sdist=next((_sdist(file) for file in files if not file.name.endswith(".whl")), None),
        wheels=[_wheel(file) for file in files if file.name.endswith(".whl")] or None,
    )


def _wheel(file: LockedFile) -> Any:  # noqa: ANN401 - the type is packaging's, which is imported late
    from packaging.pylock import PackageWheel

    return PackageWheel(name=file.name, url=address_of(file), hashes=dict(hashes_of(file)))


def _sdist(file: LockedFile) -> Any:  # noqa: ANN401
    from packaging.pylock import PackageSdist

    return PackageSdist(name=file.name, url=address_of(file), hashes=dict(hashes_of(file)))


def _vcs(origin: str) -> Any:  # noqa: ANN401
    """Read the address of uv's form: `https://index.example/it?rev=main&subdirectory=part#<commit>`."""
    from packaging.pylock import PackageVcs

    address, _, commit = strip_credentials(origin).partition("#")
    address, _, query = address.partition("?")
    wanted = {key: values[0] for key, values in parse_qs(query).items()}
    return PackageVcs(
        type="git",
        url=address.removeprefix("git+"),
        requested_revision=next((wanted[key] for key in ("rev", "tag", "branch") if key in wanted), None),
        commit_id=commit,
        subdirectory=wanted.get("subdirectory"),
    )


def _document_lines(document: Mapping[str, Any]) -> Iterator[str]:
    """Render what a pylock file is made of: plain keys, `[[packages]]`, `[tool.cudapin]`; nested tables inline."""
    yield from _key_lines(document, leave_out=("packages", "tool"))
    for package in document["packages"]:
        yield from ("", "[[packages]]", *_key_lines(package))
    for name, table in document.get("tool", {}).items():
        yield from ("", f"[tool.{name}]", *_key_lines(table))


def _key_lines(table: Mapping[str, Any], leave_out: Sequence[str] = ()) -> Iterator[str]:
    for key, value in table.items():
        if key in leave_out:
            continue
        if isinstance(value, (list, tuple)) and value and isinstance(value[0], dict):
            yield from (f"{key} = [", *(f"    {_value(item)}," for item in value), "]")
        else:
            yield f"{key} = {_value(value)}"


def _value(value: Any) -> str:  # noqa: ANN401
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {_value(item)}" for key, item in value.items()) + " }"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(_value, value)) + "]"
    return json.dumps(str(value), ensure_ascii=False).replace("\x7f", "\\u007f")
