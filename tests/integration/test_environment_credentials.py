"""The credentials of the user: found wherever uv and pip find them, and in nothing that cudapin leaves or shows."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from integration.process_watch import ProcessWatch
from integration.torch_app import PYTHON

if TYPE_CHECKING:
    from collections.abc import Callable

    from integration.torch_app import App
    from integration.torch_index import TorchIndex

pytestmark = pytest.mark.integration

CELL = f"hatch-test.py{PYTHON}-cu126"
CU126 = ("test", "-i", "cuda=cu126")
SECRET = "s3cr3t"


def _netrc(app: App) -> dict[str, str]:
    home = Path(app.place.environment()["HOME"])
    (home / ".netrc").write_text(f"machine 127.0.0.1 login me password {SECRET}\n", encoding="utf-8")
    (home / ".netrc").chmod(0o600)
    return {}


def _keyring(app: App) -> dict[str, str]:
    folder = app.root.parent / "bin"
    folder.mkdir()
    script = folder / "keyring"
    script.write_text(
        f'#!/bin/sh\ncase "$*" in *creds*) printf "me\\n";; esac\nprintf "%s\\n" "$(printf {SECRET[::-1]} | rev)"\n',
        encoding="utf-8",
    )
    script.chmod(0o755)
    return {
        "PATH": f"{folder}{os.pathsep}{app.settings['PATH']}",
        "UV_KEYRING_PROVIDER": "subprocess",
        "PIP_KEYRING_PROVIDER": "subprocess",
        "UV_INDEX_TORCH_CU126_USERNAME": "me",
    }


def _named(_: App) -> dict[str, str]:
    return {"UV_INDEX_TORCH_CU126_USERNAME": "me", "UV_INDEX_TORCH_CU126_PASSWORD": SECRET}


def _in_uv_index(app: App) -> dict[str, str]:
    return {"UV_INDEX": f"{app.url.replace('://', f'://me:{SECRET}@')}/whl/cu126"}


def _in_pip_index(app: App) -> dict[str, str]:
    return {"PIP_EXTRA_INDEX_URL": f"{app.url.replace('://', f'://me:{SECRET}@')}/whl/cu126/"}


@pytest.mark.parametrize(
    ("installer", "give"),
    [
        ("uv", _netrc),
        ("uv", _named),
        ("uv", _in_uv_index),
        ("uv", _keyring),
        ("pip", _netrc),
        ("pip", _named),
        ("pip", _in_pip_index),
    ],
)
def test_credentials_are_used_and_appear_nowhere(
    app: App, index: TorchIndex, installer: str, give: Callable[[App], dict[str, str]]
) -> None:
    app.installer = installer
    app.write()
    index.passwords["whl/cu126"] = f"me:{SECRET}"
    cache = str(app.root.parent / "cache")
    settings = {"UV_CACHE_DIR": cache, "PIP_NO_CACHE_DIR": "1", **give(app)}
    with ProcessWatch() as watch:
        done = app.hatch("-v", *CU126, **settings)
    assert done.code == 0, done.output
    assert [(cell["torch"], cell["origin"]) for cell in app.found] == [("2.9.0+cu126", "whl/cu126")]
    assert SECRET not in done.output
    assert watch.count > 10
    assert [line for line in watch.lines if SECRET in line] == []
    places = (app.place.folder / "hatch-data", app.place.folder / "tmp", app.root)
    files = [path for place in places for path in place.rglob("*") if path.is_file()]
    assert [path for path in files if SECRET.encode() in path.read_bytes()] == []


@pytest.mark.parametrize("installer", ["uv", "pip"])
def test_wrong_credentials_end_with_a_readable_line(app: App, index: TorchIndex, installer: str) -> None:
    app.installer = installer
    app.write()
    index.passwords["whl/cu126"] = f"me:{SECRET}"
    settings = {**_named(app), "UV_INDEX_TORCH_CU126_PASSWORD": "wrong-one", "PIP_NO_INPUT": "1"}
    done = app.hatch(*CU126, **settings, UV_CACHE_DIR=str(app.root.parent / "cache"), PIP_NO_CACHE_DIR="1")
    assert done.code == 1, done.output
    assert "wrong-one" not in done.output
    assert f"error[CP601]: `{CELL}` cannot be filled\n" in done.output
    assert "Traceback" not in done.output
    assert app.cells == []
