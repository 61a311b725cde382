"""The metadata of a wheel to come, for front ends that ask before they build (PEP 517, PEP 660). Never refuses."""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hatchling.build
from hatchling.builders.wheel import WheelBuilder

from cudapin.errors import CudapinError
from cudapin.plugin.asked import asked, asking, choose_asked, open_asked
from cudapin.plugin.backend import BUILT, asking_for
from cudapin.plugin.variables import is_read_by_hatch, user_environ

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["prepare_editable", "prepare_wheel"]

_ADD_NO_DEPENDENCIES = frozenset({"cudapin", "version", "vcs"})
"""Build hooks of which it is known that they add no dependencies while they build (as hatch knows it, too)."""


def prepare_wheel(directory: str, settings: Mapping[str, Any] | None) -> str:
    """Write METADATA as the wheel's will be into a `.dist-info` folder; return the folder's name."""
    with asking_for(settings), asking(replace(asked(), stamps_metadata=True)):
        builder = WheelBuilder(str(Path.cwd()))
        if _only_a_build_tells(builder) and not is_read_by_hatch() and not _will_be_refused():
            found = _build_for_metadata(directory, hatchling.build.build_wheel)
            if found is not None:
                return found
        if not is_read_by_hatch():
            _stamp(builder)
        text = builder.config.core_metadata_constructor(builder.metadata)
        return _write(directory, f"{builder.artifact_project_id}.dist-info", text.encode())


def prepare_editable(directory: str, settings: Mapping[str, Any] | None) -> str:
    """Write METADATA as that of an editable wheel will be, which has no stamp; return the folder's name."""
    with asking_for(settings):
        if _only_a_build_tells(WheelBuilder(str(Path.cwd()))):
            found = _build_for_metadata(directory, hatchling.build.build_editable)
            if found is not None:
                return found
        return hatchling.build.prepare_metadata_for_build_editable(directory)


def _only_a_build_tells(builder: WheelBuilder) -> bool:
    """Tell whether a build hook may add dependencies that only a build brings to light.

    For that, pip builds a wheel with hatchling where it wants metadata, and uv does where dependencies are dynamic
    (it knows hatchling by the name of its backend). Other front ends take what hatchling says without a build.
    """
    if set(builder.config.hook_config) <= _ADD_NO_DEPENDENCIES:
        return False
    dynamic = builder.metadata.config.get("project", {}).get("dynamic", ())
    return "PIP_BUILD_TRACKER" in os.environ or not {"dependencies", "optional-dependencies"}.isdisjoint(dynamic)


def _will_be_refused() -> bool:
    """Tell whether the wheel would be refused before anything is compiled; then its build tells nothing."""
    from cudapin.builds.judgement import judge_wheel
    from cudapin.run_variables import is_off

    try:
        environ = user_environ()
        if is_off(environ):
            return False
        gate = open_asked(Path.cwd(), environ)
        return _runs_hook(gate.project) and bool(judge_wheel(gate, choose_asked(gate), compiled=False).errors)
    except CudapinError:
        return True


def _build_for_metadata(directory: str, build: Callable[[str], str]) -> str | None:
    """Build a wheel and write its METADATA; None where cudapin refuses it. The wheel is kept for the build to come."""
    folder = Path(directory, BUILT)
    folder.mkdir()
    try:
        wheel = folder / build(str(folder))
    except SystemExit as end:
        shutil.rmtree(folder)
        if not isinstance(end.__context__, CudapinError):
            raise
        _say("cudapin: a wheel would be refused as said above; its metadata alone are not")
        return None
    from zipfile import ZipFile

    with ZipFile(wheel) as archive:
        name = next(item for item in archive.namelist() if item.endswith(".dist-info/METADATA"))
        text = archive.read(name)
    if asked().label is not None:  # the wheel with a label is built anew
        shutil.rmtree(folder)
    return _write(directory, name.split("/", maxsplit=1)[0], text)


def _say(text: str) -> None:
    from hatchling.bridge.app import Application

    Application().display_warning(text)


def _stamp(builder: WheelBuilder) -> None:
    """Have hatchling speak of the variant's wheel, as the build hook will; whatever is wrong, the build says it."""
    from cudapin.builds.plan import plan_metadata
    from cudapin.plugin.project_table import metadata_of_project, restamp
    from cudapin.run_variables import is_off

    with suppress(Exception):
        environ = user_environ()
        if is_off(environ):
            return
        gate = open_asked(Path.cwd(), environ)
        if _runs_hook(gate.project) and (choice := choose_asked(gate)) is not None:
            restamp(builder.metadata, plan_metadata(gate, choice.variant, metadata_of_project(builder.metadata)))


def _runs_hook(project: Any) -> bool:  # noqa: ANN401
    from cudapin.adapters.project import has_build_hook

    return has_build_hook(project, user_environ())


def _write(directory: str, name: str, text: bytes) -> str:
    folder = Path(directory, name)
    folder.mkdir(exist_ok=True)
    (folder / "METADATA").write_bytes(text)
    return name
