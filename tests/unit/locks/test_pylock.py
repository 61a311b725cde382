"""What is read from a `pylock.toml`, and what it selects, step by step of the standard."""

from __future__ import annotations

import pytest

from cudapin.core.lock import Fork, Request, Selection, Source
from cudapin.errors import LockError
from cudapin.locks.pylock.lock import Pylock, parse_pylock
from unit.support import LINUX, MACOS, A, B, faults

HEAD = 'lock-version = "1.0"\ncreated-by = "me"\n'
FIX = "\n  fix: restore `pylock.toml` from version control, or `rm pylock.toml && {}`"
REMAKE = FIX.format("uv pip compile pyproject.toml --universal -o pylock.toml")


def parse(text: str, path: str = "pylock.toml") -> Pylock:
    return parse_pylock(Source(path=path, text=text))


def package(name: str, version: str, more: str = "", digest: str = f'sha256 = "{A}"') -> str:
    wheel = f"https://me:secret@index.example/{name}-{version.replace('+', '%2B')}-py3-none-any.whl?token=1"
    return (
        f'[[packages]]\nname = "{name}"\nversion = "{version}"\n{more}'
        f'wheels = [{{ url = "{wheel}", hashes = {{ {digest} }} }}]\n'
    )


def select(
    text: str, extras: tuple[str, ...] = (), groups: tuple[str, ...] = (), environment: dict[str, str] = LINUX
) -> Selection:
    request = Request(extras=frozenset(extras), groups=frozenset(groups), environment=environment)
    return parse(text).select(request, "demo")


def names(selection: Selection) -> list[str]:
    return [f"{package.name} {package.version}" for package in selection.packages]


# Reading


@pytest.mark.parametrize(
    ("text", "what", "where", "why"),
    [
        ("lock-version = x\n", "is not valid TOML", ":1", "invalid value"),
        ("x = [", "is not valid TOML", "", "invalid value"),
        (
            HEAD + "<<<<<<< a\n",
            "holds an unresolved merge conflict",
            ":3",
            "`<<<<<<< a` is a marker of an unresolved merge conflict",
        ),
        (
            HEAD.replace("1.0", "2.0"),
            "is of a version of the format that is not known",
            ":1 (lock-version)",
            "wanted `lock-version` 1.0, found `2.0`",
        ),
        (
            "created-by = 1",
            "is of a version of the format that is not known",
            " (lock-version)",
            "wanted `lock-version` 1.0, found none",
        ),
        (
            HEAD,
            "is not a valid lock file (PEP 751)",
            " (packages)",
            "missing required value",
        ),
        (
            'lock-version = "1.0"\npackages = []',
            "is not a valid lock file (PEP 751)",
            " (created-by)",
            "missing required value",
        ),
        (
            HEAD + package("a", "1") + package("b", "1").replace('"1"', '"one"'),
            "is not a valid lock file (PEP 751)",
            ":7 (packages[1].version)",
            "invalid version: 'one'",
        ),
        (
            HEAD + package("a", "1", 'marker = "("\n'),
            "is not a valid lock file (PEP 751)",
            ":3 (packages[0].marker)",
            "expected a marker variable or quoted string",
        ),
        (
            HEAD + '[[packages]]\nname = "A_b"\n',
            "is not a valid lock file (PEP 751)",
            ":3 (packages[0].name)",
            "name 'A_b' is not normalized",
        ),
        (
            HEAD + '[[packages]]\nname = "a"\n',
            "is not a valid lock file (PEP 751)",
            ":3 (packages[0])",
            "exactly one of vcs, directory, archive must be set if sdist and wheels are not set",
        ),
        (
            HEAD + package("a", "1").replace("a-1", "b-1"),
            "is not a valid lock file (PEP 751)",
            ":3 (packages[0].wheels[0])",
            "name in 'b-1-py3-none-any.whl' is not consistent with package name 'a'",
        ),
        (
            HEAD + package("a", "1").replace("none", "n" * 300),
            "is not a valid lock file (PEP 751)",
            ":3 (packages[0].wheels)",
            "a file name is longer than 255 characters",
        ),
        (
            HEAD + package("a", "1", digest=""),
            "is not a valid lock file (PEP 751)",
            ":3 (packages[0].wheels[0].hashes)",
            "at least one hash must be provided",
        ),
        (
            HEAD + 'requires-python = "' + "x" * 300 + '"\npackages = []',
            "is not a valid lock file (PEP 751)",
            ":3 (requires-python)",
            f"invalid specifier: '{'x' * 177}...",
        ),
    ],
)
def test_what_breaks_the_standard_is_said_with_its_place(text: str, what: str, where: str, why: str) -> None:
    assert faults(lambda: parse(text), LockError) == (
        f"error[CP205]: `pylock.toml` {what}\n  --> pylock.toml{where}\n  why: {why}{REMAKE}"
    )


@pytest.mark.parametrize(
    ("head", "path", "remake"),
    [
        ('created-by = "pip"', "pylock.toml", "pip lock -e . -o pylock.toml"),
        ('created-by = "pdm"', "pylock.my.toml", "pdm export -f pylock -o pylock.my.toml"),
        ('# This file is @generated by PDM.\ncreated-by = "pdm"', "pylock.toml", "pdm lock"),
        ('# This file is @generated by PDM.\ncreated-by = "pdm"', "pylock.my.toml", "pdm lock -L pylock.my.toml"),
        ('# by\n#    uv export -o x\ncreated-by = "uv"', "pylock.toml", "uv export -o x"),
    ],
)
def test_the_fix_is_the_command_of_the_tool_that_made_it(head: str, path: str, remake: str) -> None:
    told = faults(lambda: parse(head, path), LockError)
    assert told.endswith(
        FIX.format(remake).replace("`pylock.toml`", f"`{path}`").replace("rm pylock.toml", f"rm {path}")
    )


def test_the_header_says_whether_it_is_an_export() -> None:
    for command, is_export in (
        ("uv export --format pylock.toml", True),
        ("cudapin export --variant cpu --to pylock", True),
        ("uv pip compile pyproject.toml", False),
    ):
        header = parse(f"# made by\n#    {command}\n{HEAD}packages = []").header
        assert header is not None
        assert header.is_export is is_export
    assert parse(HEAD + "packages = []").header is None


def test_lines_are_of_the_packages() -> None:
    text = HEAD + package("a", "1") + package("b", "1")
    assert [item.line for item in select(text).packages] == [3, 7]
    assert [item.line for item in select(text.replace("[[packages]]", "[[ packages ]] # x")).packages] == [3, 7]
    assert [item.line for item in select(text.replace("\n", "\r\n")).packages] == [3, 7]
    assert [item.line for item in select(HEAD + "x = '''\n[[packages]]\n'''\n" + package("a", "1")).packages] == [6]


# Selecting


def test_extras_and_groups_are_those_asked_for_and_the_default_ones() -> None:
    text = (
        HEAD
        + 'extras = ["x-y"]\ndefault-groups = ["default"]\n'
        + package("a", "1", """marker = "'default' in dependency_groups"\n""")
        + package("b", "1", """marker = "'X_y' in extras"\n""")
        + package("c", "1", """marker = "'dev' in dependency_groups and 'x-y' not in extras"\n""")
    )
    assert names(select(text)) == ["a 1"]
    assert names(select(text, ("x-y",), ("dev",))) == ["a 1", "b 1"]
    assert names(select(text, (), ("dev",))) == ["a 1", "c 1"]
    assert names(select(text, ("other",))) == ["a 1"]


TORCH = (
    HEAD
    + package("torch", "2.9.0+cpu", """marker = "'cpu' in extras or sys_platform == 'darwin'"\n""")
    + package("torch", "2.9.0+cu128", """marker = "'cu' in extras and sys_platform != 'darwin'"\n""")
)


def test_one_name_in_several_versions() -> None:
    assert names(select(TORCH, ("cpu",))) == ["torch 2.9.0+cpu"]
    assert names(select(TORCH, ("cu",))) == ["torch 2.9.0+cu128"]
    assert names(select(TORCH, ("cu",), (), MACOS)) == ["torch 2.9.0+cpu"]
    assert select(TORCH, ("cu",)).forks == {
        "torch": (
            Fork(version="2.9.0+cpu", marker="sys_platform == 'darwin'"),
            Fork(version="2.9.0+cu128", marker="sys_platform != 'darwin'"),
        )
    }
    assert select(TORCH, ("cpu",)).forks == {"torch": (Fork(version="2.9.0+cpu", marker=None),)}


def test_two_entries_that_hold_together_are_ambiguous() -> None:
    assert faults(lambda: select(TORCH, ("cpu", "cu")), LockError) == (
        "error[CP205]: `pylock.toml` selects `torch` twice\n  --> pylock.toml:8 (packages[1].marker)\n"
        "  why: wanted one entry whose marker holds, found `2.9.0+cpu` at line 3 and `2.9.0+cu128` at line 8" + REMAKE
    )


OTHER = (
    "error[CP206]: `pylock.toml` is not for this Python and platform\n  --> pylock.toml:3 ({})\n  why: wanted {}\n"
    "  fix: use a Python and platform that it is for, or make it for this one too: "
    "uv pip compile pyproject.toml --universal -o pylock.toml"
)


@pytest.mark.parametrize(
    ("text", "key", "why"),
    [
        (HEAD + 'requires-python = ">=3.13"\npackages = []', "requires-python", "Python `>=3.13`, found Python 3.12.4"),
        (
            HEAD + "environments = [\"sys_platform == 'win32'\"]\npackages = []",
            "environments",
            '`sys_platform == "win32"`, found Python 3.12.4 on linux x86_64',
        ),
        (
            HEAD + package("a", "1", 'requires-python = "<3.12"\n'),
            "packages[0].requires-python",
            "Python `<3.12` for `a`, found Python 3.12.4",
        ),
    ],
)
def test_an_environment_that_it_is_not_for_is_refused(text: str, key: str, why: str) -> None:
    assert faults(lambda: select(text), LockError) == OTHER.format(key, why)


def test_a_marker_that_does_not_hold_comes_before_requires_python() -> None:
    more = "marker = \"os_name == 'nt'\"\nrequires-python = '<3'\n"
    assert names(select(HEAD + package("a", "1", more))) == []
    assert names(
        select(
            HEAD + 'requires-python = ">=3.12"\n' + package("a", "1"),
            environment={**LINUX, "python_full_version": "3.13.0+"},
        )
    ) == ["a 1"]


def test_a_marker_without_meaning_is_refused() -> None:
    text = HEAD + package("a", "1", "marker = \"extra == 'x'\"\n")
    assert faults(lambda: select(text), LockError) == (
        "error[CP205]: `pylock.toml` holds a marker without meaning\n  --> pylock.toml:3 (packages[0].marker)\n"
        '  why: `extra == "x"` compares what cannot be compared in a lock file' + REMAKE
    )


@pytest.mark.parametrize(
    ("path", "table", "count"),
    [
        ("pylock.toml", 'name = "other"\ndirectory = { path = "." }', 0),
        ("pylock.toml", 'name = "other"\ndirectory = { path = "./", editable = true }', 0),
        ("locks/pylock.toml", 'name = "other"\ndirectory = { path = ".." }', 0),
        ("pylock.toml", 'name = "other"\ndirectory = { path = "..", subdirectory = "." }', 1),
        ("pylock.toml", 'name = "demo"\ndirectory = { path = "../x" }', 0),
        ("pylock.toml", 'name = "other"\ndirectory = { path = "packages/other" }', 1),
    ],
)
def test_the_project_itself_is_not_part(path: str, table: str, count: int) -> None:
    lock = parse(f"{HEAD}[[packages]]\n{table}\n", path)
    assert len(lock.select(Request(environment=LINUX), "demo").packages) == count


def test_kinds_of_sources() -> None:
    rest = f'hashes = {{ sha256 = "{A.upper()}" }}'
    text = HEAD + "".join(
        f'[[packages]]\nname = "{name}"\n{source}\n'
        for name, source in (
            ("a", 'vcs = { type = "git", url = "https://index.example/a", commit-id = "1" }'),
            ("b", 'directory = { path = "b" }'),
            ("c", f'archive = {{ url = "https://u:p@index.example/c.zip", {rest} }}'),
            ("d", f'archive = {{ path = "down\\\\d.zip", {rest} }}'),
            (
                "e",
                'version = "1"\nindex = "https://u:p@index.example/simple"\n'
                f'sdist = {{ path = "x/e-1.tar.gz", {rest} }}',
            ),
        )
    )
    found = [
        (item.name, item.kind, item.index, [(file.name, file.url, dict(file.hashes)) for file in item.files])
        for item in select(text).packages
    ]
    assert found == [
        ("a", "git", "", []),
        ("b", "directory", "", []),
        ("c", "url", "", [("c.zip", "https://index.example/c.zip", {"sha256": A})]),
        ("d", "path", "", [("d.zip", None, {"sha256": A})]),
        ("e", "registry", "https://index.example/simple", [("e-1.tar.gz", None, {"sha256": A})]),
    ]


def test_files_of_a_registry_are_all_listed_without_secrets() -> None:
    (item,) = select(HEAD + package("a", "1+x", digest=f'sha256 = "{B}", md5 = "aa", sha512 = "short"')).packages
    (file,) = item.files
    assert (file.name, file.url) == ("a-1+x-py3-none-any.whl", "https://index.example/a-1%2Bx-py3-none-any.whl")
    assert file.hashes == {"sha256": B}
    assert (
        parse(HEAD + package("a", "1")).select(Request(environment=LINUX), None, lambda _: False).packages[0].files
        == ()
    )


def test_what_cannot_be_read_further_is_left_open() -> None:
    """A marker that compares two variables is no fork; an address that is none has no file name."""
    text = HEAD + package("a", "1", 'marker = "os_name != sys_platform"\n')
    assert (names(select(text)), select(text).forks) == (["a 1"], {})
    archive = f'archive = {{ url = "https://[x", hashes = {{ sha256 = "{A}" }} }}'
    (item,) = select(f'{HEAD}[[packages]]\nname = "a"\n{archive}\n').packages
    assert [file.name for file in item.files] == [""]


def test_what_the_recorded_command_reads() -> None:
    lock = parse(f"# by\n#    uv pip compile a.in -c b.txt -o pylock.toml\n{HEAD}packages = []")
    assert (lock.inputs.files, lock.inputs.constraints) == (("a.in",), ("b.txt",))
    assert lock.format == "pylock"


def test_one_version_under_several_markers_is_one_fork() -> None:
    text = HEAD + "".join(package("a", "1", f"marker = \"sys_platform == '{name}'\"\n") for name in ("linux", "win32"))
    assert select(text).forks == {
        "a": (Fork(version="1", marker="sys_platform == 'linux' or sys_platform == 'win32'"),)
    }


def test_a_weak_hash_is_none() -> None:
    (item,) = select(HEAD + package("a", "1", digest=f'md5 = "{A[:32]}"')).packages
    assert [file.hashes for file in item.files] == [{}]


def edges(text: str) -> list[tuple[str, bool, tuple[str, ...]]]:
    return [(item.name, item.direct, item.dependencies) for item in select(text).packages]


def test_edges_where_the_lock_has_them() -> None:
    standard = package("a", "1", 'dependencies = [{ name = "b" }, { name = "gone" }]\n')
    assert edges(HEAD + standard + package("b", "1", "dependencies = []\n")) == [("a", True, ("b",)), ("b", False, ())]
    assert edges(HEAD + standard + package("b", "1")) == [("a", False, ()), ("b", False, ())]
    own = '[[packages]]\nname = "demo"\ndirectory = { path = "." }\ndependencies = [{ name = "b" }]\n'
    assert edges(HEAD + own + standard + package("b", "1", "dependencies = []\n")) == [
        ("a", False, ("b",)),
        ("b", True, ()),
    ]


def test_edges_of_pdm() -> None:
    by_pdm = package("a", "1") + "[packages.tool.pdm]\ndependencies = [\"B>1; os_name == 'posix'\"]\n"
    rest = package("b", "1") + "[packages.tool.pdm]\ndependencies = []\n"
    assert edges(HEAD + by_pdm + rest) == [("a", True, ("b",)), ("b", False, ())]
    assert edges(HEAD + by_pdm.replace("B>1", "b[x]") + rest) == [("a", False, ()), ("b", False, ())]
    assert edges(HEAD + by_pdm.replace("B>1", "(") + rest) == [("a", False, ()), ("b", False, ())]
