"""Puts the SBOM where hatchling takes it from."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from cudapin.plugin.project_table import metadata_of_project

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from cudapin.builds.judgement import Judgement
    from cudapin.core.compiled import Binary
    from cudapin.core.config import Variant
    from cudapin.gate import Gate

__all__ = ["add_sbom"]


def add_sbom(
    config: Any,  # noqa: ANN401
    build_data: dict[str, Any],
    gate: Gate,
    variant: Variant | None,
    judgement: Judgement,
    files: Mapping[str, Path],
    binaries: Sequence[Binary],
    write: Callable[[str, str], str],
) -> Callable[[], None]:
    """Give the SBOM of a wheel that is stamped already to hatchling; return what takes it away again.

    Raises ConfigError (CP117) for a hatchling that is too old, or without `cyclonedx-python-lib`.
    """
    from cudapin.builds.sbom import make_sbom, old_hatchling
    from cudapin.release.sbom import SBOM_NAME

    if "sbom_files" not in build_data:
        from hatchling.__about__ import __version__

        raise old_hatchling(gate, __version__)
    builder = config.builder
    stamped = metadata_of_project(builder.metadata)
    data_folder = f"{builder.artifact_project_id}.data"
    text = make_sbom(gate, variant, judgement, (stamped.name, stamped.version), files, binaries, data_folder)
    path = write(SBOM_NAME, text)
    build_data["sbom_files"].append(path)

    def take_away() -> None:
        """Where the project lists files of its own, hatchling adds to its list, and the next build reads it again."""
        with suppress(ValueError):
            config.sbom_files.remove(path)

    return take_away
