"""The README says what the code says, where it copies from it."""

from __future__ import annotations

import argparse
import re
import shlex
from pathlib import Path

import pytest

from cudapin.cli.arguments import make_parser
from cudapin.cli.main import main
from cudapin.core.config import parse_config
from cudapin.core.lock import Source
from cudapin.errors import Code, ConfigError

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def rows(heading: str) -> list[str]:
    """Return the first cells of the tables below a heading, names in backticks."""
    section = README.split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0]
    cells = [line.split("|")[1] for line in section.splitlines() if line.startswith("| `")]
    return [name for cell in cells for name in re.findall(r"`([^`]+)`", cell)]


def test_the_table_of_codes_is_the_enumeration() -> None:
    table = README.split("<!-- codes", 1)[1].split("<!-- end of codes", 1)[0]
    assert re.findall(r"^\| (CP\d+) \| (.*) \|$", table, re.MULTILINE) == [(code.name, code.value) for code in Code]


def test_every_key_is_in_the_tables() -> None:
    """An unknown key makes the parser name the ones that it knows."""
    known: set[str] = set()
    for text, table in (
        ("[tool.cudapin]\nx = 1", {"x": 1}),
        ("[tool.cudapin.variants.cpu]\nx = 1", {"variants": {"cpu": {"x": 1}}}),
    ):
        try:
            parse_config(table, Source(path="pyproject.toml", text=text))
        except ConfigError as error:
            known.update(re.findall(r"`([a-z-]+)`", error.problems[0].why.partition(" are ")[2]))
    assert known - {"variants"} == set(rows("`[tool.cudapin]`"))


_TOLD = {"CUDAPIN_CUDA_VERSION", "CUDAPIN_CELL", "CUDAPIN_LOCK_VERDICT"}  # not read from the user


def test_every_environment_variable_is_in_the_table() -> None:
    source = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "src").rglob("*.py"))
    used = set(re.findall(r"\"(CUDAPIN(?:_[A-Z]+)*)\"", source)) - _TOLD
    assert used == {name.partition("=")[0] for name in rows("Environment variables")}


def test_ci_runs_the_second_command() -> None:
    command = next(line for line in README.splitlines() if line.startswith("python3 -m venv"))
    assert command in (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()
    assert shlex.split(command)


def _known(parser: argparse.ArgumentParser, *path: str) -> list[str]:
    """Return the commands that a parser knows, with those below them."""
    groups = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    below = [name for group in groups for word, inner in group.choices.items() for name in _known(inner, *path, word)]
    return below if groups else [" ".join(path)]


def test_every_command_exists() -> None:
    section = README.split("\n## Command line\n", 1)[1].split("\n```", 1)[0]
    commands = re.findall(r"^\| `cudapin ([a-z-]+(?: [a-z]+)?)", section, re.MULTILINE)
    assert sorted(commands) == sorted(_known(make_parser()))
    for command in commands:
        with pytest.raises(SystemExit, match=r"^0$"):
            main([*command.split(), "--help"])
