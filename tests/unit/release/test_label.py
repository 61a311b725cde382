"""A finished wheel gets a label: one file more, nothing else changed; and the wheels of a release are compared."""

from __future__ import annotations

import base64
import hashlib
import json
import zipfile
from typing import TYPE_CHECKING, Any

import pytest
from support import faults

from cudapin import __version__
from cudapin.adapters.facts import read_facts
from cudapin.adapters.wheel import read_wheel
from cudapin.core.audit import audit_wheel
from cudapin.errors import ConfigError, CudapinError, LockError, Refusal
from cudapin.release.label import default_label, label_wheel, write_variants_json
from elves import PTX, Entry, make_elf, make_fatbin
from whl import write_wheel

if TYPE_CHECKING:
    from pathlib import Path

INFO = "demo-1.0.dist-info"
TAG = "cp311-cp311-manylinux_2_28_x86_64"
ELF = make_elf(
    needed=("libcudart.so.12",), fatbins={".nv_fatbin": make_fatbin(Entry(arch=90), Entry(kind=PTX, arch=90))}
)
ARCH = ["sm_90", "compute_90"]


def record(variant: str | None = "cu126", cuda: Any = "12.6", arch: list[str] | None = ARCH, **more: Any) -> str:
    binaries = [] if arch is None else [{"path": "demo/_ext.so", "needed": ["libcudart.so.12"], "arch": arch}]
    found = {"variant": variant, "cuda": cuda, "driver": None, "arch": [], "binaries": binaries, "waived": []}
    return json.dumps({**found, "cudapin": __version__, **more})


def wheel(folder: Path, text: str | None = None, *, name: str = f"demo-1.0-{TAG}.whl", **more: Any) -> Path:
    text = record() if text is None else text
    files = {"demo/_ext.so": ELF} if '"demo/_ext.so"' in text else {"demo/__init__.py": b""}
    return write_wheel(folder, files, name=name, record=text or None, **more)


def cpu(folder: Path, name: str = "demo-1.0-py3-none-any.whl") -> Path:
    return wheel(folder, record("cpu", None, None), name=name)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


# One wheel


def test_labels_of_variants() -> None:
    assert default_label("cu128", has_cuda=True) == "cu128"
    assert default_label("cpu", has_cuda=False) == "null"


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_STORED])
def test_nothing_but_one_file_is_added(tmp_path: Path, method: int) -> None:
    path = wheel(tmp_path, method=method)
    path.chmod(0o640)
    with zipfile.ZipFile(path) as archive:
        before = {info.filename: (archive.read(info), info) for info in archive.infolist()}
    content = path.read_bytes()
    out = label_wheel(path, "cu126")
    assert names(tmp_path) == [f"demo-1.0-{TAG}-cu126.whl"] == [out.name]
    assert out.stat().st_mode & 0o777 == 0o640
    with zipfile.ZipFile(out) as archive:
        assert archive.testzip() is None
        after = archive.infolist()
        variant = archive.read(f"{INFO}/variant.json")
        listing = archive.read(f"{INFO}/RECORD").decode()
        for info in after:
            if info.filename not in (f"{INFO}/variant.json", f"{INFO}/RECORD"):
                data, old = before[info.filename]
                assert archive.read(info) == data
                assert (info.date_time, info.compress_type, info.external_attr, info.compress_size) == (
                    old.date_time,
                    old.compress_type,
                    old.external_attr,
                    old.compress_size,
                )
    *others, last = before
    assert [info.filename for info in after] == [*others, f"{INFO}/variant.json", last]
    assert {info.compress_type for info in after} == {method}
    digest = base64.urlsafe_b64encode(hashlib.sha256(variant).digest()).rstrip(b"=").decode()
    old_lines = before[f"{INFO}/RECORD"][0].decode().splitlines()
    added = f"{INFO}/variant.json,sha256={digest},{len(variant)}"
    assert listing.splitlines() == [*old_lines[:-1], added, old_lines[-1]]
    assert json.loads(variant)["variants"]["cu126"]["nvidia"]["cuda_version_lower_bound"] == ["12.0"]
    assert out.read_bytes().startswith(content[: before[last][1].header_offset])


def test_the_same_wheel_gives_the_same_bytes(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    content = wheel(tmp_path).read_bytes()
    (tmp_path / "other" / f"demo-1.0-{TAG}.whl").write_bytes(content)
    one = label_wheel(tmp_path / f"demo-1.0-{TAG}.whl", "x")
    two = label_wheel(tmp_path / "other" / f"demo-1.0-{TAG}.whl", "x")
    assert one.read_bytes() == two.read_bytes()


def test_record_in_the_middle_and_lines_that_end_as_in_windows(tmp_path: Path) -> None:
    path = wheel(tmp_path)
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    rows = members.pop(f"{INFO}/RECORD").rstrip(b"\n").replace(b"\n", b"\r\n")
    with zipfile.ZipFile(path, "w") as archive:
        archive.comment = b"made by somebody"
        archive.writestr(f"{INFO}/RECORD", rows)
        for name, data in members.items():
            archive.writestr(name, data)
    out = label_wheel(path, "cu126")
    with zipfile.ZipFile(out) as archive:
        assert archive.namelist() == [f"{INFO}/variant.json", f"{INFO}/RECORD", *members]
        lines = archive.read(f"{INFO}/RECORD").split(b"\r\n")
        assert archive.comment == b"made by somebody"
        assert archive.testzip() is None
    assert [line.split(b",")[0].decode() for line in lines] == [*members, f"{INFO}/variant.json", f"{INFO}/RECORD"]


def test_the_audit_of_a_labelled_wheel(tmp_path: Path) -> None:
    subject = read_wheel(label_wheel(wheel(tmp_path, requires=("nvidia-cuda-runtime-cu12",)), "cu126"))
    assert (subject.interpreters, subject.platforms) == (("cp311",), ("manylinux_2_28_x86_64",))
    found = audit_wheel(subject, read_facts({}))
    assert (found.verdict, found.variant, found.problems) == ("ok", "cu126", ())


@pytest.mark.parametrize("label", ["", "CU126", "cu-126", "cu126+x", "../x"])
def test_what_is_no_label(tmp_path: Path, label: str) -> None:
    path = wheel(tmp_path)
    assert (
        faults(lambda: label_wheel(path, label))
        == f"""\
error[CP701]: `{label}` cannot be a variant label
  --> demo-1.0-{TAG}.whl
  why: a label is lower-case letters, digits, `_` and `.`, since it becomes part of the wheel's file name
  fix: name a label such as `cu128`"""
    )
    assert names(tmp_path) == [path.name]


def test_null_is_for_the_variant_without_cuda_and_for_no_other(tmp_path: Path) -> None:
    one, two, three = wheel(tmp_path), cpu(tmp_path), wheel(tmp_path, record("null"), name=f"other-1.0-{TAG}.whl")
    why = "`null` is the label of the variant without CUDA and of no other, and this one is of"
    assert (
        faults(lambda: label_wheel(one, "null"))
        == f"""\
error[CP701]: `null` cannot be the label of variant `cu126`
  --> {one.name}
  why: {why} CUDA 12.6
  fix: label it `cu126`"""
    )
    assert (
        faults(lambda: label_wheel(two, "cpu"))
        == f"""\
error[CP701]: `cpu` cannot be the label of variant `cpu`
  --> {two.name}
  why: {why} no CUDA
  fix: label it `null`"""
    )
    assert faults(lambda: label_wheel(three, "null")).endswith("fix: label it after the variant's CUDA")
    assert label_wheel(two, "null").name == "demo-1.0-py3-none-any-null.whl"


@pytest.mark.parametrize(
    ("text", "name", "why", "fix"),
    [
        (
            "",
            f"demo-1.0-{TAG}.whl",
            "wanted cudapin's record, which tells what the wheel is of, found none",
            "build it with cudapin, as one of the declared variants",
        ),
        (
            "{",
            f"demo-1.0-{TAG}.whl",
            "wanted cudapin's record, which tells what the wheel is of, found a record that cannot be read (wanted "
            "JSON, found: Expecting property name enclosed in double quotes: line 1 column 2 (char 1))",
            "build it with cudapin, as one of the declared variants",
        ),
        (
            record(None, None, None),
            f"demo-1.0-{TAG}.whl",
            "its record is of no variant",
            "build it without `CUDAPIN=off`, as a declared variant",
        ),
        (
            record(),
            f"demo-1.0+cu126-{TAG}.whl",
            "a label takes the place of a local version, and its version is `1.0+cu126`",
            'set `spelling = "none"` in `[tool.cudapin]`, or build with `cudapin build --label`',
        ),
        (
            record(),
            f"demo-1.0.dev1+gabc-{TAG}.whl",
            "a label takes the place of a local version, and its version is `1.0.dev1+gabc`",
            "release from a commit that has a tag, or set a version without a local part",
        ),
        (
            record(waived=[{"code": "CP406", "reason": "x"}, {"code": "CP201", "reason": "x"}]),
            f"demo-1.0-{TAG}.whl",
            "CP406 was waived, so that its compiled files may be of another CUDA than its record says",
            "mend what was waived, and build the wheel anew",
        ),
        (
            record(),
            "demo-1.0-py3-none-any.whl",
            "it is for any platform, and its record lists compiled files",
            "give the wheel the tag of its platform: `platforms` of the variant",
        ),
        (
            record(),
            f"demo-1.0-{TAG}-cu126.whl",
            "it carries one already",
            "label the wheel as it was built",
        ),
        (
            record(),
            "demo-1.0-x.whl",
            "its name is not `NAME-VERSION-PYTHON-ABI-PLATFORM.whl`",
            "build the wheel anew",
        ),
    ],
)
def test_what_carries_no_label(tmp_path: Path, text: str, name: str, why: str, fix: str) -> None:
    path = write_wheel(tmp_path, {"demo/_ext.so": ELF}, name=name, record=text or None)
    content = path.read_bytes()
    assert (
        faults(lambda: label_wheel(path, "cu126"), Refusal)
        == f"""\
error[CP702]: `{name}` cannot carry a variant label
  --> {name}
  why: {why}
  fix: {fix}"""
    )
    assert names(tmp_path) == [name]
    assert path.read_bytes() == content


def test_a_waiver_that_changes_no_property(tmp_path: Path) -> None:
    path = wheel(tmp_path, record(waived=[{"code": "CP305", "reason": "x"}]))
    assert label_wheel(path, "cu126").is_file()


@pytest.mark.parametrize(
    ("arch", "kind", "why", "fix"),
    [
        (
            ["sm_120a"],
            Refusal,
            "the compiled files carry `sm_120a`, and no property stands for just the GPUs that run them",
            "compile for an architecture without `a` too, let every file carry it, or declare `arch`",
        ),
        (
            [1],
            LockError,
            "which architectures `demo/_ext.so` carries could not be read when the wheel was built",
            "look at it with `cuobjdump`; it may be damaged",
        ),
    ],
)
def test_what_no_property_says(tmp_path: Path, arch: Any, kind: type[CudapinError], why: str, fix: str) -> None:
    path = wheel(tmp_path, record(arch=arch))
    assert (
        faults(lambda: label_wheel(path, "cu126"), kind)
        == f"""\
error[CP703]: what `{path.name}` runs on cannot be said in variant properties
  --> {path.name}
  why: {why}
  fix: {fix}"""
    )
    assert names(tmp_path) == [path.name]


def test_what_is_no_wheel(tmp_path: Path) -> None:
    path = tmp_path / f"demo-1.0-{TAG}.whl"
    path.write_bytes(b"none")
    assert "CP416" in faults(lambda: label_wheel(path, "cu126"), LockError)


def test_a_disk_that_is_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = wheel(tmp_path)

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("shutil.copymode", fail)
    with pytest.raises(OSError, match="No space left"):
        label_wheel(path, "cu126")
    assert names(tmp_path) == [path.name]


# A folder of them


def release(folder: Path) -> None:
    label_wheel(wheel(folder), "cu126")
    label_wheel(wheel(folder, name="demo-1.0-cp312-cp312-manylinux_2_28_x86_64.whl"), "cu126")
    label_wheel(wheel(folder, record("cu128", "12.8")), "cu128")
    label_wheel(cpu(folder), "null")
    cpu(folder)


def test_the_file_of_an_index(tmp_path: Path) -> None:
    release(tmp_path)
    (path,) = write_variants_json(tmp_path)
    assert path == tmp_path / "demo-1.0-variants.json"
    found = json.loads(path.read_bytes())
    assert [*found["variants"]] == ["cu126", "cu128", "null"]
    assert found["variants"]["null"] == {}
    before = path.read_bytes()
    assert write_variants_json(tmp_path) == (path,)
    assert path.read_bytes() == before


def test_a_folder_without_labelled_wheels(tmp_path: Path) -> None:
    cpu(tmp_path)
    assert write_variants_json(tmp_path) == ()
    assert names(tmp_path) == ["demo-1.0-py3-none-any.whl"]


def test_each_name_and_version_has_a_file(tmp_path: Path) -> None:
    release(tmp_path)
    label_wheel(cpu(tmp_path, "demo-1.1-py3-none-any.whl"), "null")
    label_wheel(cpu(tmp_path, "other-1.0-py3-none-any.whl"), "null")
    assert [path.name for path in write_variants_json(tmp_path)] == [
        "demo-1.0-variants.json",
        "demo-1.1-variants.json",
        "other-1.0-variants.json",
    ]


def refused(folder: Path, kind: type[CudapinError] = Refusal) -> str:
    """Return the message; nothing may have been written."""
    before = names(folder)
    text = faults(lambda: write_variants_json(folder), kind)
    assert names(folder) == before
    return text


CP312 = "cp312-cp312-manylinux_2_28_x86_64"
ARM = "cp311-cp311-manylinux_2_28_aarch64"


def test_one_label_for_two_variants(tmp_path: Path) -> None:
    label_wheel(wheel(tmp_path), "x")
    label_wheel(wheel(tmp_path, record("cu128", "12.8"), name=f"demo-1.0-{CP312}.whl"), "x")
    assert (
        refused(tmp_path)
        == f"""\
error[CP705]: label `x` does not mean the same in all wheels
  --> demo-1.0-{CP312}-x.whl
  why: `demo-1.0-{TAG}-x.whl` is of variant `cu126`, this one of `cu128`; an index has one entry for a label, and \
installers choose by that
  fix: give each variant a label of its own"""
    )


def test_one_label_with_two_meanings(tmp_path: Path) -> None:
    label_wheel(wheel(tmp_path), "cu126")
    label_wheel(wheel(tmp_path, record(arch=["sm_80"]), name=f"demo-1.0-{ARM}.whl"), "cu126")
    assert (
        refused(tmp_path)
        == f"""\
error[CP705]: label `cu126` does not mean the same in all wheels
  --> demo-1.0-{TAG}-cu126.whl
  why: `demo-1.0-{ARM}-cu126.whl` has `nvidia :: sm_arch` `80_real`, this one `nvidia :: sm_arch` `100_virtual`, \
`110_virtual`, `120_virtual`, `90_real`, `90_virtual`; an index has one entry for a label, and installers choose by that
  fix: compile it for the same architectures on every platform, or give this platform's wheels another label"""
    )


def test_two_labels_with_one_meaning(tmp_path: Path) -> None:
    label_wheel(wheel(tmp_path), "cu126")
    label_wheel(wheel(tmp_path, record("fast")), "fast")
    assert (
        refused(tmp_path)
        == f"""\
error[CP706]: labels `cu126` and `fast` have the same properties
  --> demo-1.0-{TAG}-fast.whl
  why: installers cannot tell them apart, and would always take `cu126`
  fix: publish one of them with a label, or let the CUDA of the variants differ"""
    )


def test_local_versions_beside_labels(tmp_path: Path) -> None:
    release(tmp_path)
    wheel(tmp_path, name=f"demo-1.0+cu126-{TAG}.whl")
    wheel(tmp_path, name=f"demo-1.1+cu126-{TAG}.whl")  # another release
    assert (
        refused(tmp_path)
        == f"""\
error[CP708]: `demo-1.0+cu126-{TAG}.whl` lies beside labelled wheels of its release
  --> demo-1.0+cu126-{TAG}.whl
  why: `==` of the plain version takes a local one too, and takes it first: pip and uv would install `1.0+cu126` on \
every machine
  fix: keep wheels of local versions in a folder and on an index of their own"""
    )


def change(path: Path, edit: Any, *, is_listed: bool = True) -> None:
    """Write a labelled wheel again with other JSON; None: without it."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    name = f"{INFO}/variant.json"
    old = members.pop(name)
    table = json.loads(old)
    new = edit(table)
    rows = members[f"{INFO}/RECORD"].decode()
    if new is not None:
        members[name] = json.dumps(new).encode()
        digest = base64.urlsafe_b64encode(hashlib.sha256(members[name]).digest()).rstrip(b"=").decode()
        kept = [row for row in rows.splitlines() if not row.startswith(name)]
        if is_listed:
            members[f"{INFO}/RECORD"] = "\n".join([*kept, f"{name},sha256={digest},1"]).encode()
    with zipfile.ZipFile(path, "w") as archive:
        for member, data in members.items():
            archive.writestr(member, data)


def with_variants(variants: Any) -> Any:
    return lambda table: {**table, "variants": variants}


@pytest.mark.parametrize(
    ("edit", "is_listed", "why"),
    [
        (lambda _: None, True, f"wanted `{INFO}/variant.json` of PEP 825, found none"),
        (lambda _: [], True, f"wanted `{INFO}/variant.json` of PEP 825, found: the file: wanted a JSON object"),
        (lambda table: table, False, f"RECORD does not describe `{INFO}/variant.json` as it is"),
        (
            lambda table: {**table, "variants": {"x": table["variants"]["cu126"]}},
            True,
            "wanted label `cu126`, which the file's name has, found `x`",
        ),
        (
            with_variants({"cu126": {"nvidia": {"sm_arch": ["80_real"]}}}),
            True,
            "its properties are not those of its record",
        ),
    ],
)
def test_metadata_that_does_not_match(tmp_path: Path, edit: Any, is_listed: bool, why: str) -> None:  # noqa: FBT001
    path = label_wheel(wheel(tmp_path), "cu126")
    change(path, edit, is_listed=is_listed)
    assert (
        refused(tmp_path)
        == f"""\
error[CP704]: the variant metadata of `{path.name}` does not match it
  --> {path.name}
  why: {why}
  fix: build and label the wheel anew, and change nothing in it"""
    )


def test_another_order_of_namespaces(tmp_path: Path) -> None:
    """As another release of cudapin could have written it: its wheels are not mixed with those of this one."""
    label_wheel(wheel(tmp_path), "cu126")
    path = label_wheel(wheel(tmp_path, record("cu128", "12.8")), "cu128")
    change(path, lambda table: {**table, "default-priorities": {"namespace": ["nvidia", "priority"]}})
    assert (
        refused(tmp_path)
        == f"""\
error[CP707]: `{path.name}` does not go together with the other labelled wheels of its release
  --> {path.name}
  why: wanted what `demo-1.0-{TAG}-cu126.whl` has, since an index has one file for both, found the order of namespaces \
priority, nvidia and nvidia, priority
  fix: build all variants with one release of cudapin"""
    )


def test_properties_that_an_older_cudapin_wrote(tmp_path: Path) -> None:
    """They are compared with each other only."""
    path = label_wheel(wheel(tmp_path, record(cudapin="0.0.1")), "cu126")
    change(path, with_variants({"cu126": {"nvidia": {"cuda_version_lower_bound": ["12.6"]}}}))
    assert [found.name for found in write_variants_json(tmp_path)] == ["demo-1.0-variants.json"]


def test_every_wheel_is_told(tmp_path: Path) -> None:
    change(label_wheel(wheel(tmp_path), "cu126"), lambda _: None)
    (tmp_path / f"demo-1.0-{CP312}-cu126.whl").write_bytes(b"none")
    wheel(tmp_path, "", name=f"demo-1.0-{ARM}-cu126.whl")
    assert [line[:12] for line in refused(tmp_path).splitlines() if line.startswith("error")] == [
        "error[CP702]",
        "error[CP704]",
        "error[CP416]",
    ]


def test_wheels_that_nobody_can_read(tmp_path: Path) -> None:
    (tmp_path / f"demo-1.0-{CP312}-cu126.whl").write_bytes(b"none")
    assert "CP416" in refused(tmp_path, LockError)


def test_a_wheel_that_was_renamed(tmp_path: Path) -> None:
    path = label_wheel(wheel(tmp_path), "cu126")
    path.rename(tmp_path / f"demo-1.0-{TAG}-null.whl")
    assert refused(tmp_path).startswith("error[CP701]: `null` cannot be the label of variant `cu126`\n")


def test_errors_are_of_the_classes_that_exit_codes_come_from() -> None:
    assert (ConfigError.exit_code, Refusal.exit_code, LockError.exit_code) == (2, 1, 3)
