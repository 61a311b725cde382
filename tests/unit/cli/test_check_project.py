"""`check` for another Python and platform, which variants it leaves out, and what it does not say twice."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from cudapin.cli.main import main
from unit.support import PROJECT, VARIANTS, A, write

if TYPE_CHECKING:
    from pathlib import Path

LINUX = ("--python", "3.12", "--platform", "linux_x86_64")
MACOS = ("--python", "3.12", "--platform", "macosx_14_0_arm64")
UV = """\
[project]
name = "demo"
version = "1.0"
requires-python = ">=3.10"
[project.optional-dependencies]
cu128 = ["torch"]
cu129 = []
[[tool.uv.index]]
url = "https://index.example/cu128"
default = true
[tool.uv]
cache-keys = [{ env = "CUDAPIN_VARIANT" }]
[tool.cudapin]
default = "cu128"
[tool.cudapin.variants.cu128]
[tool.cudapin.variants.cu129]
"""
UV_LOCK = f"""\
version = 1
revision = 3
requires-python = ">=3.10"

[[package]]
name = "demo"
version = "1.0"
source = {{ virtual = "." }}

[package.optional-dependencies]
cu128 = [{{ name = "torch" }}]

[package.metadata]
requires-dist = [{{ name = "torch", marker = "extra == 'cu128'" }}]
provides-extras = ["cu128", "cu129"]

[[package]]
name = "torch"
version = "2.9.0+cu128"
source = {{ registry = "https://index.example/cu128" }}
wheels = [
    {{ url = "https://index.example/torch-2.9.0+cu128-cp312-cp312-manylinux_2_28_x86_64.whl", hash = "sha256:{A}" }},
]
"""


@pytest.fixture
def check(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Any:
    def run(files: dict[str, Any], *arguments: str) -> tuple[int, dict[str, str], list[str]]:
        write(tmp_path, files)
        code = main(["check", "--project", str(tmp_path), "--format", "json", *arguments])
        found = json.loads(capsys.readouterr().out)
        verdicts = {row["name"]: row["verdict"] for row in found.get("variants", ())}
        return code, verdicts, [f"{item['code']} {item['what']}" for item in found["problems"]]

    return run


@pytest.mark.parametrize(
    ("key", "here", "there"),
    [
        ("environments = [\"sys_platform == 'linux'\"]", LINUX, MACOS),
        ('requires-python = "<3.13"', LINUX, ("--python", "3.13", "--platform", "linux_x86_64")),
        ('platforms = ["manylinux_2_28_x86_64"]', LINUX, ("--python", "3.12", "--platform", "linux_aarch64")),
        ('platforms = ["manylinux_2_28_x86_64"]', ("--platform", "manylinux_2_17_x86_64"), ("--platform", "win_amd64")),
    ],
)
def test_a_variant_that_the_target_has_not(check: Any, key: str, here: list[str], there: list[str]) -> None:
    files = {**VARIANTS, "pyproject.toml": PROJECT.replace('arch = ["9.0"]', key)}
    assert check(files, *here) == (0, {"cpu": "ok", "cu128": "ok"}, [])
    elsewhere = "not for this target"
    assert check(files, *there) == (0, {"cpu": "ok", "cu128": elsewhere}, [])
    assert check(files, *there, "--variant", "cu128") == (0, {"cu128": elsewhere}, [])


def test_an_override_counts_for_the_target_that_it_names(check: Any) -> None:
    override = '[[tool.cudapin.variants.cu128.overrides]]\nwhen = "platform_machine == \'aarch64\'"\ncuda = "13.0"\n'
    files = {**VARIANTS, "pyproject.toml": PROJECT + override}
    assert check(files, *LINUX) == (0, {"cpu": "ok", "cu128": "ok"}, [])
    assert check(files, "--platform", "linux_aarch64") == (
        1,
        {"cpu": "ok", "cu128": "wrong"},
        ["CP301 `torch` of variant `cu128` is a build for CUDA 12.8"],
    )


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (("--python", "three"), "`--python` is no Python version"),
        (("--platform", "beos"), "`--platform` is no platform tag"),
    ],
)
def test_a_target_that_is_none(check: Any, arguments: tuple[str, str], what: str) -> None:
    assert check(VARIANTS, *arguments) == (2, {}, [f"CP112 {what}"])


def test_an_extra_of_nothing_says_so_once(check: Any) -> None:
    """The variant has no package of a CUDA either, and that is not said again."""
    assert check({"pyproject.toml": UV, "uv.lock": UV_LOCK}, *LINUX) == (
        0,
        {"cu128": "ok", "cu129": "ok"},
        ["CP310 extra `cu129` of variant `cu129` selects nothing"],
    )


def test_twins_of_which_one_is_wrong_are_not_said(check: Any) -> None:
    both = UV.replace("[tool.cudapin.variants.cu129]", '[tool.cudapin.variants.cu12]\nextra = "cu128"')
    assert check({"pyproject.toml": both, "uv.lock": UV_LOCK}, *LINUX)[2] == [
        "CP311 variants `cu128`, `cu12` select the same CUDA packages"
    ]
    wrong = both.replace("variants.cu12]", "variants.cu126]")
    assert check({"pyproject.toml": wrong}, *LINUX)[2] == ["CP301 `torch` of variant `cu126` is a build for CUDA 12.8"]


def test_a_python_without_a_wheel(check: Any) -> None:
    files = {"pyproject.toml": UV.replace("[tool.cudapin.variants.cu129]\n", ""), "uv.lock": UV_LOCK}
    later = ("--python", "3.13", "--platform", "linux_x86_64")
    assert check(files, *later) == (0, {"cu128": "not for this target"}, [])
    assert check(files, *MACOS) == (0, {"cu128": "not for this target"}, [])
    assert check(files, *later, "--variant", "cu128") == (
        0,
        {"cu128": "not for this target"},
        ["CP312 variant `cu128` selects `torch` without a file that Python 3.13 on linux x86_64 could install"],
    )
    assert check(files, *LINUX) == (0, {"cu128": "ok"}, [])


def test_a_python_that_the_project_does_not_support(check: Any) -> None:
    files = {
        **VARIANTS,
        "pyproject.toml": PROJECT.replace('version = "1.2"', 'version = "1.2"\nrequires-python = ">=3.11"'),
    }
    said = ["CP312 the project does not support the Python that it is checked for"]
    assert check(files, "--python", "3.10")[2] == said
    assert check(files, "--python", "3.11")[2] == []
    odd = {"pyproject.toml": str(files["pyproject.toml"]).replace(">=3.11", "old")}
    code, _, said_then = check(odd, "--python", "3.10")
    assert code in (0, 1)
    assert said[0] not in said_then


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('requires = ["hatchling", "cudapin"]', "requires = 3"),
        ("[tool.cudapin]\n", "[tool.uv]\ncache-keys = 3\n[tool.cudapin]\n"),
        ("[tool.cudapin]\n", "[tool.uv]\nindex = 3\n[tool.cudapin]\n"),
    ],
)
def test_a_strange_project_is_a_users_fault_at_most(check: Any, old: str, new: str) -> None:
    assert check({**VARIANTS, "pyproject.toml": PROJECT.replace(old, new)}, *LINUX)[0] in (0, 1, 2, 3)


def test_a_lock_that_does_not_cover_the_target(check: Any) -> None:
    only = "supported-markers = [\n    \"sys_platform == 'linux'\",\n]\n"
    environments = "[tool.uv]\nenvironments = [\"sys_platform == 'linux'\"]\n"
    files = {
        "pyproject.toml": UV.replace("[tool.uv]\n", environments).replace("[tool.cudapin.variants.cu129]\n", ""),
        "uv.lock": UV_LOCK.replace("\n[[package]]", f"{only}\n[[package]]", 1),
    }
    assert check(files, *LINUX) == (0, {"cu128": "ok"}, [])
    said = ["CP312 `uv.lock` does not cover Python 3.12 on darwin arm64"]
    assert check(files, *MACOS) == (0, {"cu128": "not for this target"}, said)
    assert check({"uv.lock": "broken"}, *MACOS)[0] == 3


def test_build_requirements_that_no_isolated_build_can_get(check: Any) -> None:
    """A requirements file names the index and no address; a front end would ask its own index only."""
    project = PROJECT.replace('arch = ["9.0"]', 'build-requires = ["torch"]')
    index = "--index-url https://index.example/cu128\n"
    files = {**VARIANTS, "pyproject.toml": project, "locks/cu128.txt": str(VARIANTS["locks/cu128.txt"]) + index}
    assert check(files, *LINUX) == (
        0,
        {"cpu": "ok", "cu128": "ok"},
        ["CP401 an isolated build of variant `cu128` cannot get `torch`"],
    )
