"""Which packages of an environment somebody has changed."""

from __future__ import annotations

import base64
import hashlib
import os
from typing import TYPE_CHECKING

import pytest
from support import write

from cudapin.environments.installed_files import edited, forget_files, note_files, spoilt

if TYPE_CHECKING:
    from pathlib import Path

SITE = "lib/python3.12/site-packages"
INFO = f"{SITE}/torch-2.9.0.dist-info"


@pytest.fixture
def environment(tmp_path: Path) -> Path:
    text = "VERSION = 1\n"
    digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
    record = (
        f'torch/__init__.py,sha256={digest},12\n"torch/a,b.py",,\ntorch/__pycache__/x.pyc,,\n../../../bin/torch,,\n'
        f"torch-2.9.0.dist-info/METADATA,,\nshort\n"
    )
    files = {
        f"{SITE}/torch/__init__.py": text,
        f"{SITE}/torch/a,b.py": "",
        f"{SITE}/torch/__pycache__/x.pyc": "",
        "bin/torch": "",
        f"{INFO}/METADATA": "Name: torch\n",
        f"{INFO}/RECORD": record,
        f"{SITE}/bare-1.0.dist-info/METADATA": "Name: bare\n",
    }
    return write(tmp_path, files)


def _change(path: Path, text: str, *, seconds: int) -> None:
    found = path.stat()
    path.write_text(text, encoding="utf-8")
    os.utime(path, ns=(found.st_atime_ns, found.st_mtime_ns + seconds * 10**9))


def test_nothing_is_known_before_it_was_noted(environment: Path) -> None:
    assert edited(environment) is None
    note_files(environment)
    assert edited(environment) == set()
    forget_files(environment)
    forget_files(environment)
    assert edited(environment) is None


@pytest.mark.parametrize("path", [f"{SITE}/torch/__init__.py", f"{SITE}/torch/a,b.py", "bin/torch"])
def test_a_file_that_is_changed_or_gone(environment: Path, path: str) -> None:
    note_files(environment)
    (environment / path).write_text("VERSION = 22\n", encoding="utf-8")
    assert edited(environment) == {"torch"}
    note_files(environment)
    (environment / path).unlink()
    assert edited(environment) == {"torch"}
    note_files(environment)
    assert edited(environment) == set()


def test_compiled_bytecode_and_further_files_do_not_count(environment: Path) -> None:
    note_files(environment)
    write(environment, {f"{SITE}/torch/__pycache__/x.pyc": "other", f"{SITE}/torch/cache.json": "{}"})
    assert edited(environment) == set()


@pytest.mark.parametrize("text", ["", "[]", '{"torch": 1}', "[" * 100_000])
def test_what_is_no_note_is_none(environment: Path, text: str) -> None:
    (environment / "cudapin-files.json").write_text(text, encoding="utf-8")
    assert edited(environment) is None


def test_a_file_that_was_changed_after_its_package_was_unpacked_has_to_have_its_hash(environment: Path) -> None:
    module = environment / SITE / "torch" / "__init__.py"
    assert spoilt(environment, {"torch", "bare"}) == set()
    _change(module, "VERSION = 1\n", seconds=60)  # copied anew, say
    assert spoilt(environment, {"torch"}) == set()
    _change(module, "VERSION = 2\n", seconds=60)
    assert spoilt(environment, {"torch"}) == {"torch"}
    assert spoilt(environment, {"bare"}) == set()
