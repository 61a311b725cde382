"""Puts labelled wheels (PEP 825) into their folder together with the file that an index needs, or none of them."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, NamedTuple

from cudapin.errors import CudapinError, Problem

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from cudapin.isolated.deliver import Delivery

__all__ = ["FOLDER", "Published", "publish_labelled"]

FOLDER = "variants"
"""The folder of labelled wheels, below the output folder: installers would take a local version before them."""


class Published(NamedTuple):
    """Where the wheels are now, with their SHA-256, by owner; the files for an index; and why there is nothing."""

    wheels: Mapping[str, tuple[Path, str]]
    described: tuple[Path, ...]
    problems: tuple[Problem, ...] = ()


def publish_labelled(wheels: Mapping[str, Path], delivery: Delivery, scratch: Path) -> Published:
    """Judge finished wheels together with those of their releases that are there already, then put them there.

    `scratch` is an empty folder of the run.
    """
    from cudapin.release.label import write_variants_json

    releases = {"-".join(path.name.split("-")[:2]).partition("+")[0] for path in wheels.values()}
    there = delivery.output / FOLDER
    for path in sorted(there.glob("*.whl")):
        if "-".join(path.name.split("-")[:2]).partition("+")[0] in releases:
            shutil.copyfile(path, scratch / path.name)
    for path in wheels.values():
        shutil.copyfile(path, scratch / path.name)
    try:
        described = write_variants_json(scratch)
        moved = {owner: delivery.put(path, FOLDER, owner) for owner, path in wheels.items()}
        files = tuple(delivery.put(path, FOLDER, "the index")[0] for path in described)
    except CudapinError as error:
        return Published({}, (), error.problems)
    return Published(moved, files)
