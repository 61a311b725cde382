"""`parse_pdm_lock` reads what pdm writes and refuses anything else with its place; `select` is `pdm install`."""

from __future__ import annotations

import pytest

from cudapin.core.lock import Fork, Request
from cudapin.errors import LockError
from unit.locks.pdm_texts import HASH, LOCK, PROJECT, parse
from unit.support import LINUX, MACOS, faults

WINDOWS = {**LINUX, "sys_platform": "win32", "platform_machine": "AMD64", "platform_system": "Windows", "os_name": "nt"}
FIX = "  fix: restore `pdm.lock` from version control, or `rm pdm.lock && pdm lock`"


def versions(
    text: str, environment: dict[str, str], *extras: str, groups: tuple[str, ...] = (), project: str | None = PROJECT
) -> list[str]:
    """Return what a request selects as `name==version`."""
    request = Request(extras=frozenset(extras), groups=frozenset(groups), environment=environment)
    return [f"{package.name}=={package.version}" for package in parse(text, project).select(request).packages]


def refusal(text: str) -> str:
    """Return what is shown for a lock that cannot be read."""
    return faults(lambda: parse(text), LockError)


@pytest.mark.parametrize(
    ("environment", "extras", "groups", "expected"),
    [
        (LINUX, (), (), ["numpy==2.1.0"]),
        (LINUX, ("cu128",), (), ["numpy==2.1.0", "torch==2.9.0+cu128"]),
        (WINDOWS, (), (), ["colour==0.4", "numpy==2.1.0", "tqdm==4.0"]),
        (LINUX, (), ("dev",), ["numpy==2.1.0", "ruff==0.9"]),
        (MACOS, ("CU128",), ("none-such",), ["numpy==2.1.0", "torch==2.9.0+cu128"]),
    ],
)
def test_the_default_group_and_what_is_requested_are_selected(
    environment: dict[str, str], extras: tuple[str, ...], groups: tuple[str, ...], expected: list[str]
) -> None:
    """Groups and markers of each entry count; a group that does not exist selects nothing."""
    assert versions(LOCK, environment, *extras, groups=groups) == expected


def test_a_selected_package_says_where_it_comes_from() -> None:
    """The version is that of the files, the index that of the only source that may serve it."""
    selection = parse(LOCK).select(Request(extras=frozenset({"cu128"}), environment=WINDOWS))
    torch, numpy, colour = (selection.find(name) for name in ("torch", "numpy", "colour"))
    assert torch is not None
    assert numpy is not None
    assert colour is not None
    assert (torch.version, torch.index, torch.direct) == ("2.9.0+cu128", "https://index.example/cu128/", True)
    assert (torch.dependencies, torch.kind, torch.origin) == (("colour", "numpy"), "registry", None)
    assert [(file.name, file.url, dict(file.hashes)) for file in torch.files[:1]] == [
        ("torch-2.9.0+cu128-cp312-cp312-linux_x86_64.whl", None, {"sha256": "a" * 64})
    ]
    assert torch.line is not None
    assert LOCK.splitlines()[torch.line - 1 :][:2] == ["[[package]]", 'name = "torch"']
    assert (numpy.index, numpy.direct, colour.direct) == ("", True, False)
    assert selection.forks == {
        "numpy": (Fork(version="2.1.0", marker=None),),
        "torch": (Fork(version="2.9.0+cu128", marker=None),),
        "tqdm": (Fork(version="4.0", marker="sys_platform == 'win32'"),),
    }


def test_files_are_given_only_where_asked_for() -> None:
    """The other packages are selected all the same."""
    request = Request(extras=frozenset({"cu128"}), environment=LINUX)
    selection = parse(LOCK).select(request, files_for=lambda name: name == "torch")
    assert [(package.name, len(package.files)) for package in selection.packages] == [("numpy", 0), ("torch", 2)]


def test_without_a_project_what_nothing_requires_is_direct() -> None:
    """The lock alone does not say what the project asks for."""
    selection = parse(LOCK, None).select(Request(extras=frozenset({"cu128"}), environment=LINUX))
    assert [(package.name, package.direct, package.index) for package in selection.packages] == [
        ("numpy", False, ""),
        ("torch", True, ""),
    ]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ('include_packages = ["torch"]', "", ""),
        ('include_packages = ["torch"]', 'include_packages = ["Tor*"]', "https://index.example/cu128/"),
        ('url = "https://index.example/cu128/"', 'url = "https://index.example/${PLACE}/"', ""),
        ('include_packages = ["torch"]', 'exclude_packages = ["*"]', ""),
        ('include_packages = ["torch"]', 'exclude_packages = ["numpy"]', ""),
    ],
)
def test_an_index_is_named_only_where_one_source_is_left(old: str, new: str, expected: str) -> None:
    """A source that includes the package is the only one; else all that do not exclude it may serve it."""
    if "exclude" in new:
        expected = "https://index.example/simple" if '"*"' in new else ""
    selection = parse(LOCK, PROJECT.replace(old, new)).select(Request(extras=frozenset({"cu128"}), environment=LINUX))
    torch = selection.find("torch")
    assert torch is not None
    assert torch.index == expected


def test_the_addresses_of_files_tell_the_index() -> None:
    """Where the lock has them (`static_urls`), and they lie below one source; credentials never stay."""
    text = LOCK.replace('["inherit_metadata"]', '["inherit_metadata", "static_urls"]').replace(
        'file = "torch-2.9.0+', 'url = "https://me:secret@index.example/cu128/torch-2.9.0%2B'
    )
    project = PROJECT.replace('include_packages = ["torch"]', "")
    torch = parse(text, project).select(Request(extras=frozenset({"cu128"}), environment=LINUX)).find("torch")
    assert torch is not None
    assert (torch.index, torch.version) == ("https://index.example/cu128/", "2.9.0+cu128")
    assert torch.files[0].name == "torch-2.9.0+cu128-cp312-cp312-linux_x86_64.whl"
    assert torch.files[0].url == "https://index.example/cu128/torch-2.9.0%2Bcu128-cp312-cp312-linux_x86_64.whl"


@pytest.mark.parametrize(
    ("lines", "kind", "origin"),
    [
        (
            'git = "https://me:x@index.example/a.git"\nref = "main"\nrevision = "0af"',
            "git",
            "https://index.example/a.git?rev=main#0af",
        ),
        ('path = "./libs/a"\neditable = true', "directory", "./libs/a"),
        ('path = "./a-1.0.tar.gz"', "path", "./a-1.0.tar.gz"),
        ('url = "https://index.example/a-1.0-py3-none-any.whl"', "url", "https://index.example/a-1.0-py3-none-any.whl"),
        ('url = "file:///${PROJECT_ROOT}/a"', "directory", "file:///${PROJECT_ROOT}/a"),
    ],
)
def test_packages_without_an_index_say_where_they_come_from(lines: str, kind: str, origin: str) -> None:
    """Address and commit without credentials, or the path."""
    text = LOCK + f'\n[[package]]\nname = "a"\nversion = "1.0"\ngroups = ["default"]\n{lines}\n'
    found = parse(text).select(Request(environment=LINUX)).find("a")
    assert found is not None
    assert (found.kind, found.origin, found.index) == (kind, origin, None)


WALK = (
    LOCK.replace('["inherit_metadata"]', "[]").replace('groups = ["default"]\n', "").replace('groups = ["dev"]\n', "")
)


def test_without_inherited_metadata_the_dependencies_are_walked() -> None:
    """From the requirements of the project, by the markers of each requirement."""
    text = "\n".join(line for line in WALK.splitlines() if not line.startswith(('groups = ["default", ', "marker")))
    text = text.replace('groups = ["cu128"]\n', "").replace('lock_version = "4.5.1"', 'lock_version = "4.4"')
    assert versions(text, LINUX) == ["numpy==2.1.0"]
    assert versions(text, WINDOWS) == ["colour==0.4", "numpy==2.1.0", "tqdm==4.0"]
    assert versions(text, LINUX, "cu128", groups=("dev",)) == ["numpy==2.1.0", "ruff==0.9", "torch==2.9.0+cu128"]
    assert faults(lambda: versions(text, LINUX, project=None), LockError) == (
        "error[CP206]: what `pdm.lock` selects cannot be told\n"
        "  --> pdm.lock:2 (metadata.strategy)\n"
        "  why: it records no groups, and there is no `pyproject.toml` that says what is asked for\n"
        "  fix: pdm lock -S inherit_metadata"
    )
    double = text + '\n[[package]]\nname = "numpy"\nversion = "2.2.0"\n'
    assert versions(double, LINUX, project=PROJECT.replace("numpy>=2", "numpy>=2.2")) == ["numpy==2.2.0"]
    assert "it holds several `numpy`, and nothing says which of them" in faults(
        lambda: versions(double, LINUX), LockError
    )


def test_an_environment_that_is_no_target_is_refused() -> None:
    """As pdm refuses to install there."""
    text = LOCK.replace(
        'requires_python = ">=3.10"\n\n', 'requires_python = ">=3.10"\nplatform = "windows_amd64"\n\n', 1
    )
    assert versions(text, WINDOWS) == ["colour==0.4", "numpy==2.1.0", "tqdm==4.0"]
    assert faults(lambda: versions(text, LINUX), LockError) == (
        "error[CP206]: `pdm.lock` was not made for this environment\n"
        "  --> pdm.lock:7 (metadata.targets)\n"
        "  why: wanted a target for `3.12.4 linux x86_64 cpython`, found `>=3.10 windows_amd64`\n"
        "  fix: pdm lock --append --python … --platform …"
    )


def test_packages_that_the_project_excludes_are_left_out() -> None:
    """pdm skips them also where the lock has them."""
    assert versions(LOCK, LINUX, project=PROJECT + '[tool.pdm.resolution]\nexcludes = ["NumPy"]\n') == []


OLD = f"""\
[metadata]
lock_version = "4.1"
cross_platform = true
static_urls = true
groups = ["default"]
content_hash = "sha256:0"

[metadata.files]
"numpy 2.1.0" = [{{url = "https://index.example/numpy-2.1.0.tar.gz", hash = "{HASH}"}}]

[[package]]
name = "numpy"
version = "2.1.0"
summary = "Numbers"
"""


def test_older_versions_of_the_format_are_read() -> None:
    """They have no groups for each package and, before 4.2, a table of files."""
    lock = parse(OLD)
    numpy = lock.select(Request(environment=LINUX)).find("numpy")
    assert numpy is not None
    assert lock.strategy == {"cross_platform", "static_urls"}
    assert [file.name for file in numpy.files] == ["numpy-2.1.0.tar.gz"]


@pytest.mark.parametrize(
    ("version", "age"),
    [
        ('"4.6.0"', ": it was made by a newer pdm"),
        ('"5.0"', ": it was made by a newer pdm"),
        ('"3.1"', ": it was made by an old pdm"),
        ('"new"', ""),
        ("4.5", ""),
    ],
)
def test_other_versions_of_the_format_are_refused(version: str, age: str) -> None:
    """As pdm refuses them; the message says which way it is wrong."""
    assert refusal(LOCK.replace('"4.5.1"', version)) == (
        f"error[CP205]: `pdm.lock` has a format version that is not known{age}\n"
        "  --> pdm.lock:4 (metadata.lock_version)\n"
        f"  why: wanted `lock_version` from 4.0 to 4.5, found `{version.strip(chr(34))}`\n"
        f"{FIX}"
    )


def test_the_last_number_of_the_version_does_not_count() -> None:
    """pdm reads 4.5.9 with a warning."""
    assert len(parse(LOCK.replace("4.5.1", "4.5.9")).packages) == 5


@pytest.mark.parametrize(
    ("old", "new", "what", "why"),
    [
        ("[metadata]", "[other]", "has no `[metadata]`", "wanted a table `metadata` with `lock_version`, found none"),
        ('"4.5.1"\n', '"4.5.1"\nlock_versions = 1\n[[package]]\n', "", ""),
    ],
)
def test_a_lock_without_metadata_is_refused(old: str, new: str, what: str, why: str) -> None:
    """It is none, or of before 2021."""
    if what:
        text = LOCK.replace(old, new).replace("[[metadata.targets]]", "[[targets]]")
        assert refusal(text) == f"error[CP205]: `pdm.lock` {what}\n  --> pdm.lock\n  why: {why}\n{FIX}"
    else:
        assert "wanted a package name as `name`, found `none`" in refusal(
            LOCK.replace(old, new).replace("[[metadata.targets]]\nrequires_python", "x")
        )


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ('name = "torch"', "name = 1", "wanted a text as `name`, found `1`"),
        ('name = "torch"', "", "wanted a package name as `name`, found `none`"),
        ('groups = ["cu128"]', "groups = [1]", "wanted a list of texts as `groups`, found `[1]`"),
        ('groups = ["cu128"]', 'groups = "cu128"', "wanted a list of texts as `groups`, found `cu128`"),
        ('groups = ["cu128"]', "marker = 'os'", "its `marker` cannot be read: a comparison is missing at `os`"),
        ('groups = ["cu128"]', "url = []", "wanted a text as `url`, found `[]`"),
    ],
)
def test_an_entry_of_another_shape_is_refused_with_its_line(old: str, new: str, why: str) -> None:
    """The line is that of its `[[package]]`."""
    name = {"name = 1": "1", "": "no name"}.get(new, "torch")
    assert refusal(LOCK.replace(old, new)) == (
        f"error[CP205]: `pdm.lock` has an entry that cannot be read: `{name}`\n"
        f"  --> pdm.lock:31 (package)\n  why: {why}\n{FIX}"
    )


def test_files_of_another_shape_are_refused() -> None:
    """A hash that is none, or a file that is no table."""
    broken = LOCK.replace(f'{{file = "colour-0.4-py3-none-any.whl", hash = "{HASH}"}}', '"colour"')
    assert "wanted a table with `file` or `url`, and `hash` in `files`, found `colour`" in refusal(broken)
    broken = LOCK.replace(f'hash = "{HASH}"}}]', "hash = 1}]")
    assert "wanted a table with `file` or `url`, and `hash` in `files`, found `{'file'" in refusal(broken)


def test_addresses_need_the_strategy() -> None:
    """pdm refuses to install such a lock."""
    text = LOCK.replace('file = "colour', 'url = "https://index.example/colour')
    assert refusal(text) == (
        "error[CP205]: `pdm.lock` contradicts itself\n"
        "  --> pdm.lock:10 (package)\n"
        "  why: `colour` has files with `url`, wanted `static_urls` in `metadata.strategy` then\n"
        f"{FIX}"
    )


@pytest.mark.parametrize(
    ("old", "new", "key", "why"),
    [
        ('["inherit_metadata"]', "1", "strategy:3", "wanted a list of texts as `strategy`, found `1`"),
        ('"sha256:CONTENT"', "1", "content_hash:5", "wanted a text as `content_hash`, found `1`"),
        (
            'requires_python = ">=3.10"\n\n',
            "\n",
            "targets:7",
            "wanted tables with `requires_python` as `targets`, found `[{}]`",
        ),
    ],
)
def test_metadata_of_another_shape_is_refused(old: str, new: str, key: str, why: str) -> None:
    """With the line of the key."""
    name, _, line = key.partition(":")
    assert refusal(LOCK.replace(old, new, 1)) == (
        "error[CP205]: `pdm.lock` has metadata that cannot be read\n"
        f"  --> pdm.lock:{line} (metadata.{name})\n  why: {why}\n{FIX}"
    )


def test_packages_that_are_no_list_are_refused() -> None:
    """So is a list of something else."""
    head = LOCK.partition("[[metadata")[0]
    assert "wanted `[[package]]` tables, found `{'a': 1}`" in refusal(head + "[package]\na = 1\n")
    assert "wanted a table, found `1`" in refusal("package = [1]\n" + head)


def test_files_of_an_old_lock_have_addresses() -> None:
    """Before lock version 4.3 all of them stood in one table, with their addresses: no strategy said so."""
    entry = f'[metadata.files]\n"colour 0.4" = [{{url = "https://index.example/colour-0.4.tar.gz", hash = "{HASH}"}}]\n'
    old = LOCK.replace("4.5.1", "4.2").replace("[[metadata.targets]]", f"{entry}\n[[metadata.targets]]")
    old = old.replace(f'files = [{{file = "colour-0.4-py3-none-any.whl", hash = "{HASH}"}}]\n', "")
    (colour, *_) = parse(old).packages
    assert [file.url for file in colour.files] == ["https://index.example/colour-0.4.tar.gz"]
