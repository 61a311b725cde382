"""Plugin registration: hatchling and hatch load this module for every project, so each import sits in its function."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hatchling.plugin import hookimpl

if TYPE_CHECKING:
    from cudapin.plugin.build_environment import CudapinBuildEnvironment
    from cudapin.plugin.build_hook import CudapinBuildHook
    from cudapin.plugin.collector import CudapinCollector
    from cudapin.plugin.environment import CudapinEnvironment
    from cudapin.plugin.metadata_hook import CudapinMetadataHook


@hookimpl
def hatch_register_build_hook() -> type[CudapinBuildHook]:
    """Register the build hook `cudapin`."""
    from cudapin.plugin.build_hook import CudapinBuildHook

    return CudapinBuildHook


@hookimpl
def hatch_register_metadata_hook() -> type[CudapinMetadataHook]:
    """Register the metadata hook `cudapin`."""
    from cudapin.plugin.metadata_hook import CudapinMetadataHook

    return CudapinMetadataHook


@hookimpl
def hatch_register_environment() -> list[type[CudapinEnvironment | CudapinBuildEnvironment]]:
    """Register the environment types `cudapin` and `cudapin-build`."""
    from cudapin.plugin.build_environment import CudapinBuildEnvironment
    from cudapin.plugin.environment import CudapinEnvironment

    return [CudapinEnvironment, CudapinBuildEnvironment]


@hookimpl
def hatch_register_environment_collector() -> type[CudapinCollector]:
    """Register the environment collector `cudapin`."""
    from cudapin.plugin.collector import CudapinCollector

    return CudapinCollector
