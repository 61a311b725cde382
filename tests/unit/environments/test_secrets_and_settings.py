"""What of the user's settings counts while packages are fetched, and where credentials go."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from support import write

from cudapin.environments.netrc_file import with_netrc
from cudapin.environments.user_settings import pip_variables, uv_settings

if TYPE_CHECKING:
    from pathlib import Path


def test_credentials_of_pip_move_to_a_netrc_file_of_this_user(tmp_path: Path) -> None:
    write(tmp_path, {"own": "machine own.example login a password b\n"})
    environ = {
        "PIP_INDEX_URL": "https://me:s%40cret@one.example/simple",
        "PIP_EXTRA_INDEX_URL": "https://two.example/simple https://you:other@three.example/simple",
        "NETRC": str(tmp_path / "own"),
    }
    found = with_netrc(environ, tmp_path, ["https://it:its@four.example/whl"])
    assert found["PIP_INDEX_URL"] == "https://one.example/simple"
    assert found["PIP_EXTRA_INDEX_URL"] == "https://two.example/simple https://three.example/simple"
    assert (tmp_path / "netrc").read_text() == (
        "machine four.example login it password its\n"
        "machine one.example login me password s@cret\n"
        "machine three.example login you password other\n"
        "machine own.example login a password b\n"
    )
    if os.name == "posix":
        assert (tmp_path / "netrc").stat().st_mode & 0o777 == 0o600


def test_what_a_netrc_file_cannot_say_stays(tmp_path: Path) -> None:
    environ = {
        "PIP_INDEX_URL": "https://me:one@index.example/simple",
        "PIP_EXTRA_INDEX_URL": "https://me:two@index.example/more https://a:b%20c@x.example http://[broken",
    }
    found = with_netrc(environ, tmp_path)
    assert found["PIP_INDEX_URL"] == "https://index.example/simple"
    assert found["PIP_EXTRA_INDEX_URL"] == environ["PIP_EXTRA_INDEX_URL"]
    assert with_netrc({"PIP_INDEX_URL": "https://index.example"}, tmp_path) == {
        "PIP_INDEX_URL": "https://index.example"
    }


def test_settings_of_uv_other_than_indexes_count(tmp_path: Path) -> None:
    write(tmp_path, {"uv.toml": 'keyring-provider = "subprocess"\nindex-url = "https://x"\n[pip]\nnative-tls = true\n'})
    environ = {"UV_CONFIG_FILE": str(tmp_path / "uv.toml")}
    assert uv_settings(environ) == 'keyring-provider = "subprocess"\nnative-tls = true\n'
    write(tmp_path, {"uv.toml": "broken ="})
    assert uv_settings(environ) == ""
    assert uv_settings({"UV_NO_CONFIG": "1"}) == ""


def test_settings_of_pip_other_than_indexes_count(tmp_path: Path) -> None:
    write(tmp_path, {"pip.conf": "[global]\ntrusted-host = a.example\nindex-url = https://x\ntimeout = 7\n"})
    environ = {"PIP_CONFIG_FILE": str(tmp_path / "pip.conf"), "PIP_TIMEOUT": "9"}
    found = pip_variables(environ)
    assert (found["PIP_CONFIG_FILE"], found["PIP_TRUSTED_HOST"]) == (os.devnull, "a.example")
    assert "PIP_TIMEOUT" not in found
    assert "PIP_INDEX_URL" not in found
