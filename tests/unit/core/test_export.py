"""Exports as text: from which file each package comes, and what cannot be exported."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import tomli
from packaging.pylock import Pylock

from cudapin.core.export import Recipe, judge_export
from cudapin.core.export_pylock import render_pylock
from cudapin.core.export_requirements import render_requirements
from cudapin.core.lock import LockedFile, LockedPackage, Selection
from cudapin.core.target import Target, other_target
from cudapin.core.verdict import render_problems
from unit.support import LINUX, A, B, C

if TYPE_CHECKING:
    from cudapin.core.export import ExportFormat

CPU, CUDA = "https://index.example/cpu", "https://index.example/cu128"
COMMIT = "0123456789" * 4


def target(platform: str = "linux_x86_64", python: str = "3.12") -> Target:
    return other_target(Target(LINUX, tuple), python, platform)


def file(
    name: str, digest: str = A, *, base: str | None = "https://files.example/", kind: str = "sha256"
) -> LockedFile:
    url = None if base is None else base + name.replace("+", "%2B")
    return LockedFile(name=name, url=url, hashes={kind: digest} if digest else {})


def package(name: str, version: str | None = "1.0", *files: LockedFile, **more: Any) -> LockedPackage:
    own = files or (file(f"{name}-{version}-py3-none-any.whl"),)
    return LockedPackage(name=name, version=version, files=own, line=7, **more)


def recipe(to: ExportFormat = "requirements", **more: Any) -> Recipe:
    known = {"lock": "uv.lock", "sha256": B, "variant": "cu128", "python": "3.12", "platform": "linux_x86_64"}
    return Recipe(format=to, **{**known, **more})


def requirements(*packages: LockedPackage, **more: Any) -> str:
    chosen = Selection(packages=packages)
    assert judge_export(chosen, recipe(), target()) == ()
    return render_requirements(chosen, recipe(**more), target()).text


def refused(item: LockedPackage, to: ExportFormat = "requirements") -> str:
    return render_problems(judge_export(Selection(packages=(item,)), recipe(to), target()))


HEAD = """\
# This file was made by cudapin with the following command:
#    cudapin export --variant cu128 --python 3.12 --platform linux_x86_64 --to requirements
# The lock file that it was made from: uv.lock
"""
TORCH = package("torch", "2.9.0+cu128", file("torch-2.9.0+cu128-cp312-cp312-linux_x86_64.whl", B), index=CUDA)


def test_a_package_of_another_index_is_bound_to_its_address() -> None:
    assert requirements(TORCH, package("numpy", "2.0")) == (
        f"{HEAD}"
        "numpy==2.0 \\\n"
        f"    --hash=sha256:{A}\n"
        "torch @ https://files.example/torch-2.9.0%2Bcu128-cp312-cp312-linux_x86_64.whl \\\n"
        f"    --hash=sha256:{B}\n"
    )


def test_without_the_default_index_the_commonest_takes_its_place() -> None:
    text = requirements(package("a", index=CUDA), package("b", index=CUDA), package("c", index=CPU))
    assert text == (
        f"{HEAD}"
        f"--index-url {CUDA}\n"
        f"a==1.0 \\\n    --hash=sha256:{A}\n"
        f"b==1.0 \\\n    --hash=sha256:{A}\n"
        f"c @ https://files.example/c-1.0-py3-none-any.whl \\\n    --hash=sha256:{A}\n"
    )


def test_the_default_index_stays_the_default_where_anything_comes_from_it() -> None:
    text = requirements(package("a", index=CUDA), package("b", index=CUDA), package("c"))
    assert "--index-url" not in text
    assert [line.split(" ")[0] for line in text.split("\n")[3::2]] == ["a", "b", "c==1.0", ""]


def test_without_an_address_only_the_hash_binds_and_the_file_says_so() -> None:
    torch = package("torch", "2.9", file("torch-2.9-py3-none-any.whl", base=None), index=f"{CUDA}?token=secret")
    assert requirements(torch, package("numpy", "2.0")) == (
        f"{HEAD}"
        "# The lock has no address for torch; only the hashes bind it to this index:\n"
        f"--extra-index-url {CUDA}\n"
        f"numpy==2.0 \\\n    --hash=sha256:{A}\n"
        f"torch==2.9 \\\n    --hash=sha256:{A}\n"
    )


def test_only_files_that_the_target_could_use_count() -> None:
    item = package(
        "numpy",
        "2.0",
        file("numpy-2.0.tar.gz", C),
        file("numpy-2.0-cp312-cp312-win_amd64.whl", "d" * 64),
        file("numpy-2.0-cp312-cp312-manylinux_2_28_x86_64.whl", B),
    )
    assert requirements(item) == f"{HEAD}numpy==2.0 \\\n    --hash=sha256:{B} \\\n    --hash=sha256:{C}\n"


@pytest.mark.parametrize("order", [1, -1])
def test_the_best_file_is_that_of_the_best_tag_then_of_the_higher_build(order: int) -> None:
    names = [
        "torch-2.9-1-cp312-cp312-manylinux_2_28_x86_64.whl",
        "torch-2.9-2-cp312-cp312-manylinux_2_28_x86_64.whl",
        "torch-2.9-3-cp312-cp312-manylinux2014_x86_64.whl",
        "torch-2.9-py3-none-any.whl",
        "torch-2.9.tar.gz",
    ]
    files = [file(name, character * 64) for name, character in zip(names, "12345", strict=True)][::order]
    text = requirements(package("torch", "2.9", *files, index=CUDA), package("numpy"))
    assert f"torch @ https://files.example/{names[1]} \\\n    --hash=sha256:{'2' * 64}\n" in text


def test_credentials_and_fragments_do_not_reach_an_export() -> None:
    own = LockedFile(
        name="a-1.0-py3-none-any.whl", url="https://me:secret@files.example/a.whl?t=1#x", hashes={"sha256": A}
    )
    text = requirements(package("a", "1.0", own, index="https://me:secret@index.example/s"), package("b"))
    assert "secret" not in text
    assert "a @ https://files.example/a.whl \\\n" in text


def test_a_url_source_keeps_its_address() -> None:
    assert "a @ https://files.example/a-1.0-py3-none-any.whl \\\n" in requirements(package("a", kind="url", index=None))


def test_a_recipe_without_variant_names_extras_and_groups() -> None:
    own = recipe(variant=None, extras=("b", "a"), groups=("g",), python=None)
    assert own.command == "cudapin export --extra a --extra b --group g --platform linux_x86_64 --to requirements"


def test_pylock() -> None:
    git = package(
        "tool", None, kind="git", origin=f"https://me:s@git.example/tool?rev=main&subdirectory=a%2Fb#{COMMIT}"
    )
    url = package("direct", kind="url")
    sdist = package("numpy", "2.0", file("numpy-2.0.tar.gz", C), file("numpy-2.0-py3-none-any.whl"))
    chosen = Selection(packages=(git, TORCH, sdist, url))
    own = recipe("pylock", requires_python=">=3.10")
    assert judge_export(chosen, own, target()) == ()
    text = render_pylock(chosen, own, target()).text
    assert (
        text
        == f"""\
# This file was made by cudapin with the following command:
#    cudapin export --variant cu128 --python 3.12 --platform linux_x86_64 --to pylock
# The lock file that it was made from: uv.lock
lock-version = "1.0"
environments = ["implementation_name == \\"cpython\\" and platform_machine == \\"x86_64\\" and \
python_version == \\"3.12\\" and sys_platform == \\"linux\\""]
requires-python = ">=3.10"
created-by = "cudapin"

[[packages]]
name = "direct"
version = "1.0"
archive = {{ url = "https://files.example/direct-1.0-py3-none-any.whl", hashes = {{ sha256 = "{A}" }} }}

[[packages]]
name = "numpy"
version = "2.0"
sdist = {{ name = "numpy-2.0.tar.gz", url = "https://files.example/numpy-2.0.tar.gz", hashes = {{ sha256 = "{C}" }} }}
wheels = [
    {{ name = "numpy-2.0-py3-none-any.whl", url = "https://files.example/numpy-2.0-py3-none-any.whl", \
hashes = {{ sha256 = "{A}" }} }},
]

[[packages]]
name = "tool"
vcs = {{ type = "git", url = "https://git.example/tool", requested-revision = "main", commit-id = "{COMMIT}", \
subdirectory = "a/b" }}

[[packages]]
name = "torch"
version = "2.9.0+cu128"
index = "{CUDA}"
wheels = [
    {{ name = "torch-2.9.0+cu128-cp312-cp312-linux_x86_64.whl", \
url = "https://files.example/torch-2.9.0%2Bcu128-cp312-cp312-linux_x86_64.whl", hashes = {{ sha256 = "{B}" }} }},
]

[tool.cudapin]
variant = "cu128"
lock = {{ path = "uv.lock", sha256 = "{B}" }}
"""
    )
    document = Pylock.from_dict(tomli.loads(text))
    assert [item.name for item in document.packages] == ["direct", "numpy", "tool", "torch"]


def test_pylock_of_extras_with_names_that_toml_must_escape() -> None:
    own = recipe("pylock", variant=None, extras=("a",), lock='we"ird\x7f\\é.lock')
    text = render_pylock(Selection(packages=()), own, target()).text
    assert text.split("\n")[2] == '# The lock file that it was made from: we"ird?\\é.lock'
    assert tomli.loads(text)["tool"]["cudapin"] == {
        "extras": ["a"],
        "groups": [],
        "lock": {"path": 'we"ird\x7f\\é.lock', "sha256": B},
    }


@pytest.mark.parametrize(
    ("item", "to", "text"),
    [
        pytest.param(
            package("lib", kind="directory", origin="lib"),
            "requirements",
            "warning[CP211]: the export leaves out `lib`, which is a directory\n"
            "  --> uv.lock:7\n"
            "  why: a directory has no hash, and an export holds only what installs with one\n"
            "  fix: install `lib` itself with `--no-deps`, after the export",
            id="directory",
        ),
        pytest.param(
            package("tool", kind="git", origin=f"https://git.example/tool#{COMMIT}"),
            "requirements",
            "error[CP211]: the export cannot hold `tool`\n"
            "  --> uv.lock:7\n"
            "  why: it comes from git, and no installer accepts that from a requirements file with `--require-hashes`\n"
            "  fix: use `--to pylock`, where the commit stands in for the hash",
            id="git in requirements",
        ),
        pytest.param(
            package("tool", kind="git", origin="https://me:s@git.example/tool#main"),
            "pylock",
            "error[CP211]: the export cannot hold `tool`\n"
            "  --> uv.lock:7\n"
            "  why: wanted an address with a full commit, found `https://git.example/tool#main`\n"
            "  fix: lock it with its full commit",
            id="git without commit",
        ),
        pytest.param(
            package("tool", kind="path", origin="wheels/tool.whl"),
            "requirements",
            "error[CP211]: the export cannot hold `tool`, which is a local file\n"
            "  --> uv.lock:7\n"
            "  why: wanted an address, found the path `wheels/tool.whl`, which is none elsewhere\n"
            "  fix: put `tool` on an index, then lock again",
            id="path",
        ),
        pytest.param(
            package("tool", "1.0", file("tool-1.0-py3-none-any.whl", base="../wheels/"), index="../wheels"),
            "requirements",
            "error[CP211]: the export cannot hold `tool`, which is a local file\n"
            "  --> uv.lock:7\n"
            "  why: wanted an address, found the path `../wheels/tool-1.0-py3-none-any.whl`, which is none elsewhere\n"
            "  fix: put `tool` on an index, then lock again",
            id="directory as index",
        ),
        pytest.param(
            package("tool", "1.0", file("tool-1.0-py3-none-any.whl", "")),
            "requirements",
            "error[CP211]: the export cannot hold `tool`, which has no hash\n"
            "  --> uv.lock:7\n"
            "  why: wanted a SHA-256 or stronger for `tool-1.0-py3-none-any.whl`, the lock has none\n"
            "  fix: lock `tool` from an index that gives hashes",
            id="no hash",
        ),
        pytest.param(
            package("tool", "1.0", file("tool-1.0-py3-none-any.whl", "a" * 32, kind="md5")),
            "pylock",
            "error[CP211]: the export cannot hold `tool`, which has no hash\n"
            "  --> uv.lock:7\n"
            "  why: wanted a SHA-256 or stronger for `tool-1.0-py3-none-any.whl`, the lock has none\n"
            "  fix: lock `tool` from an index that gives hashes",
            id="weak hash",
        ),
        pytest.param(
            package("tool", "1.0", file("tool-1.0-py3-none-any.whl", base=None)),
            "pylock",
            "error[CP211]: the export cannot say where `tool` comes from\n"
            "  --> uv.lock:7\n"
            "  why: wanted an address for each file, `uv.lock` records none for `tool`\n"
            "  fix: use `--to requirements`",
            id="no address",
        ),
        pytest.param(
            package("tool", "1.0", *[file(f"tool-1.0-{n}-cp312-cp312-win_amd64.whl") for n in (1, 2, 3)]),
            "requirements",
            "error[CP211]: the export cannot hold `tool`, of which no file can be installed there\n"
            "  --> uv.lock:7\n"
            "  why: wanted a file for Python 3.12 on linux_x86_64, found `tool-1.0-1-cp312-cp312-win_amd64.whl`, "
            "`tool-1.0-2-cp312-cp312-win_amd64.whl`, …\n"
            "  fix: name another `--python` or `--platform`",
            id="no usable file",
        ),
        pytest.param(
            LockedPackage(name="tool", version="1.0", line=7),
            "requirements",
            "error[CP211]: the export cannot hold `tool`, of which no file can be installed there\n"
            "  --> uv.lock:7\n"
            "  why: wanted a file with a hash, `uv.lock` records none\n"
            "  fix: lock it with its hashes",
            id="no file",
        ),
    ],
)
def test_what_cannot_be_exported(item: LockedPackage, to: ExportFormat, text: str) -> None:
    assert refused(item, to) == text
