"""Between hatchling's metadata objects and plain values: reads what a stamp may change, and writes it back."""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING, Any

from cudapin.core.stamp import Metadata

if TYPE_CHECKING:
    from collections.abc import Callable

    from hatchling.metadata.core import ProjectMetadata

__all__ = ["metadata_of_project", "metadata_of_table", "restamp", "update_table"]


def metadata_of_project(project: ProjectMetadata[Any]) -> Metadata:
    """Return the resolved metadata of a project, static or dynamic."""
    core = project.core
    return Metadata(
        name=core.raw_name,
        version=project.version,
        dependencies=tuple(core.dependencies),
        optional_dependencies={name: tuple(items) for name, items in core.optional_dependencies.items()},
        classifiers=tuple(core.classifiers),
    )


def metadata_of_table(table: dict[str, Any]) -> Metadata:
    """Return the same from a `[project]` table whose dynamic fields are filled in."""
    extras: dict[str, list[str]] = table.get("optional-dependencies", {})
    return Metadata(
        name=table["name"],
        version=table["version"],
        dependencies=tuple(table.get("dependencies", ())),
        optional_dependencies={name: tuple(items) for name, items in extras.items()},
        classifiers=tuple(table.get("classifiers", ())),
    )


def update_table(table: dict[str, Any], stamped: Metadata) -> None:
    """Write stamped metadata into a `[project]` table; a field that stays empty is not added."""
    table["name"] = stamped.name
    table["version"] = stamped.version
    lists: dict[str, Any] = {
        "dependencies": list(stamped.dependencies),
        "optional-dependencies": {name: list(items) for name, items in stamped.optional_dependencies.items()},
        "classifiers": list(stamped.classifiers),
    }
    for key, value in lists.items():
        if value or key in table:
            table[key] = value


def restamp(project: ProjectMetadata[Any], stamped: Metadata) -> Callable[[], None]:
    """Make a hatchling metadata object speak of the stamped metadata; return what makes it speak as before.

    hatchling caches a dynamic version before metadata hooks run, and calls none for static metadata. Running the
    object's constructor again, with a configuration in which every dynamic field is filled in, changes both alike
    and touches no private attribute.
    """
    classifiers = [
        classifier for hook in project.hatch.metadata.hooks.values() for classifier in hook.get_known_classifiers()
    ]
    config = deepcopy(dict(project.config))
    table = deepcopy(dict(project.core.config))
    table["dynamic"] = [field for field in project.core.dynamic if field not in table]
    if not table["dynamic"]:
        del table["dynamic"]
    update_table(table, stamped)
    config["project"] = table
    original = project.config
    type(project).__init__(project, project.root, project.plugin_manager, config)
    project.core.add_known_classifiers(classifiers)

    def unstamp() -> None:
        type(project).__init__(project, project.root, project.plugin_manager, original)

    return unstamp
