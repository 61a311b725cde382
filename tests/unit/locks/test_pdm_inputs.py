"""Recorded inputs of a workspace, requirements of every form, and pins for every target."""

from __future__ import annotations

import hashlib

import pytest

from cudapin.core.lock import Request
from cudapin.errors import LockError
from cudapin.locks.pdm.hash import content_hash
from cudapin.locks.pdm.requires import group_requirements
from cudapin.locks.pdm.target import fits_target
from unit.locks.pdm_texts import LOCK, PROJECT, hashed, parse
from unit.locks.test_pdm_fresh import INPUTS, judge, recorded, shown
from unit.support import LINUX, MACOS, faults, pyproject_of


def digest(text: str) -> str:
    """Return the fingerprint that pdm records of a text."""
    return hashlib.sha256(text.encode()).hexdigest()


ROOT = """\
[project]
name = "root"
dependencies = ["two"]

[tool.pdm]
workspace = { members = ["libs/one", "libs/two", "libs/app", "libs/nameless"] }
resolution = { lock_inputs = true }
"""
MEMBERS = {
    "libs/one": '[project]\nname = "o_ne"\nversion = "1"\ndependencies = ["numpy>=2"]\n'
    '[build-system]\nrequires = ["tool @ https://index.example/t.whl"]\n',
    "libs/two": '[project]\nname = "two"\ndynamic = ["readme"]\n[tool.pdm]\npackage-type = "library"\n',
    "libs/app": '[project]\nname = "app"\n[tool.pdm]\ndistribution = false\n',
    "libs/nameless": "[tool.pdm.resolution]\nday = 2024-01-01\n",
}
FILES = {f"{path}/pyproject.toml": text for path, text in MEMBERS.items()}
EMPTY = 'requires-python = ""\nsources = []\n'
WORKSPACE = f"""\
[metadata]
groups = ["default"]
strategy = ["inherit_metadata"]
lock_version = "4.5.1"

[metadata.lock_inputs.project]
{EMPTY}resolution = {{}}
groups = {{ default = ["two", "url-sha256:{digest("-e file:///${PROJECT_ROOT}/libs/one#egg=o-ne")}"] }}

[metadata.lock_inputs.workspace."libs/one"]
{EMPTY}resolution = {{}}
groups = {{ default = ["numpy"] }}
[metadata.lock_inputs.workspace."libs/one".package]
build-system = {{ requires = ["sha256:{digest("tool @ https://index.example/t.whl")}"] }}
distribution = true
dynamic = []
name = "o_ne"
version = "1"

[metadata.lock_inputs.workspace."libs/two"]
{EMPTY}resolution = {{}}
groups = {{ default = [] }}
package = {{ build-system = {{}}, distribution = true, dynamic = ["readme"], name = "two", version = "" }}

[metadata.lock_inputs.workspace."libs/app"]
{EMPTY}resolution = {{}}
groups = {{ default = [] }}
package = {{ build-system = {{}}, distribution = false, dynamic = [], name = "app", version = "" }}

[metadata.lock_inputs.workspace."libs/nameless"]
{EMPTY}resolution = {{ day = "2024-01-01" }}
groups = {{ default = [] }}
package = {{ build-system = {{}}, distribution = false, dynamic = [], name = "", version = "" }}

[[package]]
name = "numpy"
version = "2.1.0"
groups = ["default"]

[[package]]
name = "two"
version = "1"
path = "./libs/two"
editable = true
groups = ["default"]
"""


def test_the_recorded_inputs_of_a_workspace_are_compared() -> None:
    """Those of each member too, and the requirement on it that pdm adds to the root."""
    assert shown(judge(WORKSPACE, ROOT, files=FILES)) == "fresh"
    changed = {**FILES, "libs/one/pyproject.toml": FILES["libs/one/pyproject.toml"].replace('"1"', '"2"')}
    assert shown(judge(WORKSPACE, ROOT, files=changed)) == (
        "stale\n"
        "error[CP201]: `pdm.lock` was made from other inputs: `libs/one.package.version`\n"
        "  --> libs/one/pyproject.toml:1 (project)\n"
        "  why: wanted `2`, the lock has `1` at pdm.lock:22\n"
        "  fix: pdm lock"
    )


@pytest.mark.parametrize(
    ("place", "old", "new", "freshness"),
    [
        ("libs/one", "numpy>=2", "numpy>=1", "fresh"),
        ("libs/one", "numpy>=2", "numpy>=3", "stale"),
        ("libs/one", "o_ne", "one", "stale"),
        ("libs/one", "t.whl", "u.whl", "stale"),
        ("libs/two", '"readme"', '"version"', "stale"),
        ("libs/two", '"library"', '"application"', "stale"),
        ("libs/two", '"readme"', '"dependencies"', "unknown"),
    ],
)
def test_every_recorded_input_of_a_member_counts(place: str, old: str, new: str, freshness: str) -> None:
    """Name, version, build system, whether it is installed; what only a build tells is not judged."""
    path = f"{place}/pyproject.toml"
    assert judge(WORKSPACE, ROOT, files={**FILES, path: FILES[path].replace(old, new)}).freshness == freshness


def test_the_build_backend_of_the_root_tells_how_a_member_is_recorded() -> None:
    """hatchling has its own form of a relative path; others need the absolute one, which is of one machine."""
    hatchling = ROOT + '[build-system]\nbuild-backend = "hatchling.build"\n'
    text = WORKSPACE.replace(
        digest("-e file:///${PROJECT_ROOT}/libs/one#egg=o-ne"), digest("-e {root:uri}/libs/one#egg=o-ne")
    )
    assert judge(text, hatchling, files=FILES).freshness == "fresh"
    assert judge(WORKSPACE, hatchling, files=FILES).freshness == "stale"
    other = hatchling.replace("hatchling.build", "setuptools.build_meta")
    assert judge(WORKSPACE, other, files=FILES).problems[0].why == (
        "with this build backend pdm records the absolute path of the workspace"
    )


def test_a_requirement_with_an_address_is_recorded_as_its_digest() -> None:
    """So another address is another input."""
    project = INPUTS.replace("numpy>=2", "NumPy[all] @ https://index.example/numpy.whl")
    text = recorded().replace(
        '"numpy", "tqdm', f'"url-sha256:{digest("NumPy[all] @ https://index.example/numpy.whl")}", "tqdm'
    )
    assert judge(text, project).freshness == "fresh"
    assert judge(text, project.replace("numpy.whl", "other.whl")).freshness == "stale"


def test_lines_that_are_no_requirement_are_not_judged() -> None:
    """pdm also reads paths and `-e`."""
    verdict = judge(recorded(), INPUTS.replace('"numpy>=2"', '"./libs/numpy"'))
    assert verdict.problems[0].why == "what pdm records of `./libs/numpy` depends on files beside it"


def test_recorded_inputs_of_another_shape_are_other_inputs() -> None:
    """A table that is a text, a list that is none, a marker that is none."""
    assert judge(LOCK.replace('content_hash = "sha256:CONTENT"', "lock_inputs = 1"), INPUTS).freshness == "stale"
    assert judge(recorded().replace('["torch"], dev', "1, dev"), INPUTS).freshness == "stale"
    assert judge(recorded().replace('sys_platform == \\"win32\\""]', 'what"]'), INPUTS).freshness == "unknown"


@pytest.mark.parametrize(
    ("marker", "expected"),
    [
        ("sys_platform == 'linux'", "error[CP201]: `pdm.lock` does not pin what group `default` asks for"),
        ("python_version >= '3.9'", "fresh"),
    ],
)
def test_the_pins_must_cover_every_target(marker: str, expected: str) -> None:
    """A requirement without a marker needs a pin everywhere."""
    text = recorded().replace(
        'groups = ["default", "cu128"]\n', f'groups = ["default", "cu128"]\nmarker = "{marker}"\n'
    )
    assert expected in shown(judge(text, INPUTS))
    linux = text.replace('requires_python = ">=3.10"\n', 'requires_python = ">=3.10"\nplatform = "linux"\n', 1)
    assert judge(linux, INPUTS).freshness == "fresh"


@pytest.mark.parametrize(
    ("target", "environment", "expected"),
    [
        ({"requires_python": ">=3.10,<3.11||>=3.12"}, LINUX, True),
        ({"requires_python": "<3.12"}, LINUX, False),
        ({"requires_python": "what"}, LINUX, True),
        ({"requires_python": "", "implementation": "pypy"}, LINUX, False),
        ({"requires_python": "", "platform": "manylinux_2_17_aarch64"}, LINUX, False),
        ({"requires_python": "", "platform": "musllinux_1_2_x86_64"}, LINUX, True),
        ({"requires_python": "", "platform": "macos_14_0_arm64"}, MACOS, True),
        ({"requires_python": "", "platform": "macos"}, LINUX, False),
        ({"requires_python": "", "platform": "haiku_1_x86_64"}, LINUX, True),
        ({"requires_python": ">=4"}, {}, True),
    ],
)
def test_a_target_fits_its_environments(target: dict[str, str], environment: dict[str, str], expected: bool) -> None:  # noqa: FBT001
    """By Python, implementation, system and machine; what is not known excludes nothing."""
    assert fits_target(target, environment) is expected


def test_groups_are_followed_as_pdm_does() -> None:
    """Includes, references to the project itself, both tables; an extra hides a group of its name."""
    project = pyproject_of(
        '[project]\nname = "Demo"\noptional-dependencies = { A_b = ["demo[c]", "x"], c = ["y", "demo[a-b]"] }\n'
        '[dependency-groups]\ndev = [{ include-group = "Test" }, { other = 1 }, "z", 1, "demo"]\n'
        'test = ["t"]\nc = ["hidden"]\n'
        '[tool.pdm.dev-dependencies]\ndev = ["demo[c]", "-e git+https://index.example/g.git#egg=g"]\nwrong = 1\n'
    )
    assert group_requirements(project, ["a-b"]) == ("x", "y")
    assert group_requirements(project, ["dev", "none", "wrong"]) == (
        "z",
        "-e git+https://index.example/g.git#egg=g",
        "t",
        "y",
        "x",
    )
    assert group_requirements(pyproject_of("[tool]\npdm = 1\n"), ["default"]) == ()


def test_a_marker_without_an_answer_is_refused() -> None:
    """It can be written, not evaluated."""
    text = LOCK.replace('marker = "sys_platform == \\"win32\\""', "marker = \"'x' in extras\"")
    problem = faults(lambda: parse(text).select(Request(environment=LINUX)), LockError)
    assert problem.startswith("error[CP205]: `pdm.lock` holds a marker that cannot be read\n  --> pdm.lock\n  why: ")
    assert judge(hashed(text, PROJECT)).freshness == "unknown"


def test_old_locks_of_one_platform_say_so() -> None:
    """By a key of their own."""
    assert parse('[metadata]\nlock_version = "4.1"\ncross_platform = false\n').strategy == frozenset()


def test_a_version_that_is_none_is_left_as_it_is() -> None:
    """Nothing is made of it."""
    text = LOCK.replace('"2.9.0"', '"what"').replace("torch-2.9.0+cu128", "torch-what+cu128")
    torch = parse(text).select(Request(extras=frozenset({"cu128"}), environment=LINUX)).find("torch")
    assert torch is not None
    assert torch.version == "what"


def test_the_hash_is_that_of_a_sorted_text() -> None:
    """Written out here, so that no other order or separator goes unnoticed."""
    project = pyproject_of(
        '[project]\nname = "x"\nrequires-python = ">=3.10"\ndependencies = ["b", "a"]\n'
        '[dependency-groups]\nDe_v = ["c"]\n[[tool.pdm.source]]\nurl = "u"\nname = "n"\n'
    )
    text = (
        '{"dependencies": ["b", "a"], "dev-dependencies": {"de-v": ["c"]}, "optional-dependencies": {}, '
        '"requires-python": ">=3.10", "resolution": {}, "sources": [{"name": "n", "url": "u"}]}'
    )
    assert content_hash(project) == digest(text)


def test_the_hash_of_a_workspace_holds_its_members_by_path() -> None:
    """Sorted, with a NUL before each path and each hash."""
    empty = (
        '{"dependencies": [], "dev-dependencies": {}, "optional-dependencies": {}, '
        '"requires-python": "", "resolution": {}, "sources": []}'
    )
    root, member = pyproject_of('[tool.pdm]\nworkspace = { members = ["b", "a"] }\n'), pyproject_of("")
    hashed_text = f"{digest(empty)}\0a\0{digest(empty)}\0b\0{digest(empty)}"
    assert content_hash(root, {"b": member, "a": member}) == digest(hashed_text)
    assert content_hash(member, {"a": member}) == digest(empty)


def test_of_two_entries_with_one_name_and_version_the_last_is_read() -> None:
    """As pdm reads them, also where the other one would fit the environment."""
    text = LOCK + '\n[[package]]\nname = "numpy"\nversion = "2.1.0"\nmarker = "sys_platform == \'win32\'"\n'
    assert parse(text).select(Request(environment=LINUX)).packages == ()


def test_credentials_of_a_source_are_no_input() -> None:
    """pdm does not record them."""
    project = INPUTS.replace('name = "pypi"', 'name = "pypi"\nusername = "me"\npassword = "secret"')
    assert judge(recorded(), project).freshness == "fresh"


def test_a_source_beside_the_default_one_tells_nothing() -> None:
    """Without one named `pypi`, pdm also asks the index that the user has configured."""
    project = PROJECT.replace('name = "pypi"', 'name = "other"').replace(
        '[[tool.pdm.source]]\nname = "cu128"', "[other]"
    )
    numpy = parse(LOCK, project).select(Request(environment=LINUX)).find("numpy")
    assert numpy is not None
    assert numpy.index == ""
    closed = parse(LOCK, project.replace('name = "other"', 'name = "pypi"')).select(Request(environment=LINUX))
    found = closed.find("numpy")
    assert found is not None
    assert found.index == "https://index.example/simple"
