"""The seal of an sdist."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import pytest

from cudapin.core.config import Waiver
from cudapin.core.lock import Pyproject, Source, UvInputs
from cudapin.core.seal import Seal, SealedFile, parse_seal, render_seal, sealed_path
from cudapin.errors import Code, LockError
from unit.support import A, faults, pyproject_of

OWN = pyproject_of('[project]\nname = "demo"\n')


def member(directory: str, **table: Any) -> Pyproject:
    return Pyproject(source=Source(path=f"../{directory}/pyproject.toml", text=""), table=table, directory=directory)


UV = UvInputs(
    members=(
        member(".", tool={"uv": {"workspace": {"members": ["*"]}}}),
        Pyproject(source=OWN.source, table=OWN.table, directory="demo"),
        member("other", project={"name": "other"}),
    ),
    settings={"index": [{"url": "https://index.example/simple"}]},
    settings_path="../uv.toml",
    project="demo",
)
SEAL = Seal(
    files={
        "../uv.lock": SealedFile(path=f"cudapin-lock/{A[:12]}-uv.lock", sha256=A),
        "requirements.in": SealedFile(path=None, sha256=A),
    },
    uv=UV,
    waived=(
        Waiver(code=Code.CP301, reason="why", variant="cu128", package="torch"),
        Waiver(code=Code.CP201, reason="x"),
    ),
)


def parse(text: str) -> Seal:
    return parse_seal(Source(path="cudapin.seal.json", text=text), OWN)


@pytest.mark.parametrize("seal", [SEAL, Seal(), Seal(waived=SEAL.waived), Seal(uv=UV)])
def test_round_trip(seal: Seal) -> None:
    assert parse(render_seal(seal)) == seal
    assert render_seal(parse(render_seal(seal))) == render_seal(seal)


def test_only_what_counts_of_a_member_is_sealed() -> None:
    table = {
        "project": {"name": "other"},
        "dependency-groups": {"dev": ["x"]},
        "build-system": {"requires": []},
        "tool": {"uv": {"dev-dependencies": []}, "ruff": {"secret": 1}},
        "x": 1,
    }
    inputs = UvInputs(members=(member(".", **table),), settings={}, settings_path=None, project="demo")
    sealed = json.loads(render_seal(Seal(uv=inputs)))["uv"]["members"]
    assert sealed == [
        {
            "directory": ".",
            "path": "../././pyproject.toml".replace("././", "./"),
            "table": {
                **{key: table[key] for key in ("project", "dependency-groups", "build-system")},
                "tool": {"uv": {"dev-dependencies": []}},
            },
        }
    ]


def test_credentials_are_not_sealed() -> None:
    settings = {"index": [{"url": "https://me:secret@index.example/simple?token=secret"}]}
    inputs = UvInputs(members=(member("."),), settings=settings, settings_path=None, project="demo")
    assert "secret" not in render_seal(Seal(uv=inputs))


def test_dates_of_toml_are_sealed_as_text() -> None:
    inputs = UvInputs(members=(), settings={"exclude-newer": dt.date(2026, 1, 2)}, settings_path=None)
    assert json.loads(render_seal(Seal(uv=inputs)))["uv"]["settings"] == {"exclude-newer": "2026-01-02"}


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("uv.lock", "uv.lock"),
        ("locks/cpu.txt", "locks/cpu.txt"),
        ("../uv.lock", f"cudapin-lock/{A[:12]}-uv.lock"),
        ("../../a/b.txt", f"cudapin-lock/{A[:12]}-b.txt"),
        ("/opt/b.txt", f"cudapin-lock/{A[:12]}-b.txt"),
        ("C:/b.txt", f"cudapin-lock/{A[:12]}-b.txt"),
        ("..lock", "..lock"),
    ],
)
def test_sealed_path(path: str, expected: str) -> None:
    assert sealed_path(path, A) == expected


def unreadable(why: str) -> str:
    return (
        "error[CP205]: `cudapin.seal.json` of this sdist cannot be read\n"
        "  --> cudapin.seal.json\n"
        f"  why: wanted a seal of schema 1, found {why}\n"
        "  fix: build from the project's repository, or from an untouched sdist"
    )


def changed(**changes: Any) -> str:
    return json.dumps({**json.loads(render_seal(SEAL)), **changes})


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "JSONDecodeError: Expecting value: line 1 column 1 (char 0)"),
        ("{}", "KeyError: 'schema'"),
        ("[]", "TypeError: list indices must be integers or slices, not str"),
        (changed(schema=2), "ValueError: schema 2"),
        (changed(schema="1"), "ValueError: schema '1'"),
        (changed(files=[]), "AttributeError: 'list' object has no attribute 'items'"),
        (changed(files={"x": {"path": 3, "sha256": A}}), "TypeError: `3` is no text"),
        (
            changed(files={"x": {"path": "/etc/passwd", "sha256": A}}),
            "ValueError: `/etc/passwd` is no path within the sdist",
        ),
        (
            changed(files={"x": {"path": "a/../../x", "sha256": A}}),
            "ValueError: `a/../../x` is no path within the sdist",
        ),
        (changed(files={"x": {"path": "..\\x", "sha256": A}}), "ValueError: `..\\x` is no path within the sdist"),
        (changed(files={"x": {"path": "C:/x", "sha256": A}}), "ValueError: `C:/x` is no path within the sdist"),
        (changed(files={"x": {"path": "x"}}), "KeyError: 'sha256'"),
        (changed(waived=[{"code": "CP999"}]), "KeyError: 'CP999'"),
        (
            changed(waived=[{"code": "CP301", "reason": "x", "variant": 3, "package": None}]),
            "TypeError: `3` is no text",
        ),
        (changed(uv=[]), "TypeError: list indices must be integers or slices, not str"),
        (changed(uv={**json.loads(render_seal(SEAL))["uv"], "settings": "x"}), "TypeError: `'x'` is no table"),
        (
            changed(uv={**json.loads(render_seal(SEAL))["uv"], "own": "x"}),
            "ValueError: invalid literal for int() with base 10: 'x'",
        ),
        (
            changed(
                uv={**json.loads(render_seal(SEAL))["uv"], "members": [{"path": "x", "table": 3, "directory": "."}]}
            ),
            "TypeError: `3` is no table",
        ),
    ],
)
def test_anything_else_cannot_be_read(text: str, why: str) -> None:
    assert faults(lambda: parse(text), LockError) == unreadable(why)


def test_a_deep_document_cannot_be_read() -> None:
    assert "RecursionError" in faults(lambda: parse("[" * 100_000), LockError)
