"""`cudapin export`: what it writes, where, and when it refuses."""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING, Any

import pytest

from cudapin.cli.main import main
from unit.cli.test_cli import GATE, UV_LOCK, UV_PROJECT, Run
from unit.support import STALE_CPU, STALE_TEXT, VARIANTS, A, write

if TYPE_CHECKING:
    from pathlib import Path

WHERE = ("--python", "3.12", "--platform", "linux_x86_64")
EXPORT = ("export", *WHERE, "--to", "requirements")
TEXT = f"""\
# This file was made by cudapin with the following command:
#    cudapin export --python 3.12 --platform linux_x86_64 --to requirements
# The lock file that it was made from: uv.lock
--index-url https://index.example/simple
alpha==2.0 \\
    --hash=sha256:{A}
"""


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    monkeypatch.chdir(tmp_path)

    def call(*arguments: str, files: dict[str, str | bytes] | None = None) -> Run:
        write(tmp_path, files or {})
        code = main(arguments)
        captured = capsys.readouterr()
        return Run(code, captured.out, captured.err)

    return call


def test_to_standard_output(run: Any) -> None:
    found = run(*EXPORT, files=GATE)
    assert (found.code, found.out, found.err) == (0, TEXT, "")


def test_to_a_file_once(run: Any, tmp_path: Path) -> None:
    found = run(*EXPORT, "-o", "out.txt", files=GATE)
    assert (found.code, found.out, found.err) == (0, "", "note: out.txt: written\n")
    assert (tmp_path / "out.txt").read_bytes() == TEXT.encode()
    os.utime(tmp_path / "out.txt", (1, 1))
    found = run(*EXPORT, "-o", "out.txt")
    assert (found.code, found.err) == (0, "note: out.txt: unchanged\n")
    assert (tmp_path / "out.txt").stat().st_mtime == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.txt", "pyproject.toml", "uv.lock"]


def test_a_file_that_is_replaced_keeps_its_mode(run: Any, tmp_path: Path) -> None:
    write(tmp_path, {"out.txt": "old"})
    (tmp_path / "out.txt").chmod(0o640)
    assert run(*EXPORT, "-o", "out.txt", files=GATE).code == 0
    assert (tmp_path / "out.txt").stat().st_mode & 0o777 == 0o640
    assert (tmp_path / "out.txt").read_text(encoding="utf-8") == TEXT


def test_as_json(run: Any) -> None:
    assert run(*EXPORT, "--format", "json", files=GATE).json == {
        "schema": 1,
        "command": "export",
        "ok": True,
        "problems": [],
        "export": {
            "format": "requirements",
            "command": "cudapin export --python 3.12 --platform linux_x86_64 --to requirements",
            "lock": {"path": "uv.lock", "sha256": hashlib.sha256(UV_LOCK.encode()).hexdigest()},
            "sha256": hashlib.sha256(TEXT.encode()).hexdigest(),
            "path": None,
            "text": TEXT,
        },
    }


def test_the_running_python_and_platform_are_named(run: Any) -> None:
    line = run("export", "--to", "requirements", files=GATE).out.split("\n")[1]
    words = line.split()
    again = run("export", *words[3:]).out
    assert words[3:7:2] == ["--python", "--platform"]
    assert again.split("\n")[1] == line


def test_a_variant(run: Any) -> None:
    found = run("export", "--variant", "cu128", *WHERE, "--to", "requirements", files=VARIANTS)
    assert found.code == 0
    assert found.out == (
        "# This file was made by cudapin with the following command:\n"
        "#    cudapin export --variant cu128 --python 3.12 --platform linux_x86_64 --to requirements\n"
        "# The lock file that it was made from: locks/cu128.txt\n"
        f"numpy==2.0 \\\n    --hash=sha256:{A}\n"
        f"torch==2.9.0+cu128 \\\n    --hash=sha256:{A}\n"
    )


def test_nothing_is_exported_from_a_stale_lock(run: Any, tmp_path: Path) -> None:
    found = run("export", "--variant", "cpu", *WHERE, "--to", "requirements", "-o", "out.txt", files=STALE_CPU)
    assert (found.code, found.out, found.err) == (1, "", f"{STALE_TEXT}\n")
    assert not (tmp_path / "out.txt").exists()


def test_a_stale_lock_may_be_waived(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDAPIN_ALLOW", "CP201")
    found = run("export", "--variant", "cpu", *WHERE, "--to", "requirements", files=STALE_CPU)
    assert found.code == 0
    assert found.err.startswith("note: waived CP201: `locks/cpu.txt` does not pin what `project.dependencies` asks for")


def test_nothing_is_exported_that_has_no_hash(run: Any, tmp_path: Path) -> None:
    bare = UV_LOCK.replace(f', hash = "sha256:{A}"', "")
    found = run(*EXPORT, "-o", "out.txt", files={**GATE, "uv.lock": bare})
    assert (found.code, found.out) == (1, "")
    assert found.err == (
        "error[CP211]: the export cannot hold `alpha`, which has no hash\n"
        "  --> uv.lock:16\n"
        "  why: wanted a SHA-256 or stronger for `alpha-2.0-py3-none-any.whl`, the lock has none\n"
        "  fix: lock `alpha` from an index that gives hashes\n"
    )
    assert not (tmp_path / "out.txt").exists()


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (
            ("--to", "pylock", "-o", "lock.toml"),
            "error[CP112]: installers would not take the output for a lock file\n"
            "  why: wanted `pylock.toml` or `pylock.NAME.toml`, found `lock.toml`\n"
            "  fix: use `-o pylock.toml`\n",
        ),
        (
            ("--to", "requirements", "-o", "uv.lock"),
            "error[CP112]: the output would overwrite its own source\n"
            "  why: `uv.lock` is the lock file that is exported\n"
            "  fix: name another file\n",
        ),
        (
            ("--to", "requirements", "--variant", "x"),
            "error[CP112]: there is no variant `x`\n"
            "  why: the project declares no variants\n"
            "  fix: use `--extra` or `--group`\n",
        ),
        (
            ("--to", "requirements", "--variant", "x", "--extra", "y"),
            "error[CP112]: `--variant` and `--extra`/`--group` exclude each other\n"
            "  why: both were given\n"
            "  fix: leave one out\n",
        ),
    ],
)
def test_wrong_use(run: Any, arguments: tuple[str, ...], text: str) -> None:
    found = run("export", *WHERE, *arguments, files=GATE)
    assert (found.code, found.out, found.err) == (2, "", text)


def test_an_output_that_cannot_be_written(run: Any, tmp_path: Path) -> None:
    found = run(*EXPORT, "-o", "none/out.txt", files=GATE)
    assert (found.code, found.out) == (2, "")
    assert found.err == (
        f"error[CP112]: `{tmp_path}/none/out.txt` cannot be written\n"
        "  why: No such file or directory\n"
        "  fix: name a file that can be written with `-o FILE`\n"
    )


def test_without_a_lock_gate(run: Any) -> None:
    found = run(*EXPORT, files={"pyproject.toml": f"{UV_PROJECT}[tool.cudapin]\nlock = false\n"})
    assert (found.code, found.out) == (2, "")
    assert found.err == (
        "error[CP112]: there is no lock file to export from\n  why: `lock = false`\n  fix: name a lock file\n"
    )


def test_an_export_is_judged_and_does_not_compete(run: Any) -> None:
    assert run(*EXPORT, "-o", "requirements.txt", files=GATE).code == 0
    assert run(*EXPORT[:-1], "pylock", "-o", "pylock.toml").code == 0
    for path in ("requirements.txt", "pylock.toml"):
        found = run("lock", "check", "--lock", path)
        assert (found.code, found.out, found.err) == (0, f"{path}: fresh\n", "")
    assert run("lock", "check").out == "uv.lock: fresh\n"
