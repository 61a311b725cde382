"""Settings that a `uv.lock` depends on: resolution options, `exclude-newer`, indexes, static metadata."""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING, Any

from cudapin.core.index import is_default_index, strip_credentials
from cudapin.core.names import normalise
from cudapin.core.specifiers import canonical_specifier
from cudapin.locks.uv.address import plain_address
from cudapin.locks.uv.project import UnjudgeableError
from cudapin.locks.uv.requires import specifier_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from cudapin.locks.uv.lock import UvLock
    from cudapin.locks.uv.model import UvPackage

__all__ = ["Finding", "compare_metadata", "compare_newer", "compare_options", "foreign_newer", "missing_indexes"]

Finding = tuple[str, str, str]
"""The key in the lock, what the project wants, and what the lock has."""

_PRERELEASE_DEFAULTS = frozenset({"if-necessary", "if-necessary-or-explicit"})
_NEWER = "exclude-newer"


def compare_options(lock: UvLock, settings: Mapping[str, Any]) -> Iterator[Finding]:
    """Yield resolution options that differ; a missing one means its default."""
    options = lock.header.get("options", {})
    for key, setting, defaults, others in (
        ("resolution-mode", "resolution", frozenset({"highest"}), {"lowest", "lowest-direct"}),
        ("fork-strategy", "fork-strategy", frozenset({"requires-python"}), {"fewest"}),
        ("prerelease-mode", "prerelease", _PRERELEASE_DEFAULTS, {"allow", "disallow", "explicit"}),
    ):
        wanted, found = settings.get(setting), options.get(key)
        if wanted is not None and wanted not in [*defaults, *others]:
            known = ", ".join(f"`{name}`" for name in sorted({*defaults, *others}))
            why = f"`{wanted}` is none of {known}: uv warns, and locks without any setting of that file"
            raise UnjudgeableError(why, "tool", "uv", setting)
        wanted, found = (None if value in defaults else value for value in (wanted, found))
        if wanted != found:
            default = min(defaults)
            yield (f"options.{key}", f"`{setting} = {wanted or default}`", f"`{found or default}`")
    wanted_map, found_map = settings.get("prerelease-package") or {}, options.get("prerelease-package", {})
    if {normalise(name): mode for name, mode in _items(wanted_map)} != found_map:
        yield ("options.prerelease-package", f"`{_show(wanted_map)}`", f"`{_show(found_map)}`")


def _items(value: object) -> Iterable[tuple[str, object]]:
    return value.items() if isinstance(value, dict) else ()


def _show(value: object) -> str:
    return ", ".join(f"{name} = {mode}" for name, mode in sorted(_items(value))) or "none"


def foreign_newer(lock: UvLock, settings: Mapping[str, Any]) -> str | None:
    """Return the global `exclude-newer` of a lock that no project file sets: the user's own setting made it."""
    options = lock.header.get("options", {})
    if _NEWER not in options or _NEWER in settings:
        return None
    return str(options.get(f"{_NEWER}-span", options[_NEWER]))


def compare_newer(lock: UvLock, settings: Mapping[str, Any]) -> Iterator[Finding]:
    """Yield limits by upload time under which the lock does not stand."""
    options = lock.header.get("options", {})
    locked = {f"options.{_NEWER}": (options.get(_NEWER), options.get(f"{_NEWER}-span"))}
    wanted = {f"options.{_NEWER}": settings.get(_NEWER)}
    key = f"{_NEWER}-package"
    locked |= {f"options.{key}.{name}": (value, None) for name, value in options.get(key, {}).items()}
    wanted |= {f"options.{key}.{normalise(name)}": value for name, value in _items(settings.get(key))}
    for path in sorted(locked.keys() | wanted.keys()):
        finding = _compare_limit(path, wanted.get(path), *locked.get(path, (None, None)))
        if finding is not None and not (path == f"options.{_NEWER}" and wanted[path] is None):
            yield finding


def _compare_limit(path: str, setting: object, value: object, span: object) -> Finding | None:
    if setting is None and value is None:
        return None
    wanted_text = "no such setting" if setting is None else f"`{setting}`"
    found_text = "none" if value is None else f"`{span or (value.get('span') if isinstance(value, dict) else value)}`"
    if setting is None:
        return (path, wanted_text, found_text)
    from cudapin.locks.uv.newer import is_satisfied, parse_newer, read_locked_newer

    wanted, found = parse_newer(setting), read_locked_newer(value, span)
    if wanted is not None and value is None:
        return (path, wanted_text, found_text)
    if wanted is None or found is None:
        raise UnjudgeableError(f"`{setting}` cannot be compared with `{value}`", "tool", "uv", _NEWER)
    return None if is_satisfied(wanted, found) else (path, wanted_text, found_text)


def _configured_indexes(settings: Mapping[str, Any]) -> tuple[list[str], bool, bool]:
    """Return the addresses of all configured indexes, whether one is the default, and whether any is configured."""
    urls: list[str] = []
    has_default = False
    names: set[str] = set()
    indexes = settings.get("index") or []
    if not isinstance(indexes, list) or not all(isinstance(i, dict) and isinstance(i.get("url"), str) for i in indexes):
        raise UnjudgeableError("each index needs a `url`", "tool", "uv", "index")
    for index in indexes:
        name = str(index.get("name", ""))
        if name in names:
            raise UnjudgeableError(f"two indexes are called `{name}`", "tool", "uv", "index")
        names |= {name} - {""}
        if index.get("default") is True and has_default:
            continue
        has_default = has_default or index.get("default") is True
        urls.append(index["url"])
    if isinstance(settings.get("index-url"), str):
        urls.append(settings["index-url"])
        has_default = True
    for key in ("extra-index-url", "find-links"):
        items = settings.get(key)
        urls += [item for item in (items if isinstance(items, list) else [items]) if isinstance(item, str)]
    return urls, has_default, bool(urls) or settings.get("no-index") is True


def missing_indexes(
    lock: UvLock, settings: Mapping[str, Any], directory: str, named: Iterable[str]
) -> Iterator[tuple[UvPackage, str]]:
    """Yield packages from an index that is neither configured nor named by a requirement.

    When no index is configured at all, uv takes every recorded one. `directory` is where relative paths start.
    """
    urls, has_default, is_configured = _configured_indexes(settings)
    if not is_configured:
        return
    if settings.get("no-index") is True:
        items = settings.get("find-links")
        urls = [item for item in (items if isinstance(items, list) else [items]) if isinstance(item, str)]
        has_default = True
    allowed = {_comparable(url, directory) for url in urls} | {_comparable(url, ".") for url in named}
    paths = [url.removeprefix("file://") for url in allowed if "://" not in url or url.startswith("file://")]
    for package in lock.packages:
        kind, address = package.source
        if kind != "registry" or _comparable(address, ".") in allowed:
            continue
        if not has_default and is_default_index(address):
            continue
        if "://" not in address and any(_is_same_path(address, path) for path in paths):
            continue
        yield package, strip_credentials(address)


def _comparable(url: str, directory: str) -> str:
    if "://" in url:
        return plain_address(url)
    return posixpath.normpath(posixpath.join(directory, url.replace("\\", "/").removeprefix("file:")))


def _is_same_path(recorded: str, configured: str) -> bool:
    recorded = posixpath.normpath(recorded)
    return recorded == configured or (posixpath.isabs(configured) and configured.endswith("/" + recorded.lstrip("./")))


def compare_metadata(lock: UvLock, settings: Mapping[str, Any]) -> Iterator[Finding]:
    """Yield when `tool.uv.dependency-metadata` differs from the lock's `manifest.dependency-metadata`."""
    items = settings.get("dependency-metadata") or []
    if not isinstance(items, list) or not all(isinstance(item, dict) and "name" in item for item in items):
        raise UnjudgeableError("it is not an array of tables", "tool", "uv", "dependency-metadata")
    recorded = lock.header.get("manifest", {}).get("dependency-metadata", [])
    wanted, found = ({_static_entry(item) for item in side} for side in (items, recorded))
    if wanted != found:
        names = [", ".join(f"`{entry[0]}`" for entry in sorted(side, key=str)) or "none" for side in (wanted, found)]
        suffix = " with other values" if names[0] == names[1] else ""
        yield ("manifest.dependency-metadata", names[0], names[1] + suffix)


def _static_entry(table: Mapping[str, Any]) -> tuple[object, ...]:
    """Return an entry in comparable form; the order of its requirements and extras counts."""
    from packaging.requirements import InvalidRequirement
    from packaging.utils import canonicalize_version

    try:
        requires = tuple(_static_requirement(text) for text in table.get("requires-dist", ()))
        extras = tuple(normalise(extra) for extra in table.get("provides-extras", ()))
    except (InvalidRequirement, TypeError) as error:
        raise UnjudgeableError(str(error), "tool", "uv", "dependency-metadata") from error
    return (
        normalise(str(table["name"])),
        canonicalize_version(str(table.get("version", ""))),
        requires,
        canonical_specifier(str(table.get("requires-python", ""))),
        extras,
    )


def _static_requirement(text: str) -> tuple[object, ...]:
    from packaging.requirements import Requirement

    requirement = Requirement(text)
    return (
        normalise(requirement.name),
        tuple(sorted(map(normalise, requirement.extras))),
        canonical_specifier(specifier_text(text) if requirement.specifier else ""),
        requirement.url,
        str(requirement.marker),
    )
