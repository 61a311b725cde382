"""What changed between two selections."""

from __future__ import annotations

from typing import Any

import pytest

from cudapin.cli.diff_text import render_rows
from cudapin.core.cuda import Belonging, parse_cuda
from cudapin.core.judge_cuda import Bound
from cudapin.core.lock import LockedFile, LockedPackage, Selection
from cudapin.core.lock_diff import Difference, diff_selections
from unit.support import A, B, C

PUBLIC, OTHER = "https://index.example/simple", "https://me:secret@index.example/other"


def package(name: str, version: str | None = "1.0", **more: Any) -> LockedPackage:
    return LockedPackage(name=name, version=version, **more)


def file(name: str, digest: str | None = A, algorithm: str = "sha256", url: str | None = None) -> LockedFile:
    return LockedFile(name=name, url=url, hashes={} if digest is None else {algorithm: digest})


def bound(item: LockedPackage, cuda: str) -> Bound:
    words = {"cpu", "unknown", "other-accelerator"}
    kind: Any = cuda if cuda in words else "cuda"
    version = None if cuda in words else parse_cuda(cuda)
    return Bound(package=item, belonging=Belonging(cuda=version, kind=kind, evidence="said here"))


def diff(
    old: list[LockedPackage],
    new: list[LockedPackage],
    *,
    cuda: tuple[dict[str, str], dict[str, str]] = ({}, {}),
    is_same_format: bool = True,
) -> Difference:
    sides = [
        [bound(item, names[item.name]) for item in items if item.name in names]
        for items, names in zip((old, new), cuda, strict=True)
    ]
    return diff_selections(
        Selection(packages=tuple(old)), Selection(packages=tuple(new)), *sides, is_same_format=is_same_format
    )


def lines(found: Difference) -> list[str]:
    return [line.removeprefix("v: ") for line in render_rows([("v", found)], None)]


def test_nothing() -> None:
    same = [package("a", index=PUBLIC, files=(file("a.whl"),)), package("b")]
    assert not diff(same, list(same))
    assert lines(diff(same, same)) == []


def test_versions() -> None:
    old = [package("a", "1.9"), package("b", "2.0"), package("c", "1.0"), package("e", "zzz"), package("f", None)]
    new = [package("a", "1.10"), package("b", "1.0"), package("d", "1.0"), package("e", "yyy"), package("f", "1")]
    found = diff(old, new)
    assert bool(found)
    assert lines(found) == [
        "upgraded: a 1.9 -> 1.10",
        "downgraded: b 2.0 -> 1.0",
        "changed: e zzz -> yyy",
        "changed: f no version -> 1",
        "added: d 1.0",
        "removed: c 1.0",
    ]


def test_a_version_in_another_spelling_is_the_same() -> None:
    assert not diff([package("a", "1.0")], [package("a", "1.0.0")])
    assert diff([package("a", "1.0")], [package("a", "1.0+cpu")])


def test_a_cuda_change_comes_first_and_frameworks_before_libraries() -> None:
    old = [package("nvidia-cudnn", "1"), package("torch", "2.9.0+cu128"), package("a", "1")]
    new = [package("nvidia-cudnn", "1"), package("torch", "2.9.0+cu130"), package("a", "2")]
    cuda = ({"torch": "12.8", "nvidia-cudnn": "12"}, {"torch": "13.0", "nvidia-cudnn": "13"})
    assert lines(diff(old, new, cuda=cuda)) == [
        "CUDA 12.8 -> 13.0: torch 2.9.0+cu128 -> 2.9.0+cu130",
        "CUDA 12 -> 13: nvidia-cudnn 1",
        "upgraded: a 1 -> 2",
    ]


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ("cpu", "12.8", ["no CUDA -> CUDA 12.8: torch 2.9"]),
        ("12.8", "cpu", ["CUDA 12.8 -> no CUDA: torch 2.9"]),
        ("12.8", "unknown", ["CUDA 12.8 -> unknown CUDA: torch 2.9"]),
        ("12.8", "other-accelerator", ["CUDA 12.8 -> another accelerator: torch 2.9"]),
        ("12.8", "12.8", []),
    ],
)
def test_words_of_a_cuda_change(before: str, after: str, expected: list[str]) -> None:
    torch = [package("torch", "2.9")]
    assert lines(diff(torch, list(torch), cuda=({"torch": before}, {"torch": after}))) == expected


def test_a_package_that_carries_its_cuda_in_its_name() -> None:
    old, new = [package("cupy-cuda12x", "13.0"), package("x-cu12")], [package("cupy-cuda13x", "14.0"), package("y")]
    cuda = ({"cupy-cuda12x": "12", "x-cu12": "12"}, {"cupy-cuda13x": "13"})
    assert lines(diff(old, new, cuda=cuda)) == [
        "CUDA 12 -> 13: cupy-cuda12x 13.0 -> cupy-cuda13x 14.0",
        "added: y 1.0",
        "removed: x-cu12 1.0 (CUDA 12)",
    ]
    cuda = ({"nvidia-nccl-cu12": "12"}, {"nvidia-nccl-cu13": "13", "nvidia-nccl": "13"})
    old, new = [package("nvidia-nccl-cu12")], [package("nvidia-nccl"), package("nvidia-nccl-cu13")]
    assert lines(diff(old, new, cuda=cuda)) == [  # which of the two it became cannot be told
        "added: nvidia-nccl 1.0 (CUDA 13)",
        "added: nvidia-nccl-cu13 1.0 (CUDA 13)",
        "removed: nvidia-nccl-cu12 1.0 (CUDA 12)",
    ]


def test_a_new_name_of_the_same_cuda_is_another_package() -> None:
    cuda = ({"cupy-cuda12x": "12"}, {"cupy": "12"})
    assert lines(diff([package("cupy-cuda12x")], [package("cupy")], cuda=cuda)) == [
        "added: cupy 1.0 (CUDA 12)",
        "removed: cupy-cuda12x 1.0 (CUDA 12)",
    ]


def test_the_index() -> None:
    found = diff([package("a", index=PUBLIC), package("b")], [package("a", index=OTHER), package("b", index=OTHER)])
    assert lines(found) == [
        "changed: a 1.0 (index https://index.example/simple -> https://index.example/other)",
        "changed: b 1.0 (index the default one -> https://index.example/other)",
    ]
    assert not diff([package("a", index=OTHER)], [package("a", index="https://you:else@index.example/other")])
    assert not diff([package("a", index=PUBLIC)], [package("a", index="")])


def test_the_source() -> None:
    git = "git+https://me:secret@git.example/a?rev=main#" + "1" * 40
    moved = package("a", kind="git", origin=git.replace("1" * 40, "2" * 40))
    found = diff([package("a", kind="git", origin=git)], [moved])
    assert lines(found) == [
        f"changed: a 1.0 (source git+https://git.example/a?rev=main#{'1' * 40} -> "
        f"git+https://git.example/a?rev=main#{'2' * 40})"
    ]
    assert lines(diff([package("a")], [moved])) == [
        f"changed: a 1.0 (source an index -> git+https://git.example/a?rev=main#{'2' * 40})"
    ]
    path = package("a", kind="path", origin="../a")
    assert lines(diff([path], [package("a", kind="directory")])) == ["changed: a 1.0 (source ../a -> directory)"]


def test_the_files_of_one_version() -> None:
    old = [package("a", files=(file("a.whl", A), file("b.whl", B), file("gone.whl", C), file("bare.whl", None)))]
    new = [
        package("a", files=(file("a.whl", C + "0"), file("b.whl", None), file("new.whl", "d"), file("bare.whl", "e")))
    ]
    assert lines(diff(old, new)) == [
        "changed: a 1.0 (re-uploaded or other files: 1 file added, 1 file removed, 1 with another hash, "
        "1 without its hash, 1 with a hash now)"
    ]
    assert lines(diff(old, [package("a")])) == ["changed: a 1.0 (re-uploaded or other files: 4 files removed)"]
    assert lines(diff([package("a", files=(file("", A),))], [package("a", files=(file("", B), file("", C)))])) == [
        "changed: a 1.0 (re-uploaded or other files: 2 hashes added, 1 hash removed)"
    ]
    bare = package("a", files=(file("", None, url="https://me:secret@f.example/a"),))
    assert not diff([bare], [package("a", files=(file("", None, url="https://f.example/a"),))])


def test_the_files_of_another_version_are_no_news() -> None:
    found = diff([package("a", "1", files=(file("a.whl", A),))], [package("a", "2", files=(file("a.whl", B),))])
    assert lines(found) == ["upgraded: a 1 -> 2"]


def test_two_formats_are_compared_in_what_both_record() -> None:
    full = package("a", index=PUBLIC, files=(file("a.whl", A), file("b.whl", B)))
    few = package("a", index="", files=(file("", B),))
    assert not diff([full], [few], is_same_format=False)
    assert not diff([full], [package("a", index=PUBLIC)], is_same_format=False)
    assert not diff([full], [package("a", None, index="", files=(file("", "1", "md5"),))], is_same_format=False)
    assert lines(diff([full], [package("a", files=(file("", C),), index="")], is_same_format=False)) == [
        "changed: a 1.0 (re-uploaded or other files: 1 file added, 2 files removed)"
    ]


def test_two_formats_name_one_source_in_two_ways() -> None:
    long, short = ("git+https://g.example/a?rev=x#" + "1" * 40, "https://g.example/a@" + "1" * 40)
    old = package("a", kind="git", origin=long)
    assert not diff([old], [package("a", kind="url", origin=short)], is_same_format=False)
    assert diff([old], [package("a", kind="git", origin=short.replace("1" * 40, "2" * 40))], is_same_format=False)
    assert diff([old], [package("a")], is_same_format=False)


def test_an_index_that_is_not_recorded_makes_no_cuda_change_of_the_same_file() -> None:
    old, new = package("torch", index=PUBLIC, files=(file("t.whl"),)), package("torch", index="", files=(file(""),))
    cuda = ({"torch": "12.8"}, {"torch": "unknown"})
    assert not diff([old], [new], cuda=cuda, is_same_format=False)
    assert diff([old], [package("torch", index="")], cuda=cuda, is_same_format=False)


def test_several_packages_of_one_name() -> None:
    old = [package("a", "1"), package("a", "2"), package("b", "1"), package("b", "2")]
    new = [package("a", "2"), package("a", "3"), package("b", "3")]
    assert lines(diff(old, new)) == ["upgraded: a 1 -> 3", "added: b 3", "removed: b 1", "removed: b 2"]


def test_what_all_share_is_said_once() -> None:
    base = diff([package("a", "1")], [package("a", "2")])
    more = diff([package("a", "1"), package("b", "1")], [package("a", "2"), package("c", "1")])
    assert render_rows([("x", base), ("y", more)], "all variants") == [
        "all variants: upgraded: a 1 -> 2",
        "y: added: c 1",
        "y: removed: b 1",
    ]
    assert render_rows([("demo", base), ("demo[y]", more)], None) == [
        "demo: upgraded: a 1 -> 2",
        "demo[y]: added: c 1",
        "demo[y]: removed: b 1",
    ]
    assert render_rows([("x", base)], "all variants") == ["x: upgraded: a 1 -> 2"]
    assert render_rows([], "all variants") == render_rows([], None) == []
