"""The metadata hook: keeps metadata-only reads of a dynamic project in agreement with the wheel that follows."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

from cudapin.plugin.asked import asked
from cudapin.plugin.variables import is_read_by_hatch

if TYPE_CHECKING:
    from types import FrameType

__all__ = ["CudapinMetadataHook"]


class CudapinMetadataHook(MetadataHookInterface):
    """`[tool.hatch.metadata.hooks.cudapin]`. It never refuses: what is wrong is said by the build hook."""

    PLUGIN_NAME = "cudapin"

    def update(self, metadata: dict[str, Any]) -> None:
        """Stamp the metadata where a front end asks for a wheel's metadata alone, and nowhere else."""
        frame = sys._getframe()  # noqa: SLF001
        if asked().stamps_metadata or is_read_by_hatch() or not _is_wheel_metadata_read(frame):
            return
        before = set(metadata)
        try:
            stamp_table(Path(self.root), metadata)
        except Exception:  # noqa: BLE001  # the build hook meets it again and says so
            return
        added = metadata.keys() - before
        if not _adopt(frame, metadata, added):
            for field in added:
                del metadata[field]


def stamp_table(root: Path, metadata: dict[str, Any]) -> None:
    """Stamp a `[project]` table in place as the wheel's metadata will be. Raises CudapinError where it cannot."""
    from cudapin.adapters.project import has_build_hook
    from cudapin.builds.plan import plan_metadata
    from cudapin.gate import open_gate
    from cudapin.plugin.project_table import metadata_of_table, update_table
    from cudapin.plugin.variables import requested_variant
    from cudapin.run_variables import is_off

    gate = open_gate(root, os.environ)
    if is_off(os.environ) or not has_build_hook(gate.project, os.environ):
        return
    choice = gate.choose(requested_variant())
    if choice is not None and "version" in metadata:
        update_table(metadata, plan_metadata(gate, choice.variant, metadata_of_table(metadata)))


def _adopt(frame: FrameType | None, table: dict[str, Any], added: set[str]) -> bool:
    """Have hatchling take a stamped table as it is; tell whether the metadata object that asks was found.

    hatchling gives a hook the table alone. It refuses fields that the project neither states nor lists in `dynamic`
    (a variant's classifiers, where the project has none), and keeps the dynamic version it had before.
    """
    while frame is not None:
        project, core = frame.f_locals.get("self"), frame.f_locals.get("metadata")
        if frame.f_code.co_name == "core" and project is not None and core is not None:
            core.dynamic.extend(sorted(added))  # hatchling strikes them off again
            if "version" in project.dynamic:
                project.__class__ = _with_version(type(project), table["version"])
            return True
        frame = frame.f_back
    return False


def _with_version(base: type, version: str) -> type:
    """Return a subclass of hatchling's metadata class whose dynamic version is the stamped one."""

    def of_project(project: object) -> str:
        base.version.__get__(project)  # type: ignore[attr-defined]  # strikes `version` off the dynamic fields
        return version

    return type(base.__name__, (base,), {"version": property(of_project), "original_version": property(of_project)})


def _is_wheel_metadata_read(frame: FrameType | None) -> bool:
    """Tell whether the PEP 517 hook `prepare_metadata_for_build_wheel` is running.

    hatchling tells a metadata hook neither the target nor the caller, and sdists, editables and version queries
    must not be stamped: only the call stack knows.
    """
    while frame is not None:
        if frame.f_code.co_name == "prepare_metadata_for_build_wheel":
            return True
        frame = frame.f_back
    return False
