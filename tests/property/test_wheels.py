"""No bytes given as a wheel, or as a part of one, end in anything but a verdict or a refusal."""

from __future__ import annotations

import json
import zipfile
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cudapin.adapters.facts import read_facts
from cudapin.adapters.wheel import read_wheel
from cudapin.core.audit import Audit, audit_wheel
from cudapin.core.compiled import binary_objects
from cudapin.errors import LockError
from elves import PTX, Entry, make_elf, make_fatbin
from whl import NAME, write_wheel

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.property

FACTS = read_facts({})
ELF = make_elf(
    needed=("libcudart.so.12", "libtorch.so"),
    fatbins={".nv_fatbin": make_fatbin(Entry(arch=90), Entry(kind=PTX, arch=90, version=(8, 5)))},
)
RECORD: dict[str, Any] = {
    "schema": 1,
    "variant": "cu126",
    "cuda": "12.6",
    "arch": ["9.0"],
    "binaries": [
        {"path": "demo/_ext.so", "needed": ["libcudart.so.12", "libtorch.so"], "arch": ["sm_90", "compute_90"]}
    ],
}
QUICK = settings(
    max_examples=150, deadline=2000, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


def audit(path: Path) -> Audit | None:
    """Audit a file; None where it is refused as a wheel."""
    try:
        found = audit_wheel(read_wheel(path), FACTS)
    except LockError as error:
        if [problem.code.name for problem in error.problems] != ["CP416"]:
            raise
        return None
    assert found.verdict in ("ok", "wrong", "unknown")
    assert (found.verdict == "ok") <= all(problem.level == "warning" for problem in found.problems)
    json.dumps(binary_objects(found.subject.binaries))
    return found


@QUICK
@given(content=st.binary(max_size=400))
def test_any_bytes(tmp_path: Path, content: bytes) -> None:
    (tmp_path / NAME).write_bytes(content)
    assert audit(tmp_path / NAME) is None


@QUICK
@given(
    changes=st.lists(st.tuples(st.integers(0, 1 << 16), st.integers(0, 255)), min_size=1, max_size=6),
    method=st.sampled_from([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED]),
)
def test_changed_bytes(tmp_path: Path, changes: list[tuple[int, int]], method: int) -> None:
    """Whatever byte of a file is another one, its hash is; what is still called ok has the same files in it."""
    path = write_wheel(tmp_path, {"demo/_ext.so": ELF}, requires=("torch==2.9.*",), method=method)
    good = audit(path)
    assert good is not None
    assert good.verdict == "ok"
    content = bytearray(path.read_bytes())
    for at, value in changes:
        content[at % len(content)] = value
    path.write_bytes(bytes(content))
    found = audit(path)
    if found is not None and found.verdict == "ok":
        assert [one.path for one in found.subject.binaries] in ([], ["demo/_ext.so"])


@QUICK
@given(cut=st.integers(0, 3000), more=st.binary(max_size=50))
def test_cut_and_prolonged(tmp_path: Path, cut: int, more: bytes) -> None:
    path = write_wheel(tmp_path, {"demo/_ext.so": ELF}, method=zipfile.ZIP_STORED)
    content = path.read_bytes()
    path.write_bytes(content[: cut % len(content)] + more)
    audit(path)
    path.write_bytes(more + content)
    audit(path)


@QUICK
@given(
    content=st.binary(max_size=300),
    begin=st.sampled_from([b"", b"\x7fELF", b"MZ", make_fatbin(Entry())[:40], ELF[:200]]),
)
def test_any_file(tmp_path: Path, content: bytes, begin: bytes) -> None:
    assert audit(write_wheel(tmp_path, {"demo/_ext.so": begin + content})) is not None


@QUICK
@given(data=st.data())
def test_any_record(tmp_path: Path, data: st.DataObject) -> None:
    """A record with one value replaced by anything is judged; without a change it is ok."""
    record: dict[str, Any] = json.loads(json.dumps(RECORD))
    key = data.draw(st.sampled_from([*RECORD, "binaries.0", "binaries.0.path", "binaries.0.arch", "no change"]))
    value = data.draw(JSON)
    target: Any = record
    *way, last = key.split(".")
    for step in way:
        target = target[int(step)] if step.isdecimal() else target[step]
    if key != "no change":
        target[int(last) if last.isdecimal() else last] = value
    path = write_wheel(tmp_path, {"demo/_ext.so": ELF}, requires=("torch==2.9.*",), record=json.dumps(record))
    found = audit(path)
    assert found is not None
    if record == RECORD:
        assert found.verdict == "ok"


@QUICK
@given(
    requires=st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\n\r"), max_size=40), max_size=3),
    classifier=st.text(st.characters(codec="utf-8"), max_size=30),
    listing=st.none() | st.text(max_size=200),
)
def test_any_metadata(tmp_path: Path, requires: list[str], classifier: str, listing: str | None) -> None:
    path = write_wheel(
        tmp_path, {"demo/_ext.so": ELF}, requires=tuple(requires), classifiers=(classifier,), listing=listing
    )
    audit(path)


@QUICK
@given(
    name=st.sampled_from(["torch", "nvidia-cublas", "cuda-toolkit", "x-cu12", "nvidia-cuda-nvrtc", "cupy-cuda13x"]),
    specifier=st.from_regex(
        r"(==|>=|<=|~=|<|>|!=|===)[0-9]{1,9}(\.[0-9]{1,4}){0,3}(\.\*|\+cu12[0-9])?", fullmatch=True
    ),
    marker=st.sampled_from(
        ["", '; extra == "a"', "; python_version < '3.9'", "; sys_platform == 'win32'", "; platform_release > 'x'"]
    ),
)
def test_any_requirement(tmp_path: Path, name: str, specifier: str, marker: str) -> None:
    assert audit(write_wheel(tmp_path, {"demo/_ext.so": ELF}, requires=(f"{name}{specifier}{marker}",))) is not None
