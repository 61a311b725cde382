"""The SBOM says what the lock says, and is the same text for the same input. The schema is asked by `integration`."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from packaging.tags import parse_tag

from cudapin.core.lock import LockedFile, LockedPackage, Selection
from cudapin.core.target import Target
from cudapin.release.sbom import Bundled, Subject, render_sbom
from unit.support import LINUX, A, B, C

if TYPE_CHECKING:
    from collections.abc import Sequence

TARGET = Target(LINUX, lambda: [*parse_tag("cp312-cp312-linux_x86_64"), *parse_tag("py3-none-any")])
SUBJECT = Subject(
    name="Fast.Embeddings",
    version="1.2+cu128",
    facts={"variant": "cu128"},
    knows_edges=True,
    tools={"cudapin": "1.0"},
)


def file(name: str, digest: str, url: str | None = None) -> LockedFile:
    return LockedFile(name=name, url=url, hashes={"sha256": digest})


def render(*packages: LockedPackage, bundled: Sequence[Bundled] = (), **changes: Any) -> dict[str, Any]:
    text = render_sbom(replace(SUBJECT, **changes), Selection(packages=packages), bundled, TARGET)
    document: dict[str, Any] = json.loads(text)
    return document


def test_a_package_has_name_version_purl_file_and_hash() -> None:
    files = (
        file("torch-2.9.0+cu128-cp311-cp311-linux_x86_64.whl", A, "https://index.example/a.whl"),
        file("torch-2.9.0+cu128-cp312-cp312-linux_x86_64.whl", B, "https://me:secret@index.example/b.whl?token=1#x"),
        file("torch-2.9.0.tar.gz", C, "https://index.example/c.tar.gz"),
    )
    package = LockedPackage(
        name="torch", version="2.9.0+cu128", index="https://me:secret@index.example/whl/cu128?token=1", files=files
    )
    assert render(package)["components"] == [
        {
            "bom-ref": "torch==2.9.0+cu128",
            "externalReferences": [
                {
                    "hashes": [{"alg": "SHA-256", "content": B}],
                    "type": "distribution",
                    "url": "https://index.example/b.whl",
                }
            ],
            "hashes": [{"alg": "SHA-256", "content": B}],
            "name": "torch",
            "purl": "pkg:pypi/torch@2.9.0%2Bcu128?repository_url=https://index.example/whl/cu128",
            "type": "library",
            "version": "2.9.0+cu128",
        }
    ]


def test_a_lock_that_names_no_files_gives_the_hashes_that_it_accepts() -> None:
    several = LockedPackage(name="a", version="1", files=(file("", B), file("", A)))
    one = LockedPackage(name="b", version="1", files=(file("", C),))
    found = render(several, one)["components"]
    assert "hashes" not in found[0]
    assert found[0]["properties"] == [
        {"name": "cudapin:possible-sha256", "value": A},
        {"name": "cudapin:possible-sha256", "value": B},
    ]
    assert found[1]["hashes"] == [{"alg": "SHA-256", "content": C}]
    assert "properties" not in found[1]


@pytest.mark.parametrize(
    ("package", "purl", "addresses"),
    [
        (
            LockedPackage(
                name="a", version="1", kind="git", origin="https://me:pw@index.example/a?rev=main#" + "c" * 40
            ),
            f"pkg:pypi/a@1?vcs_url=git%2Bhttps://index.example/a%40{'c' * 40}",
            [f"git+https://index.example/a@{'c' * 40}"],
        ),
        (
            LockedPackage(name="a", version=None, kind="git", origin=f"git+https://index.example/a@{'c' * 40}#egg=a"),
            f"pkg:pypi/a?vcs_url=git%2Bhttps://index.example/a%40{'c' * 40}",
            [f"git+https://index.example/a@{'c' * 40}"],
        ),
        (LockedPackage(name="a", version="1", kind="git", origin="file:///home/me/a#abc"), "pkg:pypi/a@1", []),
        (
            LockedPackage(
                name="a",
                version="1",
                kind="url",
                origin="https://me:pw@index.example/a.whl#sha256=1",
                files=(file("a-1-py3-none-any.whl", A, "https://me:pw@index.example/a.whl"),),
            ),
            "pkg:pypi/a@1?download_url=https://index.example/a.whl",
            ["https://index.example/a.whl"],
        ),
        (LockedPackage(name="a", version="1", kind="directory", origin="packages/a"), None, []),
        (
            LockedPackage(
                name="a", version="1", kind="path", origin="a.whl", files=(file("a.whl", A, "wheels/a.whl"),)
            ),
            None,
            [],
        ),
        (LockedPackage(name="a", version="1", index="/srv/wheels"), "pkg:pypi/a@1", []),
    ],
    ids=["git", "git-requirement", "local-git", "url", "directory", "path", "index-that-is-a-folder"],
)
def test_where_a_package_comes_from(package: LockedPackage, purl: str | None, addresses: list[str]) -> None:
    """No path of a machine and no credential gets into it, and no URL that would name what no index has."""
    (found,) = render(package)["components"]
    assert found.get("purl") == purl
    assert [one["url"] for one in found.get("externalReferences", [])] == addresses


def test_what_requires_what() -> None:
    packages = (
        LockedPackage(name="a", version="1", direct=True, dependencies=("b", "not-selected")),
        LockedPackage(name="b", version="2"),
    )
    found = render(*packages, bundled=[Bundled(path="x.libs/liby.so.1", sha256=A)])
    assert found["dependencies"] == [
        {"ref": "a==1", "dependsOn": ["b==2"]},
        {"ref": "b==2"},
        {"ref": "fast-embeddings==1.2+cu128", "dependsOn": ["a==1", "file:x.libs/liby.so.1"]},
        {"ref": "file:x.libs/liby.so.1"},
    ]
    assert "compositions" not in found


@pytest.mark.parametrize("is_direct", [True, False])
def test_what_requires_what_is_not_claimed_where_the_lock_does_not_say_it(*, is_direct: bool) -> None:
    packages = (LockedPackage(name="a", version="1", direct=is_direct), LockedPackage(name="b", version="2"))
    found = render(*packages, knows_edges=False)
    own = "fast-embeddings==1.2+cu128"
    assert found["dependencies"] == ([{"ref": own, "dependsOn": ["a==1"]}] if is_direct else [])
    assert found["compositions"] == [{"aggregate": "unknown", "dependencies": ["a==1", "b==2", own]}]


def test_a_library_in_the_wheel() -> None:
    library = Bundled(path="demo.libs/libcudart-e8e8b82a.so.12", sha256=A, cuda=(12,))
    assert render(bundled=[library])["components"] == [
        {
            "bom-ref": "file:demo.libs/libcudart-e8e8b82a.so.12",
            "hashes": [{"alg": "SHA-256", "content": A}],
            "name": "libcudart.so.12",
            "properties": [
                {"name": "cudapin:cuda", "value": "12"},
                {"name": "cudapin:path", "value": "demo.libs/libcudart-e8e8b82a.so.12"},
            ],
            "type": "library",
        }
    ]


def test_the_wheel_itself() -> None:
    assert render()["metadata"] == {
        "component": {
            "bom-ref": "fast-embeddings==1.2+cu128",
            "name": "Fast.Embeddings",
            "purl": "pkg:pypi/fast-embeddings@1.2%2Bcu128",
            "type": "library",
            "version": "1.2+cu128",
        },
        "lifecycles": [{"phase": "build"}],
        "properties": [{"name": "cudapin:variant", "value": "cu128"}],
        "tools": {"components": [{"name": "cudapin", "type": "application", "version": "1.0"}]},
    }


def test_there_is_a_time_only_where_one_is_given() -> None:
    assert render(epoch_s=1700000000)["metadata"]["timestamp"] == "2023-11-14T22:13:20+00:00"


def test_the_serial_number_comes_from_the_content() -> None:
    package = LockedPackage(name="a", version="1")
    first, again, other = render(package), render(package), render(replace(package, version="2"))
    assert first == again
    assert first["serialNumber"] != other["serialNumber"]
    assert first["serialNumber"].startswith("urn:uuid:")
