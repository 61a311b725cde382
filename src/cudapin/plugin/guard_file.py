"""Where the runtime guard goes in a wheel: the place that hatchling's own file selection gives the stub."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cudapin.builds.guard import not_in_wheel

if TYPE_CHECKING:
    from hatchling.builders.config import BuilderConfig

    from cudapin.gate import Gate

__all__ = ["find_target"]


def find_target(gate: Gate, config: BuilderConfig, build_data: dict[str, Any]) -> str:
    """Return the target of a `force_include` entry that takes the stub's place in the wheel.

    Such an entry keeps hatchling from also adding the file that would otherwise stand there; its target is mapped
    once more by `sources`, so what is returned is the path that is mapped to the stub's place. Raises ConfigError
    (CP115) where the wheel has no stub, or gets it in a way that cannot be kept from adding it.
    """
    path = gate.config.guard or ""
    stub = os.path.normpath(Path(config.root, path))
    with config.set_build_data(build_data):
        forced = [os.path.normpath(source) for source in config.get_force_include()]
        files = [file for file in config.builder.recurse_included_files() if os.path.normpath(file.path) == stub]
    if stub in forced:
        raise not_in_wheel(
            gate,
            "it is named by `force-include`, which adds a file whatever stands in its place",
            f"select `{path}` by `packages` or `include` instead",
        )
    places = {file.distribution_path.replace(os.sep, "/") for file in files}
    for place in places if len(places) == 1 else ():
        for target in (path, place):
            if config.get_distribution_path(target.replace("/", os.sep)).replace(os.sep, "/") == place:
                return target
    raise not_in_wheel(
        gate,
        f"wanted it once among the files of the wheel, found it {len(places)} times"
        if len(places) != 1
        else f"no path is mapped to its place `{min(places)}` in the wheel",
        f"let `[tool.hatch.build.targets.wheel]` select `{path}`, and no `.gitignore` leave it out",
    )
