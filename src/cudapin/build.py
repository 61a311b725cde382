"""The build backend `cudapin.build`: `hatchling.build`, told by `-C variant=NAME` which variant to build.

Every hook of PEP 517 and PEP 660 is here; what hatchling may add later is handed through. Front ends import this module
in a process of its own for each hook, so that everything else is imported where it is used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import hatchling.build

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "build_editable",
    "build_sdist",
    "build_wheel",
    "get_requires_for_build_editable",
    "get_requires_for_build_sdist",
    "get_requires_for_build_wheel",
    "prepare_metadata_for_build_wheel",
]


def __getattr__(name: str) -> Any:  # noqa: ANN401
    """Hand through what only hatchling's backend has. Raises AttributeError where it has none such."""
    return getattr(hatchling.build, name)


def get_requires_for_build_sdist(config_settings: Mapping[str, Any] | None = None) -> list[str]:  # noqa: ARG001
    """Return what building an sdist needs, whatever variant the settings name (PEP 517)."""
    return hatchling.build.get_requires_for_build_sdist()


def build_sdist(sdist_directory: str, config_settings: Mapping[str, Any] | None = None) -> str:
    """Build the sdist, the same whatever variant the settings name, and return its file name (PEP 517)."""
    from cudapin.plugin.backend import check_settings

    check_settings(config_settings)
    return hatchling.build.build_sdist(sdist_directory)


def get_requires_for_build_wheel(config_settings: Mapping[str, Any] | None = None) -> list[str]:
    """Return what building the wheel needs, with the locked build requirements of its variant (PEP 517)."""
    from cudapin.plugin.backend import asking_for

    with asking_for(config_settings):
        return hatchling.build.get_requires_for_build_wheel()


def prepare_metadata_for_build_wheel(metadata_directory: str, config_settings: Mapping[str, Any] | None = None) -> str:
    """Write the METADATA that the wheel will have, and return the name of its folder (PEP 517). Never refuses."""
    from cudapin.plugin.backend_metadata import prepare_wheel

    return prepare_wheel(metadata_directory, config_settings)


def build_wheel(
    wheel_directory: str,
    config_settings: Mapping[str, Any] | None = None,
    metadata_directory: str | None = None,
) -> str:
    """Build the variant's wheel, with the label that the settings give it, and return its file name (PEP 517)."""
    from cudapin.plugin.backend import build

    return build(wheel_directory, config_settings, metadata_directory)


def get_requires_for_build_editable(config_settings: Mapping[str, Any] | None = None) -> list[str]:
    """Return what building an editable wheel needs (PEP 660)."""
    from cudapin.plugin.backend import asking_for

    with asking_for(config_settings):
        return hatchling.build.get_requires_for_build_editable()


def build_editable(
    wheel_directory: str,
    config_settings: Mapping[str, Any] | None = None,
    metadata_directory: str | None = None,
) -> str:
    """Build an editable wheel, which is never stamped and never refused, and return its file name (PEP 660)."""
    from cudapin.plugin.backend import build_editable as build

    return build(wheel_directory, config_settings, metadata_directory)


# Not for pip, as in hatchling: pip then builds the editable wheel once, for its metadata and to install it.
if hasattr(hatchling.build, "prepare_metadata_for_build_editable"):
    __all__ += ["prepare_metadata_for_build_editable"]

    def prepare_metadata_for_build_editable(
        metadata_directory: str, config_settings: Mapping[str, Any] | None = None
    ) -> str:
        """Write the METADATA that the editable wheel will have, and return the name of its folder (PEP 660)."""
        from cudapin.plugin.backend_metadata import prepare_editable

        return prepare_editable(metadata_directory, config_settings)
