"""Where hatchling takes the SBOM from, and that nothing of it is left to the next build."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from cudapin.builds.judgement import judge_wheel
from cudapin.errors import ConfigError
from cudapin.gate import open_gate
from cudapin.plugin.sbom_file import add_sbom
from unit.support import VARIANTS, write

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


class _Config:
    """What is asked of hatchling's configuration of a wheel."""

    def __init__(self) -> None:
        core = SimpleNamespace(raw_name="demo", dependencies=[], optional_dependencies={}, classifiers=[])
        metadata = SimpleNamespace(core=core, version="1.2+cu128")
        self.builder = SimpleNamespace(metadata=metadata, artifact_project_id="demo-1.2+cu128")
        self.sbom_files = ["own.json"]


def _add(root: Path, config: _Config, build_data: dict[str, Any], written: dict[str, str]) -> Callable[[], None]:
    gate = open_gate(write(root, VARIANTS), {})
    choice = gate.choose("cu128")
    assert choice is not None

    def keep(name: str, text: str) -> str:
        written[name] = text
        return f"/tmp/x/{name}"

    judgement = judge_wheel(gate, choice, compiled=False)
    return add_sbom(config, build_data, gate, choice.variant, judgement, {}, (), keep)


def test_it_is_given_to_hatchling_and_taken_away_again(tmp_path: Path) -> None:
    config, build_data, written = _Config(), {"sbom_files": []}, dict[str, str]()
    take_away = _add(tmp_path, config, build_data, written)
    assert build_data == {"sbom_files": ["/tmp/x/cudapin.cdx.json"]}
    assert json.loads(written["cudapin.cdx.json"])["metadata"]["component"]["version"] == "1.2+cu128"
    config.sbom_files.extend(build_data["sbom_files"])  # as hatchling does
    take_away()
    assert config.sbom_files == ["own.json"]
    take_away()
    assert config.sbom_files == ["own.json"]


def test_an_old_hatchling_is_no_keyerror(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"^CP117: `sbom = true` needs hatchling 1\.29, and the build has "):
        _add(tmp_path, _Config(), {}, {})
