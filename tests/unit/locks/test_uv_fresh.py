"""`judge_uv` names every difference between a lock and its project, and nothing else."""

from __future__ import annotations

import pytest
import tomli

from cudapin.core.lock import LockVerdict, Pyproject, Source, UvInputs
from cudapin.core.verdict import render_problems
from cudapin.locks.uv.fresh import judge_uv, path_dependencies
from cudapin.locks.uv.lock import parse_uv_lock
from cudapin.locks.uv.project import UnjudgeableError, UvProject
from unit.locks.uv_texts import LOCK, PYPROJECT


def judge(pyproject: str = PYPROJECT, lock: str = LOCK, *others: Pyproject, place: str = "") -> LockVerdict:
    """Judge a lock against one project, whose directory ends with `place`."""
    source = Source(path="pyproject.toml", text=pyproject)
    table = tomli.loads(pyproject)
    inputs = UvInputs(
        members=(Pyproject(source=source, table=table),),
        settings=table.get("tool", {}).get("uv", {}),
        settings_path="pyproject.toml",
        path_dependencies=others,
        place=place,
    )
    return judge_uv(parse_uv_lock(Source(path="uv.lock", text=lock)), inputs)


def edited(old: str, new: str, text: str = PYPROJECT) -> str:
    """Replace a part that must be there."""
    assert old in text
    return text.replace(old, new)


UV = "[tool.uv]\n"

FRESH = [
    ("", ""),
    ('["numpy>=1.24"]', '["NumPy >= 1.24.0"]'),
    ('["numpy>=1.24"]', "[\"numpy>=1.24; python_version >= '3.8'\"]"),
    ("cpu = [", "Cpu = ["),
    ('">=3.10"\ndep', '">=3.10.0,!=3.11.*"\ndep'),
    ("numpy<3", "numpy < 3.0"),
    ("constraint-dependencies = [", 'constraint-dependencies = ["absent<9", '),
    (UV, UV + 'prerelease = "if-necessary"\nresolution = "highest"\n'),
    (UV, UV + 'exclude-dependencies = ["absent"]\n'),
    ("index.example/cu128", "INDEX.example:443/cu128"),
    ("me:secret@", ""),
    ('url = "https://index.example/simple"', 'url = "https://index.example/simple"\nauthenticate = "always"'),
    ('requires = ["hatchling"]', 'requires = ["other"]'),
]

STALE = [
    ('["numpy>=1.24"]', '["numpy>=1.25"]', "the requirements on `numpy` have changed"),
    ('["numpy>=1.24"]', '["numpy>=1.24", "new"]', "the requirements on `new` have changed"),
    ('["numpy>=1.24"]', "[]", "the requirements on `numpy` have changed"),
    ('["torch>=2.9"]\ncu', '["torch>=2.9"]\nnew = []\ncu', "`demo` has other extras"),
    ("python_version >= '3.11'", "python_version >= '3.12'", "the requirements on `numpy` in group `dev` have changed"),
    ("[build-system]", "more = []\n\n[build-system]", "group `more` has been added or removed"),
    ('">=3.10"\ndep', '">=3.11"\ndep', "`requires-python` has changed"),
    ('"demo"', '"other"', "the project is no longer there"),
    ("[build-system]", "[tool.other]", "`demo` is locked as another kind of source"),
    ("numpy<3", "numpy<4", "`tool.uv.constraint-dependencies` has changed for `numpy`"),
    (UV, UV + 'override-dependencies = ["numpy>1"]\n', "`tool.uv.override-dependencies` has changed for `numpy`"),
    (UV, UV + 'exclude-dependencies = ["numpy"]\n', "`tool.uv.exclude-dependencies` has changed for `numpy`"),
    (
        UV,
        UV + 'build-constraint-dependencies = ["absent"]\n',
        "`tool.uv.build-constraint-dependencies` has changed for `absent`",
    ),
    (UV, UV + "environments = [\"os_name == 'nt'\"]\n", "`tool.uv.environments` has changed"),
    ('{ extra = "cu128" }]]', '{ group = "dev" }]]', "`tool.uv.conflicts` has changed"),
    (UV, UV + 'resolution = "lowest"\n', "`resolution-mode` has changed"),
    (UV, UV + 'exclude-newer = "2024-01-01"\n', "`exclude-newer` has changed"),
    (UV, UV + 'dependency-metadata = [{ name = "x" }]\n', "`dependency-metadata` has changed"),
    ("index.example/cu128", "index.example/cu129", "the requirements on `torch` have changed"),
    ("index.example/simple", "index.example/other", "an index that it uses is not configured"),
    ('url = "wheels"', 'url = "other"', "an index that it uses is not configured"),
]


@pytest.mark.parametrize(("old", "new"), FRESH)
def test_edits_without_effect_leave_the_lock_fresh(old: str, new: str) -> None:
    """Spelling, order and what uv does not record are no reasons."""
    verdict = judge(edited(old, new))
    assert (verdict.freshness, render_problems(verdict.problems)) == ("fresh", "")


@pytest.mark.parametrize(("old", "new", "what"), STALE)
def test_edits_that_count_make_the_lock_stale(old: str, new: str, what: str) -> None:
    """Each says what has changed."""
    verdict = judge(edited(old, new))
    assert verdict.freshness == "stale"
    assert f"`uv.lock` is stale: {what}" in [problem.what for problem in verdict.problems]
    assert "secret" not in render_problems(verdict.problems)


def test_every_reason_is_given_with_its_place() -> None:
    """The whole report of two changes."""
    text = edited('["numpy>=1.24"]', '["numpy>=2"]', edited('">=3.10"\ndep', '">=3.11"\ndep'))
    assert render_problems(judge(text).problems) == (
        "error[CP201]: `uv.lock` is stale: `requires-python` has changed\n"
        "  --> pyproject.toml:4 (project.requires-python)\n"
        "  why: wanted `>=3.11`, the lock has `>=3.10`\n"
        "  fix: uv lock\n"
        "error[CP201]: `uv.lock` is stale: the requirements on `numpy` have changed\n"
        "  --> pyproject.toml:5 (project.dependencies)\n"
        "  why: wanted `numpy>=2`, the lock has `numpy>=1.24`\n"
        "  fix: uv lock"
    )


def test_the_own_version_has_a_code_of_its_own() -> None:
    """A lock that is stale by a release bump alone can be told from any other."""
    assert render_problems(judge(edited('version = "0.1.0"', 'version = "0.2.0"')).problems) == (
        "error[CP203]: `uv.lock` is stale: the version of `demo` has changed\n"
        "  --> uv.lock:16 (package.version)\n"
        "  why: wanted `0.2.0`, the lock has `0.1.0`\n"
        "  fix: uv lock"
    )


def test_a_locked_version_must_satisfy_its_requirement() -> None:
    """A lock edited by hand, or a local project that moved on, is found where uv itself does not look."""
    lock = edited("numpy-2.1.0-", "numpy-1.0-", edited('version = "2.1.0"', 'version = "1.0"', LOCK))
    verdict = judge(lock=lock)
    assert verdict.freshness == "stale"
    assert render_problems(verdict.problems) == (
        "error[CP204]: `uv.lock` is stale: the locked version of `numpy` does not satisfy its requirement\n"
        "  --> pyproject.toml:5 (project.dependencies)\n"
        "  why: wanted `numpy>=1.24`, the lock has `1.0`\n"
        "  fix: uv lock"
    )


def test_a_users_own_exclude_newer_is_a_warning() -> None:
    """It is in no project file, so the project has not changed."""
    lock = edited(
        "[manifest]",
        '[options]\nexclude-newer = "0001-01-01T00:00:00Z"\nexclude-newer-span = "P7D"\n\n[manifest]',
        LOCK,
    )
    verdict = judge(lock=lock)
    assert (verdict.freshness, [problem.code.name for problem in verdict.problems]) == ("fresh", ["CP207"])
    set_there = judge(edited(UV, UV + 'exclude-newer = "7 days"\n'), lock)
    assert (set_there.freshness, set_there.problems) == ("fresh", ())
    assert judge(edited(UV, UV + 'exclude-newer = "1 week"\n'), lock).freshness == "stale"


def test_dynamic_dependencies_cannot_be_judged() -> None:
    """Unless something else is certainly stale."""
    text = edited('dependencies = ["numpy>=1.24"]\n', 'dynamic = ["dependencies"]\n')
    verdict = judge(text)
    assert verdict.freshness == "unknown"
    assert render_problems(verdict.problems) == (
        "error[CP206]: `uv.lock` cannot be judged: `project.dynamic` cannot be read as uv reads it\n"
        "  --> pyproject.toml:5 (project.dynamic)\n"
        "  why: `dependencies` of `demo` come from its build backend\n"
        "  fix: run `uv lock --check --refresh`; where it passes, build with `CUDAPIN_ALLOW=CP206`"
    )
    stale = judge(edited('">=3.10"\ndyn', '">=3.11"\ndyn', text))
    assert (stale.freshness, [problem.code.name for problem in stale.problems]) == ("stale", ["CP201"])


def test_a_dynamic_version_is_not_in_the_lock() -> None:
    """Its value may change, that it is dynamic may not."""
    text = edited('version = "0.1.0"\n', 'dynamic = ["version"]\n')
    assert judge(text, edited('name = "demo"\nversion = "0.1.0"\n', 'name = "demo"\n', LOCK)).freshness == "fresh"
    assert [problem.code.name for problem in judge(text).problems] == ["CP203"]


def test_a_path_dependency_is_judged_by_its_own_file() -> None:
    """Without that file nobody can tell."""
    lock = LOCK + '\n[[package]]\nname = "near"\nversion = "1.0"\nsource = { directory = "../near" }\n'
    assert path_dependencies(parse_uv_lock(Source(path="uv.lock", text=lock))) == (".", "../near")
    assert judge(lock=lock).freshness == "unknown"
    for version, freshness in (("1.0", "fresh"), ("2.0", "stale")):
        text = f'[project]\nname = "near"\nversion = "{version}"\n'
        source = Source(path="../near/pyproject.toml", text=text)
        near = Pyproject(source=source, table=tomli.loads(text), directory="../near")
        assert judge(PYPROJECT, lock, near).freshness == freshness


@pytest.mark.parametrize("value", ["1", '"x"', "[1]", "{ a = 1 }", "[[1]]", '["("]', "true"])
def test_no_project_file_ends_in_a_traceback(value: str) -> None:
    """Each key is given a value of another type; what cannot be read is unknown, or stale for another reason."""
    for number, line in enumerate(PYPROJECT.splitlines()):
        key, equals, rest = line.partition(" = ")
        if equals and not rest.endswith("[") and not line.startswith(" "):
            lines = PYPROJECT.splitlines()
            lines[number] = f"{key} = {value}"
            assert judge("\n".join(lines)).freshness in {"fresh", "stale", "unknown"}
    for key in (
        "prerelease",
        "exclude-newer",
        "exclude-newer-package",
        "dependency-metadata",
        "find-links",
        "workspace",
    ):
        assert judge(edited(UV, f"{UV}{key} = {value}\n")).freshness in {"fresh", "stale", "unknown"}


FORKED = """
[[package]]
name = "alpha"
version = "1.0"
source = { registry = "https://index.example/simple" }

[[package]]
name = "alpha"
version = "2.0"
source = { registry = "https://index.example/simple" }
"""


def test_arms_of_things_in_conflict_are_no_reason() -> None:
    """uv fills the edges with combinations that cannot be: they do not lead to an unsatisfied version."""
    pyproject = edited("cpu = [", "cpu = [\"alpha<2; sys_platform == 'linux'\", ")
    arm = "(extra == 'extra-4-demo-cpu' and extra == 'extra-4-demo-cu128')"
    index = 'source = { registry = "https://index.example/simple" }'
    edges = (
        f'    {{ name = "alpha", version = "1.0", {index}, marker = "sys_platform == \'linux\' or {arm}" }},\n'
        f'    {{ name = "alpha", version = "2.0", {index}, marker = "sys_platform == \'win32\' or {arm}" }},\n'
    )
    lock = edited("\ncpu = [\n", f"\ncpu = [\n{edges}", LOCK) + FORKED
    row = '    { name = "alpha", marker = "sys_platform == \'linux\' and extra == \'cpu\'", specifier = "<2" },\n'
    lock = edited("requires-dist = [\n", f"requires-dist = [\n{row}", lock)
    verdict = judge(pyproject, lock)
    assert (verdict.freshness, render_problems(verdict.problems)) == ("fresh", "")
    wrong = judge(pyproject, edited("sys_platform == 'win32' or", "sys_platform == 'linux' or", lock))
    assert [(p.code.name, p.why) for p in wrong.problems] == [("CP204", "wanted `alpha<2`, the lock has `2.0`")]


OUTSIDE_LOCK = """
[[package]]
name = "outside"
version = "1.0"
source = { directory = "../outside" }
dependencies = [
    { name = "demo" },
]

[package.metadata]
requires-dist = [{ name = "demo", editable = "." }]
"""


def test_a_path_dependency_may_come_back_by_the_name_of_the_directory() -> None:
    """`../work` is the project itself where its directory is called `work`, and something else where it is not."""
    text = '[project]\nname = "outside"\nversion = "1.0"\ndependencies = ["demo"]\n[tool.uv.sources]\n'
    text += 'demo = { path = "../work", editable = true }\n'
    source = Source(path="../outside/pyproject.toml", text=text)
    outside = Pyproject(source=source, table=tomli.loads(text), directory="../outside")
    assert judge(PYPROJECT, LOCK + OUTSIDE_LOCK, outside, place="work").freshness == "fresh"
    verdict = judge(PYPROJECT, LOCK + OUTSIDE_LOCK, outside, place="other")
    assert [problem.why for problem in verdict.problems] == [
        "wanted `demo from editable ../work`, the lock has `demo from editable .`"
    ]


def test_a_setting_that_uv_does_not_know_cannot_be_judged() -> None:
    """uv then warns, and goes on without the settings of the whole file."""
    assert render_problems(judge(edited(UV, UV + 'resolution = "newest"\n')).problems) == (
        "error[CP206]: `uv.lock` cannot be judged: `tool.uv.resolution` cannot be read as uv reads it\n"
        "  --> pyproject.toml:19 (tool.uv.resolution)\n"
        "  why: `newest` is none of `highest`, `lowest`, `lowest-direct`: uv warns, and locks without any setting of "
        "that file\n"
        "  fix: run `uv lock --check --refresh`; where it passes, build with `CUDAPIN_ALLOW=CP206`"
    )


def test_a_new_constraint_under_preview_cannot_be_judged() -> None:
    """In preview mode uv accepts some that the locked version satisfies; one that it does not satisfy is stale."""
    pyproject = edited(UV, UV + "preview = true\n", edited('"numpy<3"', '"numpy<3", "torch<9"'))
    verdict = judge(pyproject)
    assert [(p.code.name, p.why) for p in verdict.problems] == [
        ("CP206", "under `preview`, uv accepts some new constraints that the locked version satisfies")
    ]
    assert judge(edited("torch<9", "torch<2", pyproject)).freshness == "stale"


@pytest.mark.parametrize(
    "groups",
    ['dev = ["numpy", { include-group = "dev" }]', 'dev = [{ include-group = "b" }]\nb = [{ include-group = "dev" }]'],
)
def test_groups_that_include_themselves_cannot_be_judged(groups: str) -> None:
    """In one step or two; uv refuses the project."""
    text = edited("dev = [\"numpy[fast]; python_version >= '3.11'\"]", groups)
    verdict = judge(text)
    assert (verdict.freshness, render_problems(verdict.problems)) == (
        "unknown",
        "error[CP206]: `uv.lock` cannot be judged: `dependency-groups.dev` cannot be read as uv reads it\n"
        "  --> pyproject.toml:12 (dependency-groups.dev)\n"
        "  why: a group that it includes is missing, or includes itself\n"
        "  fix: run `uv lock --check --refresh`; where it passes, build with `CUDAPIN_ALLOW=CP206`",
    )


def test_a_group_that_is_included_twice_restricts_python_twice() -> None:
    """As uv records it: it compares the clauses."""
    include = {"include-group": "old"}
    table = {
        "dependency-groups": {"dev": [include, include], "old": []},
        "tool": {"uv": {"dependency-groups": {"old": {"requires-python": ">=3.11"}}}},
    }
    project = UvProject(pyproject=Pyproject(source=Source(path="pyproject.toml", text=""), table=table))
    assert project.group_pythons["dev"] == (">=3.11", ">=3.11")


def test_the_python_of_groups_in_a_circle_cannot_be_told() -> None:
    """Where nothing else has refused them before."""
    table = {"dependency-groups": {"a": [{"include-group": "b"}], "b": [{"include-group": "a"}]}}
    project = UvProject(pyproject=Pyproject(source=Source(path="pyproject.toml", text=""), table=table))
    with pytest.raises(UnjudgeableError) as caught:
        _ = project.group_pythons
    assert (str(caught.value), caught.value.key) == (
        "a group that it includes is missing, or includes itself",
        ("dependency-groups", "a"),
    )


def test_a_requirement_that_is_none_is_named_with_its_line() -> None:
    found = judge(edited('["numpy>=1.24"]', '[\n  "packaging",\n  "numpy=>1.24",\n]'))
    assert found.freshness == "unknown"
    line = PYPROJECT.split("\n").index('dependencies = ["numpy>=1.24"]') + 3
    assert render_problems(found.problems) == (
        "error[CP206]: `numpy=>1.24` is no requirement, so no lock can be judged by it\n"
        f"  --> pyproject.toml:{line} (project.dependencies)\n"
        "  why: wanted a requirement as in PEP 508, found `numpy=>1.24`\n"
        "  fix: write `numpy>=1.24`"
    )


def test_groups_in_groups_deeper_than_python_recurses_and_wider_than_anyone_counts() -> None:
    """Each holds the next twice: what they hold is told once, and in no time."""
    depth = 3000
    table = {
        "dependency-groups": {
            **{f"g{number}": [{"include-group": f"g{number + 1}"}] * 2 for number in range(depth)},
            f"g{depth}": ["numpy"],
        }
    }
    project = UvProject(pyproject=Pyproject(source=Source(path="pyproject.toml", text=""), table=table))
    assert [declared.text for declared in project.groups["g0"]] == ["numpy"]
    assert project.group_pythons["g0"] == ()
