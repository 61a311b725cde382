"""The command `init`: only what is missing, only where it is certain, and written only when asked to."""

from __future__ import annotations

import json
import os
import stat
from typing import TYPE_CHECKING, Any

import pytest
import tomli

from cudapin.cli.main import main
from unit.support import COMPILE, PROJECT, VARIANTS, locked, write

if TYPE_CHECKING:
    from pathlib import Path

BARE = """\
[build-system]
requires = ["hatchling"]  # the backend
build-backend = "hatchling.build"

[project]
name = "demo"
version = "1.2"
dependencies = ["numpy>=1"]

[project.optional-dependencies]
cpu = ["torch>=2.9"]
cu128 = ["torch>=2.9"]
"""
LOCKS = {name: text for name, text in VARIANTS.items() if name.startswith("locks/")}
WRITTEN = """\
[build-system]
requires = ["hatchling", "cudapin"]  # the backend
build-backend = "hatchling.build"

[project]
name = "demo"
version = "1.2"
dependencies = ["numpy>=1"]

[project.optional-dependencies]
cpu = ["torch>=2.9"]
cu128 = ["torch>=2.9"]

[tool.cudapin]
lock = "locks/{variant}.txt"
pin = ["torch"]

[tool.cudapin.variants.cpu]
[tool.cudapin.variants.cu128]
[tool.hatch.metadata.hooks.cudapin]
[tool.hatch.build.hooks.cudapin]
"""
AS_IT_IS = "nothing to add: the project is configured\n"
DECLARED = "cu128: ok\n  torch 2.9.0+cu128\n"


class Run:
    def __init__(self, code: int, out: str, err: str, text: str) -> None:
        self.code, self.out, self.err, self.text = code, out, err, text

    @property
    def table(self) -> dict[str, Any]:
        return tomli.loads(self.text)


@pytest.fixture
def init(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.chdir(tmp_path)

    def run(text: str | None, *arguments: str, files: dict[str, Any] | None = None) -> Run:
        write(tmp_path, {**(files or {}), **({} if text is None else {"pyproject.toml": text})})
        code = main(["init", *arguments])
        captured = capsys.readouterr()
        return Run(code, captured.out, captured.err, (tmp_path / "pyproject.toml").read_bytes().decode())

    return run


def test_what_is_written_passes_the_check(init: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = init(BARE, "--write", files=LOCKS)
    assert (found.code, found.text, found.err) == (0, WRITTEN, "note: pyproject.toml: written\n")
    assert main(["check"]) == 0
    assert capsys.readouterr().out == f"cpu: ok\n  torch 2.9.0+cpu\n{DECLARED}"
    again = init(None, "--write")
    assert (again.code, again.out, again.err, again.text) == (0, AS_IT_IS, "", WRITTEN)
    assert {path.name for path in tmp_path.iterdir()} == {"pyproject.toml", "locks"}


def test_the_proposal_is_a_diff_and_changes_nothing(init: Any) -> None:
    found = init(BARE, files=LOCKS)
    assert (found.code, found.text) == (0, BARE)
    assert found.err == "note: nothing is written without `--write`\n"
    assert found.out == (
        "--- a/pyproject.toml\n"
        "+++ b/pyproject.toml\n"
        "@@ -1,4 +1,4 @@\n"
        " [build-system]\n"
        '-requires = ["hatchling"]  # the backend\n'
        '+requires = ["hatchling", "cudapin"]  # the backend\n'
        ' build-backend = "hatchling.build"\n'
        " \n"
        "@@ -11,2 +11,11 @@\n"
        ' cpu = ["torch>=2.9"]\n'
        ' cu128 = ["torch>=2.9"]\n'
        "+\n"
        "+[tool.cudapin]\n"
        '+lock = "locks/{variant}.txt"\n'
        '+pin = ["torch"]\n'
        "+\n"
        "+[tool.cudapin.variants.cpu]\n"
        "+[tool.cudapin.variants.cu128]\n"
        "+[tool.hatch.metadata.hooks.cudapin]\n"
        "+[tool.hatch.build.hooks.cudapin]\n"
    )
    data = json.loads(init(BARE, "--format", "json").out)
    assert data.pop("diff") == found.out.rstrip("\n")
    assert data == {
        "schema": 1,
        "command": "init",
        "ok": True,
        "problems": [],
        "file": "pyproject.toml",
        "written": False,
        "variants": ["cpu", "cu128"],
        "check": [],
    }


def test_line_ends_permissions_links_and_the_byte_order_mark_are_kept(init: Any, tmp_path: Path) -> None:
    file = tmp_path / "elsewhere" / "project.toml"
    write(tmp_path, {"elsewhere/project.toml": ("\ufeff" + BARE).replace("\n", "\r\n"), **LOCKS})
    file.chmod(0o640)
    (tmp_path / "pyproject.toml").symlink_to(file)
    found = init(None, "--write")
    assert found.code == 0
    assert found.text == ("\ufeff" + WRITTEN).replace("\n", "\r\n")
    assert stat.S_IMODE(file.stat().st_mode) == 0o640
    assert (tmp_path / "pyproject.toml").is_symlink()
    assert init(None).out == AS_IT_IS


def test_a_project_without_variants_gets_the_lock_gate(init: Any) -> None:
    text = BARE.split("[project.optional", maxsplit=1)[0]
    found = init(text, "--write", files={"requirements.txt": locked("uv pip compile pyproject.toml", "numpy==2.0")})
    assert found.code == 0
    assert found.table["tool"] == {"hatch": {"build": {"hooks": {"cudapin": {}}}}}
    assert "no extra and no group is named after a CUDA (`cu128`, `cuda12x`)" in found.err
    assert init(None).out == AS_IT_IS


def test_another_backend_gets_what_makes_sense_there(init: Any) -> None:
    found = init(BARE.replace("hatchling.build", "setuptools.build_meta"), "--write", files=LOCKS)
    assert found.table["tool"] == {"cudapin": {"lock": "locks/{variant}.txt", "variants": {"cpu": {}, "cu128": {}}}}
    assert found.table["build-system"]["requires"] == ["hatchling"]
    assert found.err.startswith(
        "note: the build backend is `setuptools.build_meta`: no hook of hatchling runs, so builds are not checked and "
        "wheels not stamped; `cudapin check`, `lock check`, `export`, `doctor` and `audit` work as they are\n"
    )
    again = init(None)
    assert again.out == AS_IT_IS
    plain = init(BARE.split("[project]", maxsplit=1)[1].join(["[project]", ""]), files=LOCKS)
    assert "note: no build backend is named: no hook" in plain.err


def test_only_what_is_missing_is_added(init: Any) -> None:
    """A project that is configured but for one part each time."""
    whole = init(PROJECT, "--write", files=LOCKS).text
    assert init(None).out == AS_IT_IS
    for part in ("[tool.hatch.build.hooks.cudapin]\n", "[tool.hatch.metadata.hooks.cudapin]\n", ', "cudapin"'):
        without = whole.replace(part, "")
        assert without != whole
        assert init(without, "--write").table == tomli.loads(whole)


def test_hatch_and_uv_where_they_are_used(init: Any) -> None:
    text = (
        f"{BARE}\n[tool.uv]\nmanaged = true\ncache-keys = [\n  'pyproject.toml', # ours\n]\n"
        "[tool.hatch.env]\nrequires = ['a']\n[tool.hatch.envs.docs]\n"
    )
    found = init(text, "--write", "--lock", "locks/{variant}.txt", files=LOCKS)
    assert found.code == 0
    keys = found.table["tool"]["uv"]["cache-keys"]
    assert keys == [
        "pyproject.toml",
        {"file": "locks/cpu.txt"},
        {"file": "locks/cu128.txt"},
        {"env": "CUDAPIN_VARIANT"},
    ]
    assert "  'pyproject.toml', # ours\n  { file" in found.text
    env = found.table["tool"]["hatch"]["env"]
    assert env == {"requires": ["a", "cudapin[hatch]"], "collectors": {"cudapin": {}}}
    assert init(None).out == AS_IT_IS


def test_the_default_has_to_be_named_where_nothing_tells_it(init: Any) -> None:
    text = BARE.replace("cpu =", "cu126 =")
    locks = {"locks/cu126.txt": LOCKS["locks/cpu.txt"], "locks/cu128.txt": LOCKS["locks/cu128.txt"]}
    found = init(text, "--write", files=locks)
    assert (found.code, found.text) == (2, text)
    assert found.err == (
        "error[CP105]: which variant a build is of that names none has to be decided\n"
        "  why: the variants are `cu126`, `cu128`, and none of them is `cpu`\n"
        "  fix: cudapin init --default cu128\n"
    )
    wrong = init(text, "--default", "cu12")
    assert wrong.err.startswith("error[CP112]: there is no variant `cu12`\n")
    found = init(text, "--write", "--default", "cu128")
    assert found.table["tool"]["cudapin"]["default"] == "cu128"
    assert init(None, "--default", "cu128").out == AS_IT_IS
    assert "`[tool.cudapin]` has `default = 'cu128'`" in init(None, "--default", "cu126").err
    single = init(BARE.replace('cpu = ["torch>=2.9"]\n', ""))
    assert (single.code, "default" in single.out) == (0, False)


def test_several_locks_are_not_chosen_from(init: Any, tmp_path: Path) -> None:
    lock = locked(COMPILE.format("cpu"), "numpy==2.0", "torch==2.9.0")
    files = {"requirements.txt": lock, "requirements.lock": lock}
    found = init(BARE, files=files)
    assert (found.code, found.out) == (2, "")
    assert found.err == (
        "error[CP114]: several lock files compete, and none is named\n"
        "  --> pyproject.toml (tool.cudapin.lock)\n"
        "  why: found `requirements.lock`, `requirements.txt`\n"
        "  fix: cudapin init --lock requirements.lock\n"
    )
    assert init(BARE, "--lock", "requirements.txt", "--write").table["tool"]["cudapin"]["lock"] == "requirements.txt"
    assert "`[tool.cudapin]` has `lock = 'requirements.txt'`" in init(None, "--lock", "requirements.lock").err
    for name in files:
        (tmp_path / name).unlink()
    both = {f"requirements/{name}.txt": LOCKS[f"locks/{name}.txt"] for name in ("cpu", "cu128")}
    found = init(BARE, files={**LOCKS, **both})
    assert (found.code, found.err.splitlines()[-1]) == (2, "  fix: cudapin init --lock 'locks/{variant}.txt'")


def test_what_check_will_say_is_said_before(init: Any) -> None:
    found = init(BARE)
    assert found.err.splitlines()[1:] == [
        "note: `cudapin check` then says error[CP202]: there is no lock file `uv.lock`; fix: uv lock"
    ]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("[project.opt", "[tool.hatch]\nbuild = { hooks = { custom = {} } }\n[project.opt"),
        ("[project.opt", "[tool]\nhatch = {}\n[project.opt"),
        (
            '[build-system]\nrequires = ["hatchling"]  # the backend\nbuild-backend = "hatchling.build"\n',
            "build-system = { requires = ['hatchling'], build-backend = 'hatchling.build' }\n",
        ),
    ],
)
def test_a_form_that_cannot_be_added_to_is_left_alone(init: Any, old: str, new: str) -> None:
    text = BARE.replace(old, new)
    assert text != BARE
    found = init(text, "--write", files=LOCKS)
    assert (found.code, found.text) == (2, text)
    assert found.err.startswith("error[CP112]: `pyproject.toml` is written in a form that `init` cannot add to\n")


@pytest.mark.parametrize(
    "table",
    ["[tool.hatch]\nenv = 1\nmetadata = 2\n", "[tool.uv]\ncache-keys = 1\n", "[tool.hatch.build]\nhooks = 1\n"],
)
def test_tables_that_are_none_are_left_alone(init: Any, table: str) -> None:
    found = init(BARE + table, "--write", files=LOCKS)
    assert (found.code, found.text) == (2, BARE + table)
    assert "Traceback" not in found.err


def test_settings_in_hatch_toml_are_not_overlooked(init: Any) -> None:
    found = init(BARE, "--write", files={**LOCKS, "hatch.toml": "[build.hooks.custom]\n"})
    assert (found.code, found.text) == (2, BARE)
    assert found.err == (
        "error[CP112]: `hatch.toml` holds the settings of `build`, and `init` does not write there\n"
        "  why: hatch then takes nothing from `[tool.hatch.build]` of `pyproject.toml`\n"
        "  fix: add `[build.hooks.cudapin]` at the end of `hatch.toml`, then run `cudapin init` again\n"
    )
    found = init(BARE, "--write", files={"hatch.toml": "[build.hooks.custom]\n[build.hooks.cudapin]\n"})
    assert found.code == 0
    assert found.table["tool"]["hatch"]["metadata"] == {"hooks": {"cudapin": {}}}
    assert "build" not in found.table["tool"]["hatch"]
    assert init(None).out == AS_IT_IS
    broken = init(None, files={"hatch.toml": "["})
    assert broken.err.startswith("error[CP101]: `hatch.toml` is not valid TOML\n")


def test_hooks_of_the_wheel_target_that_would_run_later_are_said(init: Any) -> None:
    found = init(f"{BARE}\n[tool.hatch.build.targets.wheel.hooks.custom]\n", files=LOCKS)
    assert (
        "note: `custom` of `build.targets.wheel.hooks` run after `cudapin`: move them to `build.hooks`\n" in found.err
    )


def test_dynamic_extras_cannot_be_seen(init: Any) -> None:
    text = BARE.split("[project.optional", maxsplit=1)[0].replace(
        'version = "1.2"', 'version = "1.2"\ndynamic = ["optional-dependencies"]'
    )
    assert "note: the extras are dynamic: a variant that one of them selects cannot be seen here\n" in init(text).err


def test_no_project_and_a_file_that_cannot_be_written(
    init: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert init("[tool.uv.workspace]\n").err.startswith("error[CP112]: there is no project here\n")

    def fail(*_: Any) -> None:
        raise PermissionError(13, os.strerror(13))

    monkeypatch.setattr("pathlib.Path.replace", fail)
    found = init(BARE, "--write", files=LOCKS)
    assert (found.code, found.text) == (2, BARE)
    assert found.err == (
        "error[CP112]: `pyproject.toml` cannot be written\n"
        "  why: Permission denied\n"
        "  fix: make it a file that you may write\n"
    )
    assert not list(tmp_path.glob(".*"))
