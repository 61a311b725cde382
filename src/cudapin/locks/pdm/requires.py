"""What a project asks for, by group, as pdm reads it: `default`, its extras, and its dependency groups of both kinds.

The rules are those of `Project._resolve_dependencies` of pdm 2.29: an extra hides a dependency group of the same
name, and a requirement on the project itself stands for the extras (in a dependency group also groups) it names.
"""

from __future__ import annotations

import fnmatch
from typing import TYPE_CHECKING, Any

from cudapin.core.index import is_default_index, strip_credentials
from cudapin.core.names import normalise
from cudapin.locks.direct import parse_requirement
from cudapin.locks.pdm.hash import pdm_normalise, tool_pdm
from cudapin.locks.pdm.package import name_of_line

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from cudapin.core.lock import Pyproject
    from cudapin.locks.pdm.package import PdmPackage

__all__ = ["all_groups", "find_index", "group_requirements", "resolution_names"]


def all_groups(pyproject: Pyproject) -> frozenset[str]:
    """Return the names of all groups that pdm could lock, `default` among them."""
    extras, groups = _by_name(pyproject)
    return frozenset({"default", *extras, *groups})


def group_requirements(pyproject: Pyproject, names: Iterable[str]) -> tuple[str, ...]:
    """Return the requirements of these groups as written, references followed; unknown groups have none."""
    extras, groups = _by_name(pyproject)
    project = _table(pyproject.table, "project")
    own = normalise(str(project.get("name", "")))
    todo, done, found = list(names), set[str](), list[str]()
    while todo:
        name = todo.pop(0)
        if name in done:
            continue
        done.add(name)
        items = project.get("dependencies") if name == "default" else extras.get(name, groups.get(name, ()))
        for item in items if isinstance(items, (list, tuple)) else ():
            if isinstance(item, dict):
                include = item.get("include-group")
                todo += [pdm_normalise(include)] if isinstance(include, str) else []
            elif isinstance(item, str) and name_of_line(item) == own:
                requirement = parse_requirement(item)
                todo += [pdm_normalise(extra) for extra in sorted(requirement.extras)] if requirement else []
            elif isinstance(item, str):
                found.append(item)
    return tuple(found)


def resolution_names(pyproject: Pyproject | None, key: str) -> frozenset[str]:
    """Return the normalised names in `tool.pdm.resolution.<key>`: the keys of a table or the items of a list."""
    if pyproject is None:
        return frozenset()
    value = _table(_settings(pyproject), "resolution").get(key, ())
    items = value if isinstance(value, (list, dict)) else ()
    return frozenset(name for item in items if isinstance(item, str) and (name := name_of_line(item)))


def find_index(package: PdmPackage, pyproject: Pyproject | None) -> str | None:
    """Return the index that a locked package comes from: None for the default one, `""` where nothing tells.

    The lock itself does not record it. The project's sources do where only one of them may serve the package, and
    the addresses of the files where they lie below that of one source.
    """
    if package.kind != "registry":
        return None
    sources = _sources(pyproject)
    is_closed = any(source.get("name") == "pypi" for source in sources)
    including = [source for source in sources if _matches(source, "include_packages", package.name)]
    serving = including or [source for source in sources if not _matches(source, "exclude_packages", package.name)]
    if len(serving) != 1 or not (including or is_closed):
        urls = [file.url for file in package.files]
        serving = [source for source in sources if _is_below(urls, strip_credentials(source["url"]).rstrip("/"))]
        if len(serving) != 1:
            return ""
    url = strip_credentials(serving[0]["url"])
    return None if is_default_index(url) else "" if "${" in url else url


def _sources(pyproject: Pyproject | None) -> Sequence[Mapping[str, Any]]:
    found = _settings(pyproject).get("source") if pyproject is not None else None
    items = found if isinstance(found, list) else ()
    return [item for item in items if isinstance(item, dict) and isinstance(item.get("url"), str)]


def _matches(source: Mapping[str, Any], key: str, name: str) -> bool:
    patterns = source.get(key)
    texts = [item.lower().replace("_", "-") for item in patterns or () if isinstance(item, str)]
    return isinstance(patterns, list) and any(fnmatch.fnmatch(name, pattern) for pattern in texts)


def _is_below(urls: Sequence[str | None], base: str) -> bool:
    return bool(urls) and all(url is not None and url.startswith(f"{base}/") for url in urls)


def _by_name(pyproject: Pyproject) -> tuple[dict[str, Any], dict[str, list[Any]]]:
    """Return the extras and the dependency groups by their normalised names."""
    extras = _table(_table(pyproject.table, "project"), "optional-dependencies")
    groups: dict[str, list[Any]] = {}
    for table in (_table(pyproject.table, "dependency-groups"), _table(_settings(pyproject), "dev-dependencies")):
        for name, items in table.items():
            groups.setdefault(pdm_normalise(name), []).extend(items if isinstance(items, list) else [])
    return {pdm_normalise(name): items for name, items in extras.items()}, groups


def _settings(pyproject: Pyproject) -> Mapping[str, Any]:
    try:
        return tool_pdm(pyproject)
    except ValueError:
        return {}


def _table(table: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = table.get(key)
    return value if isinstance(value, dict) else {}
