"""The command `matrix`: which cells the wheels of a lock allow, and how they are shown."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from typing import TYPE_CHECKING, Any

import pytest

from cudapin.cli.main import main
from unit.support import VARIANTS, A, write

if TYPE_CHECKING:
    from pathlib import Path

UV = """\
[project]
name = "demo"
version = "1.0"
requires-python = ">=3.11"
dependencies = ["plain"]
[project.optional-dependencies]
cpu = ["torch"]
cu128 = ["torch"]
[[tool.uv.index]]
url = "https://index.example/simple"
default = true
[[tool.uv.index]]
name = "cpu"
url = "https://index.example/cpu"
explicit = true
[[tool.uv.index]]
name = "cu128"
url = "https://index.example/cu128"
explicit = true
[tool.uv]
conflicts = [[{ extra = "cpu" }, { extra = "cu128" }]]
cache-keys = [{ env = "CUDAPIN_VARIANT" }]
sources.torch = [{ index = "cpu", extra = "cpu" }, { index = "cu128", extra = "cu128" }]
[tool.cudapin.variants.cu128]
arch = ["9.0"]
[tool.cudapin.variants.cpu]
"""


def _wheels(name: str, version: str, *tags: str) -> str:
    file = f"https://index.example/{name}-{version}"
    listed = "".join(f'    {{ url = "{file}-{tag}.whl", hash = "sha256:{A}" }},\n' for tag in tags)
    return f"wheels = [\n{listed}]\n"


def _requires(extra: str) -> str:
    index, conflict = f"https://index.example/{extra}", f'{{ package = "demo", extra = "{extra}" }}'
    return f'{{ name = "torch", marker = "extra == \'{extra}\'", index = "{index}", conflict = {conflict} }}'


CPU_TAGS = (
    "cp311-cp311-manylinux_2_28_x86_64",
    "cp312-cp312-manylinux_2_28_x86_64",
    "cp312-cp312-win_amd64",
    "cp312-none-macosx_11_0_arm64",
)
UV_LOCK = f"""\
version = 1
revision = 3
requires-python = ">=3.11"
conflicts = [[
    {{ package = "demo", extra = "cpu" }},
    {{ package = "demo", extra = "cu128" }},
]]

[[package]]
name = "demo"
version = "1.0"
source = {{ virtual = "." }}
dependencies = [{{ name = "plain" }}]

[package.optional-dependencies]
cpu = [{{ name = "torch", version = "2.9.0+cpu", source = {{ registry = "https://index.example/cpu" }} }}]
cu128 = [{{ name = "torch", version = "2.9.0+cu128", source = {{ registry = "https://index.example/cu128" }} }}]

[package.metadata]
requires-dist = [
    {{ name = "plain" }},
    {_requires("cpu")},
    {_requires("cu128")},
]
provides-extras = ["cpu", "cu128"]

[[package]]
name = "plain"
version = "1.0"
source = {{ registry = "https://index.example/simple" }}
sdist = {{ url = "https://index.example/plain-1.0.tar.gz", hash = "sha256:{A}" }}
{_wheels("plain", "1.0", "cp311-abi3-manylinux_2_28_x86_64", "cp311-abi3-win_amd64")}
[[package]]
name = "torch"
version = "2.9.0+cpu"
source = {{ registry = "https://index.example/cpu" }}
{_wheels("torch", "2.9.0+cpu", *CPU_TAGS)}
[[package]]
name = "torch"
version = "2.9.0+cu128"
source = {{ registry = "https://index.example/cu128" }}
{_wheels("torch", "2.9.0+cu128", "cp311-cp311-manylinux_2_28_x86_64", "cp312-cp312-manylinux_2_28_x86_64")}
"""
FILES: dict[str, Any] = {"pyproject.toml": UV, "uv.lock": UV_LOCK}


class Run:
    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err


@pytest.fixture
def matrix(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("cudapin.adapters.interpreter.running_target", _linux)
    monkeypatch.setenv("CUDAPIN_DRIVER_VERSION", "570.86.10")
    monkeypatch.setenv("CUDAPIN_GPU_ARCH", "9.0")

    def run(*arguments: str, files: dict[str, Any] | None = None, is_whole: bool = False) -> Run:
        write(tmp_path, FILES if files is None else files)
        few = () if is_whole or "--python" in arguments else ("--python", "3.11", "--python", "3.12")
        code = main(["matrix", *few, *arguments])
        captured = capsys.readouterr()
        return Run(code, captured.out, captured.err)

    return run


def _linux() -> Any:
    from cudapin.core.target import Target, other_target
    from unit.support import LINUX

    return other_target(Target(LINUX, lambda: ()), "3.12.4", "linux_x86_64")


def test_the_table_has_what_the_wheels_of_the_lock_allow(matrix: Any) -> None:
    found = matrix(is_whole=True)
    assert found.code == 0
    assert found.out == (
        "variant  platform      CUDA  driver     arch  here  Python     locked\n"
        "cpu      linux_x86_64  -     -          -     yes   3.11 3.12  torch 2.9.0+cpu\n"
        "cpu      win_amd64     -     -          -     no    3.12       torch 2.9.0+cpu\n"
        "cpu      macosx_arm64  -     -          -     no    3.12       torch 2.9.0+cpu; compiles plain\n"
        "cu128    linux_x86_64  12.8  525.60.13  9.0   yes   3.11 3.12  torch 2.9.0+cu128\n"
    )
    why = "`torch` is locked without a wheel for it (Python 3.15)"
    assert found.err.splitlines() == [
        f"note: `cpu` has no cell on linux_aarch64: {why}",
        f"note: `cu128` has no cell on linux_aarch64: {why}",
        f"note: `cu128` has no cell on win_amd64: {why}",
        f"note: `cu128` has no cell on macosx_arm64: {why}",
    ]
    assert matrix("-q").err == ""
    assert matrix("--python", "3.11", "--python", "3.12").out == found.out


def test_the_table_is_that_of_this_machine(matrix: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDAPIN_GPU_ARCH", "8.0")
    cells = json.loads(matrix("--to", "json").out)
    assert [(cell["variant"], cell["python"]) for cell in cells if cell["fits"]] == [("cpu", "3.11"), ("cpu", "3.12")]
    reasons = next(cell["reasons"] for cell in cells if cell["variant"] == "cu128")
    assert reasons == ["GPU of CUDAPIN_GPU_ARCH (8.0) is not served by the wheel's architectures 9.0"]


def test_json_is_a_list_of_cells(matrix: Any) -> None:
    cells = json.loads(matrix("--to", "json").out)
    assert [cell["variant"] for cell in cells] == ["cpu", "cpu", "cpu", "cpu", "cu128", "cu128"]
    assert cells[-1] == {
        "variant": "cu128",
        "python": "3.12",
        "platform": "linux_x86_64",
        "os": "ubuntu-latest",
        "cuda": "12.8",
        "driver": "525.60.13",
        "arch": ["9.0"],
        "packages": {"torch": "2.9.0+cu128"},
        "from_source": [],
        "fits": True,
        "reasons": [
            "driver 570.86.10 is not older than 525.60.13, the lowest for CUDA 12",
            "GPU of CUDAPIN_GPU_ARCH (9.0) is served by the wheel's architectures 9.0",
        ],
    }
    assert cells[3]["from_source"] == ["plain"]
    whole = json.loads(matrix("--format", "json").out)
    assert (whole["schema"], whole["command"], whole["ok"], whole["cells"]) == (1, "matrix", True, cells)


def test_github_gets_one_line(matrix: Any) -> None:
    found = matrix("--to", "github", "--variant", "cu128")
    assert found.out == (
        '{"include":[{"variant":"cu128","python":"3.11","platform":"linux_x86_64","os":"ubuntu-latest","cuda":"12.8"},'
        '{"variant":"cu128","python":"3.12","platform":"linux_x86_64","os":"ubuntu-latest","cuda":"12.8"}]}\n'
    )


def test_what_is_asked_for_by_name(matrix: Any) -> None:
    found = matrix("--to", "github", "--python", "3.12", "--platform", "win_amd64", "--platform", "linux_x86_64")
    cells = json.loads(found.out)["include"]
    assert [(cell["variant"], cell["platform"], cell["os"]) for cell in cells] == [
        ("cpu", "win_amd64", "windows-latest"),
        ("cpu", "linux_x86_64", "ubuntu-latest"),
        ("cu128", "linux_x86_64", "ubuntu-latest"),
    ]
    own = matrix("--to", "github", "--platform", "manylinux_2_28_x86_64", "--variant", "cpu", "--python", "3.12")
    assert json.loads(own.out)["include"][0]["os"] == "manylinux_2_28_x86_64"
    assert matrix("--platform", "manylinux_2_17_x86_64", "--variant", "cpu").out == "no cell\n"


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("--python", "2"), "`--python` is no Python version"),
        (("--platform", "linux"), "`--platform` is no platform tag"),
        (("--variant", "cu12"), "no variant `cu12` is declared"),
    ],
)
def test_wrong_requests(matrix: Any, arguments: tuple[str, ...], text: str) -> None:
    found = matrix(*arguments)
    assert (found.code, found.out) == (2, "")
    assert text in found.err


def test_the_picture_stands_alone_and_is_the_same_each_time(matrix: Any) -> None:
    found = matrix("--to", "svg").out
    tree = ET.fromstring(found)
    texts = ["".join(item.itertext()) for item in tree.iter("{http://www.w3.org/2000/svg}text")]
    assert texts[:5] == ["variant", "platform", "3.11", "3.12", "needs, and what is locked"]
    assert texts[5:10] == ["cpu", "linux_x86_64", "✓", "✓", "no CUDA; torch 2.9.0+cpu"]
    assert "CUDA 12.8; driver 525.60.13; compute capability 9.0; torch 2.9.0+cu128" in texts
    assert "src" in texts
    assert found.count("http") == 1
    assert "<script" not in found
    assert matrix("--to", "svg").out == found


def test_a_lock_without_file_names_tells_of_this_platform_only(matrix: Any) -> None:
    found = matrix(files=VARIANTS)
    assert {line.split()[1] for line in found.out.splitlines()[1:]} == {"linux_x86_64"}
    assert found.err.splitlines()[-2:] == [
        f"note: `locks/{name}.txt` names no files, so it does not tell for which Pythons and platforms there are wheels"
        for name in ("cpu", "cu128")
    ]


def test_variants_exist_where_they_are_declared_and_the_lock_is_for(matrix: Any) -> None:
    narrow = UV.replace('arch = ["9.0"]', 'requires-python = "<3.12"').replace(
        "[tool.cudapin.variants.cpu]", '[tool.cudapin.variants.cpu]\nplatforms = ["win_amd64"]'
    )
    found = matrix("--to", "github", files={**FILES, "pyproject.toml": narrow})
    cells = [(cell["variant"], cell["python"], cell["platform"]) for cell in json.loads(found.out)["include"]]
    assert cells == [("cpu", "3.12", "win_amd64"), ("cu128", "3.11", "linux_x86_64")]
    assert "the wheels of variant `cpu` are for `win_amd64`" in found.err

    markers = "supported-markers = [\"sys_platform == 'win32'\"]\nconflicts = [["
    found = matrix("--to", "github", files={**FILES, "uv.lock": UV_LOCK.replace("conflicts = [[", markers)})
    assert {cell["platform"] for cell in json.loads(found.out)["include"]} == {"win_amd64"}


def test_a_project_without_variants(matrix: Any) -> None:
    plain = UV.split("[tool.cudapin", maxsplit=1)[0]
    cells = json.loads(matrix("--to", "json", files={**FILES, "pyproject.toml": plain}).out)
    assert {(cell["variant"], cell["cuda"], cell["driver"]) for cell in cells} == {(None, None, None)}
    assert matrix(files={**FILES, "pyproject.toml": plain}).out.splitlines()[1].startswith("-        linux_x86_64")


def test_a_stale_lock_is_said_and_no_lock_is_no_matrix(matrix: Any, tmp_path: Path) -> None:
    found = matrix(files={**FILES, "pyproject.toml": UV.replace('["plain"]', '["plain", "other"]')})
    assert found.code == 0
    assert found.err.startswith("warning[CP201]: ")
    (tmp_path / "uv.lock").unlink()
    found = matrix(files={"pyproject.toml": UV})
    assert (found.code, found.out) == (1, "")
    found = matrix(files={"pyproject.toml": f"{UV}\n[tool.cudapin]\nlock = false\n"})
    assert found.code == 0
    assert "`lock = false`: what exists is told by the configuration alone" in found.err


PYLOCK = f"""\
lock-version = "1.0"
created-by = "somebody"
environments = ["sys_platform == 'win32'"]
requires-python = ">=3.12"
[[packages]]
name = "plain"
version = "1.0"
[[packages.wheels]]
url = "https://index.example/plain-1.0-py3-none-any.whl"
hashes = {{ sha256 = "{A}" }}
"""


def test_a_lock_that_is_not_for_this_machine_tells_of_others(matrix: Any, tmp_path: Path) -> None:
    project = '[project]\nname = "demo"\nversion = "1.0"\ndependencies = ["plain"]\n'
    found = matrix("--to", "github", is_whole=True, files={"pyproject.toml": project, "pylock.toml": PYLOCK})
    cells = json.loads(found.out)["include"]
    assert [(cell["python"], cell["platform"]) for cell in cells] == [
        (python, "win_amd64") for python in ("3.12", "3.13", "3.14", "3.15")
    ]
    assert "note: there is no cell on linux_x86_64: " in found.err
    lock = PYLOCK.replace("win32", "sunos5")
    found = matrix("--to", "github", files={"pyproject.toml": project, "pylock.toml": lock})
    assert (found.code, found.out) == (3, "")
    (tmp_path / "pylock.toml").write_text("[")
    found = matrix("--to", "github", files={"pyproject.toml": project})
    assert (found.code, found.out, found.err[:12]) == (3, "", "error[CP205]")
