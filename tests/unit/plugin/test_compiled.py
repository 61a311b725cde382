"""The compiled files of a wheel that is built: judged before it is packed, recorded, and found again in it."""

from __future__ import annotations

import os
import sys
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from cudapin.adapters.wheel import read_wheel
from cudapin.core.compiled import binary_objects
from elves import PTX, Entry, make_elf, make_fatbin
from unit.plugin.test_build_hook import Build, left
from unit.support import PROJECT, VARIANTS, write

if TYPE_CHECKING:
    from collections.abc import Mapping

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the platform tags are those of Linux")

CU12 = make_elf(needed=("libcudart.so.12",), fatbins={".nv_fatbin": make_fatbin(Entry(arch=90))})
CU13 = make_elf(needed=("libcudart.so.13",), fatbins={".nv_fatbin": make_fatbin(Entry(arch=90))})
HOST = make_elf(needed=("libc.so.6",))


def build_of(root: Path, files: Mapping[str, bytes], variant: str = "cu128", pyproject: str = PROJECT) -> Build:
    """Return a build of the project whose package has these files beside its module."""
    os.environ["CUDAPIN_VARIANT"] = variant
    write(root, {**VARIANTS, "pyproject.toml": pyproject, **{f"demo/{name}": data for name, data in files.items()}})
    build = Build(root)
    build.data["pure_python"] = False
    build.data["infer_tag"] = True
    return build


def pack(build: Build) -> Path:
    """Pack the wheel as hatchling does between the two calls of a hook."""
    build.dist.mkdir(exist_ok=True)
    with build.builder.config.set_build_data(build.data):
        return Path(build.builder.build_standard(str(build.dist), **build.data))


@pytest.mark.usefixtures("clean_environment")
def test_what_is_judged_is_recorded_and_packed(tmp_path: Path, clean_environment: Path) -> None:
    build = build_of(tmp_path, {"_ext.so": CU12, "lib/_host.so": HOST})
    build.start()
    assert build.record()["binaries"] == [
        {"path": "demo/_ext.so", "needed": ["libcudart.so.12"], "arch": ["sm_90"]},
        {"path": "demo/lib/_host.so", "needed": ["libc.so.6"], "arch": []},
    ]
    wheel = pack(build)
    build.hook.finalize("standard", build.data, str(wheel))
    found = read_wheel(wheel)
    assert found.listing == ()
    assert found.record is not None
    assert found.record["binaries"] == binary_objects(found.binaries)
    assert left(clean_environment) == []


@pytest.mark.usefixtures("clean_environment")
def test_data_files_are_compiled_files_too(tmp_path: Path) -> None:
    build = build_of(tmp_path, {})
    write(tmp_path, {"extra/libdemo.so": CU12})
    build.data["shared_data"] = {"extra/libdemo.so": "lib/libdemo.so"}
    build.start()
    (row,) = build.record()["binaries"]
    assert row["path"] == "demo-1.2+cu128.data/data/lib/libdemo.so"
    wheel = pack(build)
    build.hook.finalize("standard", build.data, str(wheel))
    assert wheel.is_file()
    wrong = build_of(tmp_path, {})
    write(tmp_path, {"extra/libdemo.so": CU13})
    wrong.data["shared_data"] = {"extra/libdemo.so": "lib/libdemo.so"}
    assert "error[CP406]: `*.data/data/lib/libdemo.so` is of CUDA 13\n" in wrong.refuse()


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (
            {"_ext.so": CU13},
            "error[CP406]: `demo/_ext.so` is of CUDA 13\n"
            "  --> demo/_ext.so\n"
            "  why: wanted CUDA 12.8 (variant `cu128`), found that it needs `libcudart.so.13`\n"
            "  fix: compile it against CUDA 12.8: look which toolkit the build names (`CUDA_HOME`) "
            "and which library it links",
        ),
        (
            {"_ext.so": CU12, "libcuda.so.1": HOST},
            "error[CP410]: the wheel bundles `demo/libcuda.so.1`, which is part of the driver\n"
            "  --> demo/libcuda.so.1\n"
            "  why: the driver's own library must be loaded: another one fails with every other driver\n"
            "  fix: leave it out; for auditwheel: `--exclude libcuda.so.1`",
        ),
        (
            {"_ext.so": make_elf(fatbins={".nv_fatbin": make_fatbin(Entry(arch=80))})},
            "warning[CP409]: …",
        ),
    ],
)
@pytest.mark.usefixtures("clean_environment")
def test_refusals(tmp_path: Path, files: dict[str, bytes], message: str) -> None:
    build = build_of(tmp_path, files)
    text = build.refuse()
    if message.startswith("warning"):
        assert text.startswith("abort 1: error[CP408]: `demo/_ext.so` lacks `sm_90`\n")
        assert any(shown.startswith("warning: warning[CP409]: ") for shown in build.app.shown)
    else:
        assert text == f"abort 1: {message}"
    assert not list(tmp_path.glob("dist/*"))


@pytest.mark.usefixtures("clean_environment")
def test_a_variant_without_cuda(tmp_path: Path) -> None:
    build = build_of(tmp_path, {"_ext.so": HOST}, "cpu")
    build.start()
    assert build.record()["binaries"] == [{"path": "demo/_ext.so", "needed": ["libc.so.6"], "arch": []}]
    assert "`demo/_ext.so` has to do with CUDA\n" in build_of(tmp_path, {"_ext.so": CU12}, "cpu").refuse()


@pytest.mark.usefixtures("clean_environment")
def test_no_compiled_files(tmp_path: Path) -> None:
    build = Build(write(tmp_path, VARIANTS))
    build.start()
    assert build.record()["binaries"] == []


@pytest.mark.usefixtures("clean_environment")
def test_a_waiver_is_recorded(tmp_path: Path) -> None:
    os.environ["CUDAPIN_ALLOW"] = "CP406"
    build = build_of(tmp_path, {"_ext.so": CU13})
    build.start()
    assert build.record()["waived"] == [{"code": "CP406", "reason": "CUDAPIN_ALLOW"}]
    wheel = pack(build)
    build.hook.finalize("standard", build.data, str(wheel))
    assert wheel.is_file()


@pytest.mark.usefixtures("clean_environment")
def test_a_file_that_cannot_be_read_refuses_nothing(tmp_path: Path) -> None:
    build = build_of(tmp_path, {"_ext.so": CU12, "_cut.so": CU12[:100]})
    build.start()
    assert any(
        shown.startswith("warning: warning[CP417]: `demo/_cut.so` cannot be judged\n") for shown in build.app.shown
    )
    assert build.record()["binaries"][0] == {"path": "demo/_cut.so", "needed": None, "arch": None}


def rewrite(wheel: Path, name: str, data: bytes) -> None:
    with zipfile.ZipFile(wheel) as archive:
        members = {one: archive.read(one) for one in archive.namelist()}
    with zipfile.ZipFile(wheel, "w") as archive:
        for one, content in {**members, name: data}.items():
            archive.writestr(one, content)


@pytest.mark.parametrize(
    ("name", "data", "code", "found"),
    [
        ("demo/_ext.so", CU13, "CP406", "`demo/_ext.so` is of CUDA 13"),
        (
            "demo/_ext.so",
            make_elf(needed=("libcudart.so.12",)),
            "CP413",
            "the record does not match the compiled files",
        ),
        (
            "demo/_late.so",
            make_elf(fatbins={".nv_fatbin": make_fatbin(Entry(kind=PTX, arch=90, version=(8, 0)), Entry(arch=90))}),
            "CP413",
            "the record does not match the compiled files",
        ),
    ],
)
@pytest.mark.usefixtures("clean_environment")
def test_a_finished_wheel_with_other_files_is_removed(
    tmp_path: Path, name: str, data: bytes, code: str, found: str
) -> None:
    build = build_of(tmp_path, {"_ext.so": CU12})
    build.dist.mkdir()
    older = build.dist / "demo-1.2+cu128-old.whl"
    older.write_bytes(b"older")
    build.start()
    wheel = pack(build)
    rewrite(wheel, name, data)
    with pytest.raises(SystemExit):
        build.hook.finalize("standard", build.data, str(wheel))
    assert f"error[{code}]: {found}\n" in build.app.shown[-1]
    assert [path.name for path in build.dist.iterdir()] == [older.name]


@pytest.mark.usefixtures("clean_environment")
def test_switched_off(tmp_path: Path) -> None:
    os.environ["CUDAPIN"] = "off"
    build = build_of(tmp_path, {"_ext.so": CU13})
    build.start()
    record: dict[str, Any] = build.record()
    assert record["binaries"] is None
