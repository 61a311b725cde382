"""The metadata hook: stamps what a front end asks for alone, refuses nothing."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest

from cudapin.core.stamp import Metadata
from cudapin.plugin.metadata_hook import CudapinMetadataHook
from cudapin.plugin.project_table import metadata_of_table, update_table
from unit.support import PROJECT, VARIANTS, write

if TYPE_CHECKING:
    from pathlib import Path

TABLE: dict[str, Any] = {
    "name": "demo",
    "version": "1.2",
    "dependencies": ["numpy>=1"],
    "optional-dependencies": {"cpu": ["torch>=2.9"], "cu128": ["torch>=2.9"]},
    "classifiers": [],
}


def update(root: Path, table: dict[str, Any]) -> dict[str, Any]:
    def prepare_metadata_for_build_wheel() -> None:
        CudapinMetadataHook(str(root), {}).update(table)

    prepare_metadata_for_build_wheel()
    return table


def copy() -> dict[str, Any]:
    return {**TABLE, "optional-dependencies": dict(TABLE["optional-dependencies"])}


def test_a_read_of_a_wheels_metadata_is_stamped(tmp_path: Path) -> None:
    os.environ["CUDAPIN_VARIANT"] = "cu128"
    assert update(write(tmp_path, VARIANTS), copy()) == {
        "name": "demo",
        "version": "1.2+cu128",
        "dependencies": ["numpy>=1", "torch==2.9.0"],
        "optional-dependencies": {"cu128": []},
        "classifiers": ["Environment :: GPU :: NVIDIA CUDA :: 12"],
    }


def test_every_other_read_is_left_alone(tmp_path: Path) -> None:
    os.environ["CUDAPIN_VARIANT"] = "cu128"
    table = copy()
    CudapinMetadataHook(str(write(tmp_path, VARIANTS)), {}).update(table)
    assert table == TABLE


@pytest.mark.parametrize(
    ("environ", "files"),
    [
        ({"CUDAPIN": "off"}, {}),
        ({"CUDAPIN": "of"}, {}),
        ({"CUDAPIN_VARIANT": "cu12"}, {}),
        ({"HATCH_BUILD_NO_HOOKS": "1"}, {}),
        ({}, {"pyproject.toml": PROJECT.partition("[tool.hatch")[0]}),
        ({}, {"pyproject.toml": PROJECT.replace("pin", "pni")}),
        ({}, {"pyproject.toml": PROJECT.partition("[tool.cudapin]")[0]}),
    ],
    ids=["off", "no such switch", "no such variant", "no hooks", "hook not configured", "wrong table", "no variants"],
)
def test_it_never_refuses(tmp_path: Path, environ: dict[str, str], files: dict[str, str | bytes]) -> None:
    os.environ.update({"CUDAPIN_VARIANT": "cu128", **environ})
    assert update(write(tmp_path, {**VARIANTS, **files}), copy()) == TABLE


@pytest.mark.parametrize("text", ["torch>=2\n", "\xff"])
def test_a_broken_lock_stamps_without_pins(tmp_path: Path, text: str) -> None:
    os.environ["CUDAPIN_VARIANT"] = "cu128"
    table = update(write(tmp_path, {**VARIANTS, "locks/cu128.txt": text}), copy())
    assert table["version"] in ("1.2+cu128", "1.2")


def test_a_table_without_a_version_is_left_alone(tmp_path: Path) -> None:
    os.environ["CUDAPIN_VARIANT"] = "cu128"
    assert update(write(tmp_path, VARIANTS), {"name": "demo"}) == {"name": "demo"}


def test_tables_round_trip() -> None:
    table = copy()
    update_table(table, metadata_of_table(table))
    assert table == TABLE


def test_a_field_that_stays_empty_is_not_added() -> None:
    metadata = Metadata(name="x", version="1", dependencies=(), optional_dependencies={}, classifiers=("A",))
    table: dict[str, Any] = {"name": "y", "version": "0", "dependencies": ["a"]}
    update_table(table, metadata)
    assert table == {"name": "x", "version": "1", "dependencies": [], "classifiers": ["A"]}
