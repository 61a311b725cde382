"""The command line: exit codes, streams, formats, misspellings."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from cudapin import __version__
from cudapin.cli.main import main
from unit.support import COMPILE, PROJECT, STALE_CPU, STALE_TEXT, VARIANTS, A, locked, write

SRC = Path(__file__).parents[3] / "src"
Files = dict[str, "str | bytes"]
UV_LOCK = f"""\
version = 1
revision = 3
requires-python = ">=3.10"

[[package]]
name = "demo"
version = "1.0"
source = {{ virtual = "." }}
dependencies = [
    {{ name = "alpha" }},
]

[package.metadata]
requires-dist = [{{ name = "alpha" }}]

[[package]]
name = "alpha"
version = "2.0"
source = {{ registry = "https://index.example/simple" }}
wheels = [
    {{ url = "https://index.example/alpha-2.0-py3-none-any.whl", hash = "sha256:{A}" }},
]
"""
UV_PROJECT = """\
[project]
name = "demo"
version = "1.0"
requires-python = ">=3.10"
dependencies = ["alpha"]
[[tool.uv.index]]
url = "https://index.example/simple"
default = true
"""
GATE: Files = {"pyproject.toml": UV_PROJECT, "uv.lock": UV_LOCK}


class Run:
    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err

    @property
    def json(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.out)
        assert found["schema"] == 1
        assert list(found)[:4] == ["schema", "command", "ok", "problems"]
        assert found["ok"] is (self.code == 0)
        return found


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    monkeypatch.chdir(tmp_path)

    def call(*arguments: str, files: Files | None = None) -> Run:
        write(tmp_path, files or {})
        code = main(arguments)
        captured = capsys.readouterr()
        return Run(code, captured.out, captured.err)

    return call


# check


def test_check_of_what_is_right(run: Any) -> None:
    found = run("check", files=VARIANTS)
    assert (found.code, found.err) == (0, "")
    assert found.out == "cpu: ok\n  torch 2.9.0+cpu\ncu128: ok\n  torch 2.9.0+cu128\n"


def test_check_as_json(run: Any) -> None:
    assert run("check", "--format", "json", files=VARIANTS).json == {
        "schema": 1,
        "command": "check",
        "ok": True,
        "problems": [],
        "variants": [
            {"name": "cpu", "verdict": "ok", "packages": {"torch": "2.9.0+cpu"}},
            {"name": "cu128", "verdict": "ok", "packages": {"torch": "2.9.0+cu128"}},
        ],
    }


def test_check_finds_something_wanting(run: Any) -> None:
    found = run("check", files=STALE_CPU)
    assert (found.code, found.err) == (1, f"{STALE_TEXT}\n")
    assert found.out == "cpu: wrong\n  torch 2.9.0+cpu\ncu128: ok\n  torch 2.9.0+cu128\n"


def test_check_of_one_variant(run: Any) -> None:
    assert run("check", "--variant", "cu128", files=STALE_CPU).code == 0
    assert run("check", "--variant", "cpu").code == 1
    assert run("check", "--variant", "cpu", "--variant", "cu128").code == 1
    assert run("check", "--all").code == 1


def test_check_of_auto_is_of_the_variant_that_it_means(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDAPIN_DRIVER_VERSION", "")
    monkeypatch.setenv("CUDAPIN_GPU_ARCH", "")
    assert run("check", "--variant", "auto", files=VARIANTS).out == "cpu: ok\n  torch 2.9.0+cpu\n"


@pytest.mark.parametrize(
    ("text", "why", "fix"),
    [
        (PROJECT, "declares `cpu`, `cu128`", "use `cu128`; the names are `cpu`, `cu128`"),
        (PROJECT.partition("[tool.cudapin]")[0], "declares none", "remove `--variant cu12`"),
    ],
)
def test_check_of_a_variant_that_is_not_declared(run: Any, text: str, why: str, fix: str) -> None:
    found = run("check", "--variant", "cu12", files={**VARIANTS, "pyproject.toml": text})
    assert (found.code, found.out) == (2, "")
    assert found.err == (
        "error[CP104]: no variant `cu12` is declared\n"
        f"  why: `--variant` asks for `cu12`; `[tool.cudapin.variants]` {why}\n"
        f"  fix: {fix}\n"
    )


@pytest.mark.parametrize(
    ("files", "code"),
    [
        ({"pyproject.toml": PROJECT.replace("pin =", "pni =")}, 2),
        ({"pyproject.toml": "["}, 2),
        ({"pyproject.toml": "project = 1"}, 2),
        ({"locks/cpu.txt": "torch\n"}, 3),
        ({"locks/cpu.txt": b"\xff"}, 3),
        ({"locks/cpu.txt": locked("uv export", "torch==1")}, 3),
        ({"pyproject.toml": PROJECT.replace("[project.optional", "dynamic = ['x']\n[project.optional")}, 0),
        ({"pyproject.toml": PROJECT.replace("cu128 = [", "cuda = [")}, 1),
        ({"pyproject.toml": PROJECT.replace('"cudapin"]', '"torch"]').replace("pin =", "build-requires =")}, 2),
    ],
)
def test_exit_codes(run: Any, files: Files, code: int) -> None:
    assert run("check", files={**VARIANTS, **files}).code == code


def test_the_extra_of_a_variant_must_exist(run: Any) -> None:
    text = PROJECT.replace("arch =", 'extra = "cu12"\narch =')
    assert run("check", files={**VARIANTS, "pyproject.toml": text}).err == (
        "error[CP113]: variant `cu128` is selected by the extra `cu12`, which the project does not have\n"
        "  --> pyproject.toml:21 (tool.cudapin.variants.cu128.extra)\n"
        "  why: the project's extras are `cpu`, `cu128`\n"
        "  fix: use `cu128`; the names are `cpu`, `cu128`\n"
    )


def test_a_build_requirement_in_two_places(run: Any) -> None:
    text = PROJECT.replace('"cudapin"]', '"Torch>=1"]').replace("pin =", "build-requires =")
    assert run("check", files={**VARIANTS, "pyproject.toml": text}).err == (
        "error[CP110]: `torch` stands in `build-requires` and in `[build-system].requires`\n"
        "  --> pyproject.toml:2 (build-system.requires)\n"
        "  why: pip refuses a build requirement that it has installed in another version already\n"
        "  fix: remove `torch` from `[build-system].requires`\n"
    )


def test_uv_without_cache_keys(run: Any) -> None:
    found = run("check", files={**VARIANTS, "pyproject.toml": PROJECT + "[tool.uv]\n"})
    assert (found.code, found.err) == (
        0,
        (
            "warning[CP209]: uv may install a wheel that it built for another variant\n"
            "  --> pyproject.toml:24 (tool.uv.cache-keys)\n"
            "  why: `[tool.uv] cache-keys` does not name `CUDAPIN_VARIANT`, so uv does not see it change\n"
            '  fix: add `cache-keys = [{ file = "pyproject.toml" }, { file = "locks/cpu.txt" }, '
            '{ file = "locks/cu128.txt" }, { env = "CUDAPIN_VARIANT" }]` to `[tool.uv]`\n'
        ),
    )
    assert run("check", "-q").err == ""
    other = PROJECT.replace("hatchling.build", "setuptools.build_meta") + "[tool.uv]\n"
    assert run("check", files={"pyproject.toml": other}).err == ""


def test_a_waiver_is_told_and_counts(run: Any) -> None:
    text = PROJECT + '[[tool.cudapin.allow]]\ncode = "CP201"\nreason = "later"\n'
    found = run("check", files={**STALE_CPU, "pyproject.toml": text})
    assert found.code == 0
    assert found.err == (
        "note: waived CP201: `locks/cpu.txt` does not pin what `project.dependencies` asks for (later)\n"
    )
    assert run("check", "-q").err == ""


MEMBERS: Files = {
    "pyproject.toml": '[tool.uv.workspace]\nmembers = ["packages/*"]\n',
    **{f"packages/a/{name}": text for name, text in STALE_CPU.items()},
    "packages/b/pyproject.toml": '[project]\nname = "b"\n[tool.cudapin]\nx = 1\nlock = false\n',
    "packages/c/pyproject.toml": '[project]\nname = "c"\nversion = "1"\n[tool.cudapin]\nlock = false\n',
}


def test_check_at_a_workspace_root_is_of_every_member(run: Any) -> None:
    found = run("check", "--format", "json", files=MEMBERS)
    assert found.code == 2
    places = [(problem["code"], problem["where"]["path"]) for problem in found.json["problems"]]
    assert places == [
        ("CP201", "packages/a/pyproject.toml"),
        ("CP102", "packages/b/pyproject.toml"),
        ("CP208", "packages/c/pyproject.toml"),
    ]
    assert [(row["project"], row["name"], row["verdict"]) for row in found.json["variants"]] == [
        ("packages/a/", "cpu", "wrong"),
        ("packages/a/", "cu128", "ok"),
    ]
    assert run("check", "--project", "packages/c").code == 0


def test_a_variant_that_one_member_declares(run: Any) -> None:
    files = {**MEMBERS, "packages/b/pyproject.toml": MEMBERS["packages/c/pyproject.toml"]}
    found = run("check", "--variant", "cu128", files=files)
    assert (found.code, found.out) == (0, "packages/a/cu128: ok\n  torch 2.9.0+cu128\n")


# lock check


def test_lock_check(run: Any) -> None:
    found = run("lock", "check", files=GATE)
    assert (found.code, found.out, found.err) == (0, "uv.lock: fresh\n", "")
    document = run("lock", "check", "--format=json").json
    digest = document["lock"].pop("sha256")
    assert len(digest) == 64
    assert document == {
        "schema": 1,
        "command": "lock check",
        "ok": True,
        "problems": [],
        "lock": {"path": "uv.lock", "format": "uv"},
        "verdict": "fresh",
    }


@pytest.mark.parametrize(
    ("files", "code", "verdict"),
    [
        ({"pyproject.toml": UV_PROJECT.replace('["alpha"]', '["alpha", "beta"]')}, 1, "stale"),
        ({"uv.lock": "version = 9"}, 3, "unknown"),
        ({"uv.lock": "["}, 3, "unknown"),
        ({"pyproject.toml": UV_PROJECT + "[tool.cudapin]\nlock = 'poetry.lock'\n", "poetry.lock": ""}, 3, "unknown"),
        ({"pyproject.toml": UV_PROJECT + "[tool.cudapin]\nlock = 'gone.txt'\n"}, 1, "missing"),
        ({"pyproject.toml": UV_PROJECT + "[tool.cudapin]\nlock = false\n"}, 0, "unknown"),
    ],
)
def test_verdicts(run: Any, files: Files, code: int, verdict: str) -> None:
    found = run("lock", "check", "--format", "json", files={**GATE, **files})
    assert (found.code, found.json["verdict"]) == (code, verdict)


def test_no_gate_is_said(run: Any) -> None:
    found = run("lock", "check", files={**GATE, "pyproject.toml": UV_PROJECT + "[tool.cudapin]\nlock = false\n"})
    assert (found.code, found.out) == (0, "unknown: no lock gate\n")
    assert found.err == (
        "warning[CP208]: this project has no lock gate\n  --> pyproject.toml (tool.cudapin.lock)\n"
        "  why: `lock = false`: what it builds from is not checked\n"
        "  fix: remove `lock = false` to have it checked\n"
    )


def test_several_locks_are_told_by_the_worst(run: Any) -> None:
    document = run("lock", "check", "--format", "json", files=STALE_CPU).json
    assert (document["verdict"], document["lock"]["path"]) == ("stale", "locks/cpu.txt")
    assert [(lock["path"], lock["verdict"]) for lock in document["locks"]] == [
        ("locks/cpu.txt", "stale"),
        ("locks/cu128.txt", "fresh"),
    ]
    assert run("lock", "check", "--lock", "locks/cu128.txt").out == "locks/cu128.txt: fresh\n"
    assert run("lock", "check", "--lock", "gone.txt").code == 1


# lock show


def test_lock_show(run: Any) -> None:
    assert run("lock", "show", files=GATE).out == "alpha  2.0  https://index.example/simple\n"
    document = run("lock", "show", "--format", "json").json
    (package,) = document["packages"]
    assert (package["name"], package["version"], package["direct"]) == ("alpha", "2.0", True)
    assert package["files"] == [
        {
            "name": "alpha-2.0-py3-none-any.whl",
            "url": "https://index.example/alpha-2.0-py3-none-any.whl",
            "hashes": {"sha256": A},
        }
    ]
    assert list(package) == ["name", "version", "index", "files", "direct"]


def test_lock_show_of_variants(run: Any) -> None:
    assert run("lock", "show", files=VARIANTS).out == "numpy  2.0\ntorch  2.9.0+cpu\n"
    assert run("lock", "show", "--variant", "cu128").out == "numpy  2.0\ntorch  2.9.0+cu128\n"
    found = run("lock", "show", "--variant", "cu128", "--extra", "cpu")
    assert (found.code, found.err) == (
        2,
        (
            "error[CP112]: `--variant` and `--extra`/`--group` exclude each other\n"
            "  why: both were given\n  fix: leave one out\n"
        ),
    )


MARKERS = (
    "a==1 ; sys_platform == 'win32' and platform_machine == 'AMD64'\n"
    "b==1 ; sys_platform == 'linux' and platform_machine == 'aarch64'\n"
    "c==1 ; python_version == '3.11'\nd==1 ; python_full_version == '3.12.4'\n"
    "e==1 ; sys_platform == 'darwin' and platform_machine == 'arm64'\nf==1 ; platform_machine == 'ARM64'\n"
    "g==1 ; platform_machine == 'x86'\n"
)
SHOWN: Files = {
    "pyproject.toml": '[project]\nname = "demo"\n[tool.cudapin]\nlock = "lock.txt"\n',
    "lock.txt": MARKERS,
}


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ("--platform win_amd64 --python 3.10", "a"),
        ("--platform linux_aarch64 --python 3.10", "b"),
        ("--platform manylinux_2_28_aarch64 --python 3.10", "b"),
        ("--platform musllinux_1_2_aarch64 --python 3.10", "b"),
        ("--platform manylinux2014_aarch64 --python 3.11", "b c"),
        ("--platform linux_x86_64 --python 3.12.4", "d"),
        ("--platform macosx_11_0_arm64 --python 3.10", "e"),
        ("--platform win_arm64 --python 3.10", "f"),
        ("--platform win32 --python 3.10", "g"),
    ],
)
def test_lock_show_of_an_environment(run: Any, options: str, expected: str) -> None:
    document = run("lock", "show", "--format", "json", *options.split(), files=SHOWN).json
    assert [package["name"] for package in document["packages"]] == expected.split()


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ("--python 2.7", "`--python` is no Python version"),
        ("--python 3.x", "`--python` is no Python version"),
        ("--platform any", "`--platform` is no platform tag"),
        ("--platform linuxx86", "`--platform` is no platform tag"),
        ("--platform linux", "`--platform` is no platform tag"),
        ("--platform win64", "`--platform` is no platform tag"),
        ("--variant cpu", "there is no variant `cpu`"),
    ],
)
def test_wrong_use_of_lock_show(run: Any, options: str, what: str) -> None:
    found = run("lock", "show", *options.split(), files=SHOWN)
    assert (found.code, found.out, found.err.splitlines()[0]) == (2, "", f"error[CP112]: {what}")


def test_an_override_of_the_target_counts(run: Any) -> None:
    text = PROJECT + (
        '[[tool.cudapin.variants.cu128.overrides]]\nwhen = "platform_machine == \'aarch64\'"\nlock = "locks/arm.txt"\n'
    )
    files = {**VARIANTS, "pyproject.toml": text, "locks/arm.txt": locked(COMPILE.format("cu128"), "torch==2.8+cu128")}
    found = run("lock", "show", "--variant", "cu128", "--platform", "linux_aarch64", files=files)
    assert found.out == "torch  2.8+cu128\n"


# Arguments


@pytest.mark.parametrize(
    ("arguments", "why", "fix"),
    [
        (
            "chek",
            "argument COMMAND: invalid choice: 'chek'",
            "use `check`",
        ),
        ("lock shwo", "argument ACTION: invalid choice: 'shwo'", "use `show`; the names are `check`, `show`, `diff`"),
        ("check --varaint x", "unrecognized arguments: --varaint x", "use `--variant`"),
        ("check --zzz", "unrecognized arguments: --zzz", "cudapin --help"),
        ("lock check --lokc=x", "unrecognized arguments: --lokc=x", "use `--lock`"),
        ("check --format xml", "argument --format: invalid choice: 'xml'", "the names are `text`, `json`, `github`"),
        ("", "the following arguments are required: COMMAND", "cudapin --help"),
        ("lock", "the following arguments are required: ACTION", "cudapin lock --help"),
        ("check --variant", "argument --variant: expected one argument", "cudapin check --help"),
        ("check --all --variant x", "argument --variant: not allowed with argument --all", "cudapin check --help"),
    ],
)
def test_misspelled_arguments(run: Any, arguments: str, why: str, fix: str) -> None:
    found = run(*arguments.split(), files=VARIANTS)
    assert (found.code, found.out) == (2, "")
    head, told_why, told_fix = found.err.splitlines()
    assert head.startswith("error[CP112]: `cudapin")
    assert told_why.startswith(f"  why: {why}")
    assert told_fix == f"  fix: {fix}"


@pytest.mark.parametrize("arguments", ["--format json chek", "chek --format=json"])
def test_wrong_arguments_are_told_in_the_format_asked_for(run: Any, arguments: str) -> None:
    document = run(*arguments.split()).json
    assert (document["command"], document["problems"][0]["code"]) == ("cudapin", "CP112")


@pytest.mark.parametrize(
    "arguments",
    [
        "--format json --project x lock check",
        "lock --format json check --project x",
        "lock check --project x --format json",
    ],
)
def test_global_options_stand_anywhere(run: Any, arguments: str) -> None:
    files = {f"x/{name}": text for name, text in GATE.items()}
    assert run(*arguments.split(), files=files).json["verdict"] == "fresh"


def test_the_project_is_found_upwards(run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, {**GATE, "a/b/x": ""})
    monkeypatch.chdir(tmp_path / "a/b")
    assert run("lock", "check").code == 0
    found = run("check", "--project", "nowhere")
    assert (found.code, found.err.splitlines()[0]) == (
        2,
        f"error[CP112]: there is no directory `{tmp_path}/a/b/nowhere`",
    )


def test_version_and_help(run: Any, capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (["--version"], ["--help"], ["lock", "show", "--help"]):
        with pytest.raises(SystemExit) as caught:
            run(*arguments)
        assert caught.value.code == 0
    assert f"cudapin {__version__}\n" in capsys.readouterr().out


# Output


def test_workflow_commands(run: Any) -> None:
    found = run("check", "--format", "github", files=STALE_CPU)
    assert found.err == ""
    assert found.out.splitlines()[-1] == (
        "::error file=pyproject.toml,line=8,title=CP201::`locks/cpu.txt` does not pin what `project.dependencies` asks "
        "for. why: wanted `numpy>=1`, the lock has no `numpy`. "
        "fix: uv pip compile pyproject.toml --generate-hashes --extra cpu"
    )


def test_colour(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run("check", "--color", "always", files=STALE_CPU).err.startswith("\033[1;31merror[CP201]\033[0m: `locks")
    assert run("check", "--color", "never").err == f"{STALE_TEXT}\n"
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    assert run("check").err.startswith("\033[1;31m")
    monkeypatch.setenv("NO_COLOR", "1")
    assert run("check").err == f"{STALE_TEXT}\n"


def test_warnings_are_yellow(run: Any) -> None:
    files = {"pyproject.toml": '[project]\nname = "x"\n[tool.cudapin]\nlock = false\n'}
    assert run("check", "--color=always", files=files).err.startswith("\033[1;33mwarning[CP208]\033[0m: ")


def test_an_error_of_ours(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        message = "surprise"
        raise RuntimeError(message)

    monkeypatch.setattr("cudapin.cli.commands.check", broken)
    found = run("check", files=VARIANTS)
    assert found.code == 70
    assert "RuntimeError: surprise\n" in found.err
    assert found.err.endswith(
        "error[CP900]: cudapin itself failed\n  why: this is never a fault of yours\n"
        "  fix: report it, with the traceback above, as an issue of cudapin; `CUDAPIN=off` builds without it\n"
    )
    assert run("check", "--format", "json").json["problems"][0]["code"] == "CP900"


def python(code: str, cwd: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    variables = {**os.environ, "PYTHONPATH": str(SRC), **environ}
    command = [sys.executable, "-c", code]
    return subprocess.run(command, cwd=cwd, env=variables, capture_output=True, text=True, check=False, timeout=60)


def test_importing_the_package_loads_the_standard_library_only(tmp_path: Path) -> None:
    code = (
        "import sys; before = set(sys.modules); import cudapin\n"
        "found = {name.partition('.')[0] for name in set(sys.modules) - before}\n"
        "print(sorted(found - set(sys.stdlib_module_names) - {'cudapin'}))"
    )
    assert python(code, tmp_path).stdout == "[]\n"


def test_the_hooks_load_hatchlings_plugin_module_only(tmp_path: Path) -> None:
    code = "import sys, cudapin.hooks; print(sorted(n for n in sys.modules if n.startswith('cudapin')))"
    assert python(code, tmp_path).stdout == "['cudapin', 'cudapin.hooks']\n"


def test_the_command_line_loads_neither_hatch_nor_a_driver_library(tmp_path: Path) -> None:
    write(tmp_path, VARIANTS)
    code = (
        "import sys; from cudapin.cli.main import main; main(['check', '-q'])\n"
        "print([n for n in ('hatch', 'hatchling', 'pynvml') if n in sys.modules])"
    )
    assert python(code, tmp_path).stdout.endswith("[]\n")


def test_a_reader_that_goes_away(tmp_path: Path) -> None:
    write(tmp_path, {**SHOWN, "lock.txt": "".join(f"package-{number}==1\n" for number in range(9000))})
    code = (
        "import subprocess, sys\n"
        "p = subprocess.Popen([sys.executable, '-m', 'cudapin', 'lock', 'show'], stdout=-1, stderr=-1)\n"
        "p.stdout.readline(); p.stdout.close()\n"
        "print(p.wait(), p.stderr.read())"
    )
    assert python(code, tmp_path).stdout == "0 b''\n"


def test_text_that_the_stream_cannot_write(tmp_path: Path) -> None:
    text = PROJECT.replace("variants.cpu", "variants.cu126")
    write(tmp_path, {**VARIANTS, "pyproject.toml": text})
    code = "from cudapin.cli.main import main; raise SystemExit(main(['check', '--format=github']))"
    found = python(code, tmp_path, PYTHONIOENCODING="ascii")
    assert (found.returncode, found.stderr) == (2, "")
    assert "title=CP105::" in found.stdout


def test_variants_without_the_build_hook(run: Any) -> None:
    text = PROJECT.replace("[tool.hatch.build.hooks.cudapin]\n", "")
    done = run("check", files={**VARIANTS, "pyproject.toml": text})
    assert done.code == 2
    assert "error[CP106]: variants are declared, and the build hook `cudapin` is not\n" in done.err
    assert "  fix: add `[tool.hatch.build.hooks.cudapin]`, after the tables of other build hooks\n" in done.err


def test_check_of_a_gate_alone_says_what_it_judged(run: Any) -> None:
    done = run("check", files=GATE)
    assert (done.code, done.out) == (0, "uv.lock: fresh\n")


@pytest.mark.parametrize(
    ("files", "options", "what"),
    [
        ({"pyproject.toml": "[tool.uv.workspace]\nmembers = []\n"}, "", "there is no project here"),
        (VARIANTS, "--extra cpu", "each variant has a lock file of its own"),
    ],
)
def test_what_lock_show_cannot_show(run: Any, files: Files, options: str, what: str) -> None:
    done = run("lock", "show", *options.split(), files=files)
    assert done.code == 2
    assert done.err.startswith(f"error[CP112]: {what}\n")


@pytest.mark.parametrize("command", ["lock show", "export --to requirements"])
def test_the_variable_names_the_variant_as_in_a_build(run: Any, monkeypatch: pytest.MonkeyPatch, command: str) -> None:
    monkeypatch.setenv("CUDAPIN_VARIANT", "cu128")
    assert "+cu128" in run(*command.split(), files=VARIANTS).out
    monkeypatch.setenv("CUDAPIN_VARIANT", "cu12")
    assert run(*command.split()).err.startswith(
        "error[CP104]: no variant `cu12` is declared\n"
        "  why: CUDAPIN_VARIANT asks for `cu12`; `[tool.cudapin.variants]` declares `cpu`, `cu128`\n"
    )


def test_an_extra_that_the_project_does_not_have(run: Any) -> None:
    text = UV_PROJECT.replace("[[tool", "[project.optional-dependencies]\ngpu = []\n[[tool")
    assert run("lock", "show", "--extra", "gpo", files={**GATE, "pyproject.toml": text}).err == (
        "error[CP112]: the project has no extra `gpo`\n"
        "  why: `--extra` asks for `gpo`; the extras are `gpu`\n"
        "  fix: use `gpu`; the names are `gpu`\n"
    )


def test_verbose_names_the_files_that_counted(run: Any) -> None:
    assert "note: read" not in run("check", files=GATE).err
    found = run("check", "-v", files=GATE).err
    assert "note: read pyproject.toml\n" in found
    assert "note: read uv.lock\n" in found
    assert "note: read" not in run("check", "-v", "-q").err


def test_the_variables_are_checked_where_a_build_would_check_them(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    commands = (["check"], ["lock", "check"], ["lock", "show"], ["export", "--to", "requirements"])
    monkeypatch.setenv("CUDAPIN_VARIANT", "cu182")
    for command in commands:
        found = run(*command, files=VARIANTS)
        assert (found.code, found.out) == (2, "")
        assert found.err == (
            "error[CP104]: no variant `cu182` is declared\n"
            "  why: CUDAPIN_VARIANT asks for `cu182`; `[tool.cudapin.variants]` declares `cpu`, `cu128`\n"
            "  fix: use `cu128`; the names are `cpu`, `cu128`, `auto`\n"
        )
    for command in (["check"], ["lock", "show"], ["export", "--to", "requirements"]):
        assert run(*command, "--variant", "cpu").code == 0  # then the variable does not count
    monkeypatch.setenv("CUDAPIN_VARIANT", "cu128")
    assert run("lock", "check").code == 0
    monkeypatch.setenv("CUDAPIN", "of")
    for command in commands:
        found = run(*command)
        assert (found.code, found.out) == (2, "")
        assert found.err == (
            "error[CP108]: `CUDAPIN` has a value that means nothing\n"
            "  why: wanted `off` or nothing, found `of`\n"
            "  fix: unset CUDAPIN, or set it to `off`\n"
        )


def test_a_lock_that_is_named_does_not_compete(run: Any) -> None:
    files = {**GATE, "requirements.lock": f"beta==1.0 --hash=sha256:{A}\n"}
    assert run("lock", "check", files=files).code == 2
    found = run("lock", "check", "--lock", "uv.lock")
    assert (found.code, found.out, found.err) == (0, "uv.lock: fresh\n", "")


@pytest.mark.parametrize("text", ["hello world\n", "[project]\nname = 'x'\n", "alpha\nbeta>=2\n", "\x01\n"])
def test_a_file_that_is_no_lock(run: Any, text: str) -> None:
    found = run("lock", "check", "--lock", "notes.txt", files={**GATE, "notes.txt": text})
    assert (found.code, found.out) == (3, "notes.txt: unknown\n")
    assert found.err == (
        "error[CP205]: `notes.txt` is no lock file\n"
        "  --> notes.txt\n"
        "  why: wanted a lock file of uv, poetry or pdm, a `pylock.toml`, or requirements with hashes; "
        "no line pins a version\n"
        "  fix: name a lock file of the project: `uv.lock`\n"
    )


@pytest.mark.parametrize("style", [[], ["--format", "json"], ["--format", "github"]])
@pytest.mark.parametrize(("stream", "why"), [("full", "No space left on device"), (None, "there is none")])
def test_an_output_that_takes_nothing(
    run: Any, monkeypatch: pytest.MonkeyPatch, style: list[str], stream: str | None, why: str
) -> None:
    """What is lost is said, and is neither a verdict nor a fault of cudapin; the problems are said as well."""

    class Full:
        def write(self, _: str) -> int:
            raise OSError(28, "No space left on device")

        def flush(self) -> None:
            raise AssertionError

        def fileno(self) -> int:
            raise OSError

    stale = {**GATE, "pyproject.toml": UV_PROJECT.replace("alpha", "alpha<2")}
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", Full() if stream else None)
        found = run("lock", "check", *style, files=stale)
    lost = (
        "error[CP112]: what was asked for cannot be written to standard output\n"
        f"  why: wanted an output that takes it, found: {why}\n"
        "  fix: run it again with an output that is open and has room\n"
    )
    assert found.code == 2
    assert found.err.endswith(lost)
    assert ("error[CP201]" in found.err) is (not style)


def test_dynamic_dependencies_that_stand_in_a_file(run: Any) -> None:
    """They are judged where a build would only read them; what runs code of the project's own stays unknown."""
    dynamic = """[build-system]
requires = ["setuptools"]
build-backend = "setuptools.build_meta"
[tool.setuptools.dynamic]
dependencies = { file = "requirements.txt" }
"""
    project = UV_PROJECT.replace('dependencies = ["alpha"]', 'dynamic = ["dependencies"]') + dynamic
    lock = UV_LOCK.replace("virtual", "editable")
    files: Files = {"pyproject.toml": project, "uv.lock": lock, "requirements.txt": "alpha\n"}
    assert (found := run("lock", "check", files=files)).out == "uv.lock: fresh\n", found.err
    assert run("lock", "check", files={"requirements.txt": "alpha<3\n"}).err == (
        "error[CP201]: `uv.lock` is stale: the requirements on `alpha` have changed\n"
        "  --> pyproject.toml:1 (project.dependencies)\n"
        "  why: wanted `alpha<3`, the lock has `alpha`\n"
        "  fix: uv lock\n"
    )
    assert run("lock", "check", files={"setup.py": ""}).code == 3
