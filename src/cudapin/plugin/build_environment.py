"""The environment type `cudapin-build`: hatch's build environment, one for each variant.

`hatch build` keeps its environment, and what one variant needs would stay for the next.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Any

import click
from hatch.env.virtual import VirtualEnvironment

__all__ = ["CudapinBuildEnvironment"]


class CudapinBuildEnvironment(VirtualEnvironment):  # type: ignore[misc]
    """`hatch-build`, as the collector makes it: of the variant that `CUDAPIN_VARIANT` names, else of the default."""

    PLUGIN_NAME = "cudapin-build"

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 (hatch's own)
        super().__init__(*args, **kwargs)
        self._all: list[Any] = []
        _take_for_hatchling(self.metadata.build)
        # Here and not above: hatch loads this module for every command that knows any environment of ours.
        from cudapin.errors import CudapinError
        from cudapin.plugin.gates import gate_of_this_command

        with suppress(CudapinError):  # the build says it
            gate = gate_of_this_command(Path(str(self.root)), dict(os.environ))
            choice = gate.choose(os.environ.get("CUDAPIN_VARIANT") or None)
            if choice is not None:
                self._all = [self._place(name) for name in gate.config.variants]
                self.virtual_env_path = self._place(choice.variant.name)
                self.virtual_env = self._virtual_env(self.virtual_env_path)

    def exists(self) -> bool:
        """Tell whether it has been created; for the commands that remove it, whether that of any variant has."""
        context = click.get_current_context(silent=True)
        if context is not None and context.info_name in ("remove", "prune"):
            return super().exists() or any(place.is_dir() for place in self._all)
        return bool(super().exists())

    def remove(self) -> None:
        """Remove the environments of all variants."""
        for place in self._all:
            if place.is_dir():
                self._virtual_env(place).remove()
        super().remove()

    def _place(self, variant: str) -> Any:  # noqa: ANN401 (a path of hatch's own)
        return self.storage_path / f"{self.name}-{variant}"

    def _virtual_env(self, place: Any) -> Any:  # noqa: ANN401
        return self.virtual_env_cls(place, self.platform, self.verbosity)


def _take_for_hatchling(build: Any) -> None:  # noqa: ANN401 (hatchling's BuildMetadata)
    """Have hatch build a project whose backend is `cudapin.build` as one of hatchling's, which it is.

    hatch knows hatchling by the name of its backend. For every other it drops the options of `hatch build` and the
    versions of a target, and `hatch clean` builds.
    """
    if build.build_backend == "cudapin.build":
        build.__class__ = type("BuildMetadata", (type(build),), {"build_backend": "hatchling.build"})
