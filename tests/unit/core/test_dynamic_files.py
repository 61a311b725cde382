"""Dynamic dependencies that stand in files: read where a build would only read them, else left alone."""

from __future__ import annotations

from typing import Any

import pytest

from cudapin.core.dynamic_files import with_dynamic_files
from unit.support import pyproject_of

SETUPTOOLS = """\
[build-system]
requires = ["setuptools"]
build-backend = "setuptools.build_meta"

[project]
name = "demo"
dynamic = ["version", "dependencies", "optional-dependencies"]

[tool.setuptools.dynamic]
version = { attr = "demo.__version__" }
dependencies = { file = ["base.txt", "more.txt"] }
optional-dependencies.cli = { file = "cli.txt" }
"""
HATCH = """\
[build-system]
requires = ["hatchling", "hatch-requirements-txt"]
build-backend = "hatchling.build"

[project]
name = "demo"
dynamic = ["dependencies"]
dependencies = []

[tool.hatch.metadata.hooks.cudapin]
[tool.hatch.metadata.hooks.requirements_txt]
files = ["base.txt"]
"""
FILES = {
    "base.txt": "# what it needs\n\nidna>=3  # names\ncertifi; \\\n  sys_platform == 'linux'\n",
    "more.txt": "attrs",
    "cli.txt": "six\n",
}


def project_of(text: str, **changes: str | None) -> Any:
    files = {**FILES, **{name.replace("_", "."): content for name, content in changes.items()}}
    return with_dynamic_files(pyproject_of(text), files.get).table["project"]


def test_the_files_of_setuptools() -> None:
    assert project_of(SETUPTOOLS) == {
        "name": "demo",
        "dynamic": ["version"],
        "dependencies": ["idna>=3", "certifi; sys_platform == 'linux'", "attrs"],
        "optional-dependencies": {"cli": ["six"]},
    }
    without = SETUPTOOLS.replace('build-backend = "setuptools.build_meta"\n', "")
    assert project_of(without) == project_of(SETUPTOOLS)


def test_the_files_of_hatch_requirements_txt() -> None:
    found = project_of(HATCH)
    assert (found["dynamic"], found["dependencies"]) == ([], ["idna>=3", "certifi; sys_platform == 'linux'"])
    more = HATCH.replace('["dependencies"]', '["dependencies", "optional-dependencies"]')
    more += 'optional-dependencies = { cli = ["cli.txt", "more.txt"] }\n'
    assert project_of(more)["optional-dependencies"] == {"cli": ["six", "attrs"]}


@pytest.mark.parametrize(
    ("text", "changes"),
    [
        (SETUPTOOLS, {"setup_py": "import setuptools\n"}),
        (SETUPTOOLS, {"base_txt": None}),
        (SETUPTOOLS, {"base_txt": "-r other.txt\n"}),
        (SETUPTOOLS, {"base_txt": "idna=>3\n"}),
        (SETUPTOOLS, {"base_txt": "Demo[cli]\n"}),
        (SETUPTOOLS.replace("setuptools.build_meta", "own.backend"), {}),
        (SETUPTOOLS.replace("[project]", 'backend-path = ["."]\n[project]'), {}),
        (SETUPTOOLS.replace('{ file = "cli.txt" }', '{ attr = "demo.cli" }'), {}),
        (SETUPTOOLS.replace('{ file = "cli.txt" }', "{ file = 3 }"), {}),
        (SETUPTOOLS.replace("dependencies = { file = [", "nothing = { file = ["), {}),
        (SETUPTOOLS.replace('"dependencies", ', ""), {"cli_txt": None}),
        (HATCH, {"hatch_toml": "[metadata.hooks.custom]\n"}),
        (HATCH + "[tool.hatch.metadata.hooks.custom]\n", {}),
        (HATCH.replace("requirements_txt", "vcs"), {}),
        (HATCH.replace('dynamic = ["dependencies"]', "dynamic = 3"), {}),
        ("[project]\nname = 'demo'\n", {}),
    ],
)
def test_what_a_build_alone_can_tell(text: str, changes: dict[str, str | None]) -> None:
    assert project_of(text, **changes) == pyproject_of(text).table["project"]


def test_a_backslash_with_nothing_after_it() -> None:
    assert project_of(SETUPTOOLS, more_txt="attrs \\")["dependencies"][-1] == "attrs"
