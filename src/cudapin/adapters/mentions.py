"""Reads the files beside a project that may name a CUDA: container, conda, pixi and CI files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cudapin.adapters.files import glob
from cudapin.adapters.project import parse_toml, read_text
from cudapin.core.mentions import find_mentions, find_pixi_pins
from cudapin.errors import Code, ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from cudapin.adapters.project import Project
    from cudapin.core.mentions import Mention, MentionKind

__all__ = ["read_mentions"]

_PATTERNS: dict[MentionKind, tuple[str, ...]] = {
    "dockerfile": (
        "*[Dd]ockerfile*",
        "Containerfile*",
        ".devcontainer/*[Dd]ockerfile*",
        "docker/*[Dd]ockerfile*",
    ),
    "conda": ("environment*.y*ml", "conda/environment*.y*ml"),
    "conda-lock": ("conda-lock.y*ml", "*.conda-lock.y*ml"),
    "ci": (".github/workflows/*.y*ml", ".gitlab-ci.y*ml"),
}
_LARGEST = 4 << 20
"""Bytes; nothing larger was written by hand, but for a conda-lock file of many platforms."""


def read_mentions(project: Project) -> Iterator[tuple[str, list[Mention]]]:
    """Yield each file that names a CUDA, by its path in messages, with what it names.

    A file that cannot be read, or is not what its name says, says nothing here: it is not ours to judge.
    """
    for kind, patterns in _PATTERNS.items():
        for path in (path for pattern in patterns for path in glob(project.root, pattern)):
            if path.name.endswith((".dockerignore", "~", ".bak", ".orig")):
                continue
            text = _text(path, project)
            if text is not None and (found := list(find_mentions(kind, text))):
                yield project.shown(path), found
    text = _text(project.root / "pixi.toml", project)
    if text is not None and (found := _pixi(text)):
        yield "pixi.toml", found
    pixi = project.pyproject.table.get("tool", {}).get("pixi")
    if isinstance(pixi, dict) and (
        found := list(find_pixi_pins(pixi, project.pyproject.source.text, ("tool", "pixi")))
    ):
        yield project.pyproject.source.path, found


def _pixi(text: str) -> list[Mention]:
    try:
        return list(find_pixi_pins(parse_toml(text, "pixi.toml", ConfigError), text))
    except ConfigError:
        return []


def _text(path: Path, project: Project) -> str | None:
    try:
        if not path.is_file() or path.stat().st_size > _LARGEST:
            return None
        return read_text(path, project.shown(path), ConfigError, Code.CP101)
    except (OSError, ConfigError):
        return None
