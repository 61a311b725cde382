"""The build environment: fake site-packages in, plain values out."""

from __future__ import annotations

import atexit
import base64
import hashlib
import json
import os
import shutil
import stat
from importlib.metadata import Distribution, PathDistribution
from typing import TYPE_CHECKING, Any

import pytest

from cudapin.adapters.buildenv import (
    compiler_version,
    find_changed_file,
    find_distributions,
    join_toolkit,
    nvcc_version,
    read_installed,
)
from cudapin.adapters.machine_toolkits import toolkit_version
from cudapin.core.judge_env import Installed
from unit.support import A, write

if TYPE_CHECKING:
    from pathlib import Path


def row(path: str, content: str, algorithm: str = "sha256") -> str:
    digest = base64.urlsafe_b64encode(hashlib.new(algorithm, content.encode()).digest()).rstrip(b"=").decode()
    return f"{path},{algorithm}={digest},{len(content)}"


def install(
    site: Path, name: str, files: dict[str, str], record: list[str] | None = None, more: dict[str, str] | None = None
) -> Distribution:
    info = f"{name.replace('-', '_')}-1.0.dist-info"
    rows = record if record is not None else [row(path, content) for path, content in files.items()]
    texts = {
        **(more or {}),
        "METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n",
        "RECORD": "\n".join(rows),
    }
    write(site, {**files, **{f"{info}/{key}": text for key, text in texts.items()}})
    return PathDistribution(site / info)


@pytest.mark.parametrize(
    ("document", "url", "digest"),
    [
        (None, None, None),
        (
            {"url": "https://index.example/x.whl", "archive_info": {"hashes": {"sha256": A}}},
            "https://index.example/x.whl",
            A,
        ),
        ({"url": "u", "archive_info": {"hash": f"sha256={A}"}}, "u", A),
        ({"url": "u", "archive_info": {"hash": "md5=x"}}, "u", None),
        ({"url": "u", "archive_info": {"hashes": {"md5": "x"}}}, "u", None),
        ({"url": "u", "dir_info": {"editable": True}}, "u", None),
        ({"url": "u", "archive_info": None}, "u", None),
        ([], None, None),
        ({"url": "u", "archive_info": 3}, None, None),
    ],
)
def test_read_installed(tmp_path: Path, document: Any, url: str | None, digest: str | None) -> None:
    more = {} if document is None else {"direct_url.json": json.dumps(document)}
    found = read_installed(install(tmp_path, "My.Pkg", {}, more=more))
    assert found == Installed(name="my-pkg", version="1.0", url=url, url_hash=digest)


def test_a_broken_direct_url(tmp_path: Path) -> None:
    assert read_installed(install(tmp_path, "x", {}, more={"direct_url.json": "{"})).url is None


@pytest.mark.parametrize("metadata", [None, "", "Metadata-Version: 2.1\n"])
def test_metadata_that_says_nothing(tmp_path: Path, metadata: str | None) -> None:
    name = "My_Pkg-1.0.dist-info/METADATA"
    distribution = install(tmp_path, "My-Pkg", {}, [row(name, "as it was")])
    (tmp_path / name).unlink()
    if metadata is not None:
        (tmp_path / name).write_text(metadata)
    assert read_installed(distribution) == Installed(name="my-pkg", version="1.0")
    assert find_changed_file(distribution) == name


FILES = {"x/a.py": "a", "x/b.so": "b" * (1 << 20) + "c"}


def test_files_as_recorded(tmp_path: Path) -> None:
    rows = [*(row(path, content) for path, content in FILES.items()), "x/c.pyc,,", "", "x-1.0.dist-info/RECORD,,"]
    assert find_changed_file(install(tmp_path, "x", FILES, rows)) is None


@pytest.mark.parametrize("path", list(FILES))
def test_a_changed_file(tmp_path: Path, path: str) -> None:
    distribution = install(tmp_path, "x", FILES)
    (tmp_path / path).write_text("other")
    assert find_changed_file(distribution) == path
    (tmp_path / path).unlink()
    assert find_changed_file(distribution) == path


def test_a_hash_of_another_kind_counts_too(tmp_path: Path) -> None:
    assert find_changed_file(install(tmp_path, "x", FILES, [row("x/a.py", "a", "sha512")])) is None
    assert find_changed_file(install(tmp_path, "x", FILES, [row("x/a.py", "z", "sha512")])) == "x/a.py"
    assert find_changed_file(install(tmp_path, "x", FILES, ["x/a.py,unheard=abc,1"])) == "x/a.py"


def test_no_record(tmp_path: Path) -> None:
    distribution = install(tmp_path, "x", FILES)
    (tmp_path / "x-1.0.dist-info/RECORD").unlink()
    assert find_changed_file(distribution) == "RECORD"


def test_a_record_that_is_no_table(tmp_path: Path) -> None:
    assert find_changed_file(install(tmp_path, "x", FILES, ['"' + "x" * 200_000])) == "RECORD"


RUNTIME = {
    "nvidia/cuda_runtime/include/cuda.h": "#define CUDA_VERSION 12080\n",
    "nvidia/cuda_runtime/lib/libcudart.so.12": "x",
    "nvidia/cuda_runtime/__init__.py": "",
}
NVCC = {"nvidia/cuda_nvcc/bin/nvcc": "#!", "nvidia/cuda_nvcc/include/crt/host.h": "h"}


def test_toolkits_of_several_packages_are_joined(tmp_path: Path) -> None:
    packages = [
        install(tmp_path, "nvidia-cuda-runtime-cu12", RUNTIME),
        install(tmp_path, "nvidia-cuda-nvcc-cu12", NVCC),
    ]
    (tmp_path / "nvidia/cuda_runtime/include/unrecorded.h").write_text("")
    root = join_toolkit(packages)
    assert root is not None
    assert stat.S_IMODE(root.stat().st_mode) == 0o700
    found = {path.relative_to(root).as_posix(): path.readlink() for path in root.rglob("*") if path.is_symlink()}
    assert found == {
        "bin/nvcc": tmp_path / "nvidia/cuda_nvcc/bin/nvcc",
        "include/crt/host.h": tmp_path / "nvidia/cuda_nvcc/include/crt/host.h",
        "include/cuda.h": tmp_path / "nvidia/cuda_runtime/include/cuda.h",
        "lib/libcudart.so.12": tmp_path / "nvidia/cuda_runtime/lib/libcudart.so.12",
    }
    assert str(toolkit_version(root)) == "12.8"


@pytest.mark.parametrize(
    "path",
    [
        "nvidia/cuda_runtime/include/../../secret.h",
        "nvidia/cuda_runtime/include/../secret.h",
        "nvidia/../../include/secret.h",
        "/nvidia/cuda_runtime/include/secret.h",
        "../nvidia/cuda_runtime/include/secret.h",
        "nvidia/cuda_runtime/share/secret.h",
        "nvidia/cuda_runtime/include",
        "other/cuda_runtime/include/secret.h",
    ],
)
def test_what_leaves_the_packages_is_never_linked(tmp_path: Path, path: str, clean_environment: Path) -> None:
    site = tmp_path / "a/b"
    bad = install(site, "bad", {}, [row(path, "x"), *(row(*item) for item in RUNTIME.items())])
    write(site, RUNTIME)
    root = join_toolkit([bad])
    assert root is not None
    links = [item.name for item in clean_environment.rglob("*") if item.is_symlink()]
    assert sorted(links) == ["cuda.h", "libcudart.so.12"]


def test_the_same_packages_share_a_toolkit(tmp_path: Path, clean_environment: Path) -> None:
    package = install(tmp_path / "a", "nvidia-cuda-runtime-cu12", RUNTIME)
    root = join_toolkit([package])
    assert root is not None
    assert join_toolkit(iter([package])) == root
    assert join_toolkit([install(tmp_path / "b", "nvidia-cuda-runtime-cu12", RUNTIME)]) != root
    install(tmp_path / "a", "nvidia-cuda-runtime-cu12", {**RUNTIME, "nvidia/cuda_runtime/include/more.h": ""})
    assert join_toolkit([package]) != root
    assert len(list(clean_environment.iterdir())) == 3


def test_a_toolkit_that_was_removed_is_made_again(tmp_path: Path) -> None:
    package = install(tmp_path, "nvidia-cuda-runtime-cu12", RUNTIME)
    for _ in range(2):
        root = join_toolkit([package])
        assert root is not None
        assert (root / "include/cuda.h").is_file()
        shutil.rmtree(root)


def test_a_toolkit_is_removed_at_exit(tmp_path: Path, clean_environment: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    at_exit: list[Any] = []

    def register(*args: Any, **kwargs: Any) -> None:
        assert not any(next(clean_environment.iterdir()).iterdir()), "registered after something was linked"
        at_exit.append((args, kwargs))

    monkeypatch.setattr(atexit, "register", register)
    root = join_toolkit([install(tmp_path, "nvidia-cuda-runtime-cu12", RUNTIME)])
    assert at_exit == [((shutil.rmtree, str(root)), {"ignore_errors": True})]


def test_half_a_toolkit_does_not_stay(tmp_path: Path, clean_environment: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError("no space")

    package = install(tmp_path, "nvidia-cuda-runtime-cu12", RUNTIME)
    with monkeypatch.context() as patch:
        patch.setattr(os, "symlink", fail)
        with pytest.raises(OSError, match="no space"):
            join_toolkit([package])
    assert list(clean_environment.iterdir()) == []
    root = join_toolkit([package])
    assert root is not None
    assert str(toolkit_version(root)) == "12.8"


def test_without_headers_there_is_no_toolkit(tmp_path: Path) -> None:
    assert join_toolkit([install(tmp_path, "x", {"nvidia/nccl/lib/libnccl.so.2": "x"})]) is None
    assert join_toolkit([]) is None


def test_a_file_recorded_twice_and_missing_is_linked_once(tmp_path: Path) -> None:
    rows = ["nvidia/a/include/x.h,,", "nvidia/b/include/x.h,,"]
    root = join_toolkit([install(tmp_path, "x", {}, rows)])
    assert root is not None
    assert (root / "include/x.h").readlink() == tmp_path / "nvidia/a/include/x.h"


def test_cuda_13_is_used_as_it_is(tmp_path: Path) -> None:
    files = {"nvidia/cu13/include/cuda.h": "#define CUDA_VERSION 13010\n", "nvidia/cu13/lib/x.so": ""}
    root = join_toolkit([install(tmp_path, "nvidia-cuda-runtime", files)])
    assert root == tmp_path / "nvidia/cu13"
    assert str(toolkit_version(root)) == "13.1"


def script(path: Path, text: str) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return str(path)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("echo 'Cuda compilation tools, release 12.8, V12.8.93'", "12.8"),
        ("echo nothing", None),
        ("echo 'release 12.8'; exit 1", None),
    ],
)
def test_nvcc_version(tmp_path: Path, text: str, expected: str | None) -> None:
    nvcc = script(tmp_path / "nvcc", text)
    assert nvcc_version(nvcc, {}) == expected
    assert nvcc_version("nvcc", {"PATH": str(tmp_path)}) == expected
    assert nvcc_version("nvcc", {"PATH": "/nowhere"}) is None


def test_a_file_that_cannot_run(tmp_path: Path) -> None:
    (tmp_path / "nvcc").write_bytes(b"\x7fELF")
    (tmp_path / "nvcc").chmod(0o755)
    assert nvcc_version(str(tmp_path / "nvcc"), {}) is None


def test_compiler_version(tmp_path: Path) -> None:
    compiler = script(tmp_path / "my-cc", f"echo {tmp_path}/my-cc 14.2; echo more")
    assert compiler_version({"CC": f"{compiler} -O2"}) == "my-cc 14.2"
    assert compiler_version({"CC": "/nowhere/cc"}) is None
    assert compiler_version({"CC": script(tmp_path / "quiet", "true")}) is None


def test_this_environment() -> None:
    found = find_distributions()["pytest"]
    assert found.version == pytest.__version__ == found.distribution.version


def test_the_first_of_a_name_on_the_path_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for folder, version in (("a", "1.0"), ("b", "2.0+cu126")):
        (tmp_path / folder / f"My_Pkg-{version}.dist-info").mkdir(parents=True)
        (tmp_path / folder / f"only_{folder}-{version}.dist-info").mkdir()
        (tmp_path / folder / "broken.dist-info").mkdir()
        (tmp_path / folder / "my_pkg").mkdir()
    monkeypatch.setattr("sys.path", [str(tmp_path / name) for name in ("a", "b", "missing")])
    found = {name: item.version for name, item in find_distributions().items()}
    assert found == {"my-pkg": "1.0", "only-a": "1.0", "only-b": "2.0+cu126"}


def test_eggs_are_installed_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    information = "Metadata-Version: 2.1\nName: {}\nVersion: 3.1\n"
    write(
        tmp_path,
        {
            "Of_A_File-1.0-py3.11.egg-info": information.format("of-a-file"),
            "short-1.1.egg-info/PKG-INFO": "",
            "developed.egg-info/PKG-INFO": information.format("developed"),
            "file.egg-info": information.format("file"),
            "empty.egg-info/SOURCES.txt": "",
            "both.egg-info/PKG-INFO": information.format("both"),
            "both-2.0.dist-info/METADATA": "",
            ".egg-info": "",
        },
    )
    monkeypatch.setattr("sys.path", [str(tmp_path)])
    found = find_distributions()
    assert {name: item.version for name, item in found.items()} == {
        "both": "2.0",
        "of-a-file": "1.0",
        "short": "1.1",
        "developed": "3.1",
        "file": "3.1",
    }
    assert read_installed(found["short"].distribution) == Installed(name="short", version="1.1")
    assert find_changed_file(found["of-a-file"].distribution) == "RECORD"
