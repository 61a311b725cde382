"""A good release passes, and each fault of the field is refused: every case differs from the good one in one thing."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import pytest

from cudapin.cli.main import main
from cudapin.cli.publish_check import publish_check
from cudapin.core.seal import Seal, SealedFile, render_seal
from cudapin.core.verdict import exit_code, render_problem
from unit.support import PROJECT, VARIANTS
from whl import write_wheel

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from cudapin.cli.commands import Outcome

CPU, CU128 = "demo-1.2-py3-none-any.whl", "demo-1.2+cu128-py3-none-manylinux_2_17_x86_64.whl"
SDIST = "demo-1.2.tar.gz"
GUARD = b"# Made by cudapin 1 for demo. Do not edit.\nVARIANT = '%s'\n"
EXTRAS = "Provides-Extra: cpu\nProvides-Extra: cu128\n"
FOLDED = "Provides-Extra: cu128\n"


@dataclass(frozen=True)
class Whl:
    """One wheel of a release, as text."""

    name: str
    variant: str | None
    cuda: str | None
    requires: tuple[str, ...]
    headers: str
    files: Mapping[str, bytes]
    purelib: str = "false"
    record: Mapping[str, Any] | None = field(default_factory=dict)
    listing: str | None = None

    def write(self, folder: Path) -> None:
        record = {
            "schema": 1,
            "variant": self.variant,
            "cuda": self.cuda,
            "arch": [],
            "binaries": [],
            "waived": [],
            "settings": {},
            "spelling": "local",
            "locked": {"torch": "2.9.0"},
            "build": {"python": "3.11.7"},
            **(self.record or {}),
        }
        write_wheel(
            folder,
            self.files,
            name=self.name,
            requires=self.requires,
            headers=self.headers,
            wheel=f"Root-Is-Purelib: {self.purelib}\n",
            record=None if self.record is None else json.dumps(record),
            listing=self.listing,
        )


def module(variant: str) -> dict[str, bytes]:
    return {"demo/__init__.py": b"", "demo/_cudapin.py": GUARD % variant.encode()}


@dataclass(frozen=True)
class Release:
    """Wheels and the text files of the sdist."""

    cpu: Whl = Whl(
        CPU,
        "cpu",
        None,
        ("numpy>=1", "torch==2.9.0 ; extra == 'cpu'", "torch>=2.9 ; extra == 'cu128'"),
        EXTRAS,
        module("cpu"),
        "true",
    )
    cu128: Whl = Whl(CU128, "cu128", "12.8", ("numpy>=1", "torch==2.9.0"), FOLDED, module("cu128"))
    sdist: Mapping[str, str | bytes] | None = field(default_factory=lambda: {**VARIANTS, **PKG})
    is_sealed: bool = True
    waived: tuple[Any, ...] = ()

    def write(self, folder: Path) -> Path:
        folder.mkdir(exist_ok=True)
        self.cpu.write(folder)
        self.cu128.write(folder)
        if self.sdist is not None:
            write_sdist(folder / SDIST, self.sealed())
        return folder

    def sealed(self) -> dict[str, bytes]:
        files = {name: text.encode() if isinstance(text, str) else text for name, text in (self.sdist or {}).items()}
        locks = {
            path: SealedFile(path=path, sha256=hashlib.sha256(content).hexdigest())
            for path, content in files.items()
            if path.startswith("locks/")
        }
        seal = render_seal(Seal(files=locks, waived=self.waived)).encode()
        return {**files, **({"cudapin.seal.json": seal} if self.is_sealed else {})}


def pkg_info(version: str = "1.2", more: str = "") -> dict[str, str]:
    requires = "Requires-Dist: numpy>=1\nRequires-Dist: torch>=2.9; extra == 'cpu'\n"
    requires += "Requires-Dist: torch>=2.9; extra == 'cu128'\n"
    return {"PKG-INFO": f"Metadata-Version: 2.1\nName: demo\nVersion: {version}\n{EXTRAS}{requires}{more}"}


PKG = pkg_info()
GOOD = Release()


def write_sdist(path: Path, files: Mapping[str, bytes]) -> None:
    top = path.name.removesuffix(".tar.gz")
    with tarfile.open(path, "w:gz") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(f"{top}/{name}")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))


def check(folder: Path, *more: Path, **options: Any) -> Outcome:
    asked: dict[str, Any] = {"to": "private", "is_waiving": False, "previous": None, "max_size": None, **options}
    return publish_check(None, {}, [str(folder), *map(str, more)], **asked)


def texts(outcome: Outcome, folder: Path) -> str:
    return "\n".join(render_problem(problem) for problem in outcome.problems).replace(f"{folder}/", "")


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")


@pytest.fixture
def dist(tmp_path: Path) -> Path:
    return tmp_path / "dist"


def test_a_good_release_passes(dist: Path) -> None:
    found = check(GOOD.write(dist))
    assert texts(found, dist) == ""
    assert found.text.replace(f"{dist}/", "") == (
        "demo 1.2: ok for a private index\n"
        "  declares `cpu`, `cu128`, default `cpu` (demo-1.2.tar.gz)\n"
        '  pip install --index-url URL/whl/cpu "demo==1.2"\n'
        f"    cpu: {CPU}\n"
        '  pip install --index-url URL/whl/cu128 "demo==1.2"\n'
        f"    cu128: {CU128}\n"
        "  from source: `demo==1.2` builds the default variant, or the one that `CUDAPIN_VARIANT` names\n"
        "  from source: `1.2+cu128`: not by pip, which refuses a build whose version is not that of the sdist; "
        "uv takes it"
    )
    (row,) = found.data["releases"]
    assert [wheel["verdict"] for wheel in row["wheels"]] == ["ok", "ok"]
    assert (row["verdict"], row["default"], row["declared"]) == ("ok", ["cpu"], ["cpu", "cu128"])


def test_the_default_alone_is_fit_for_a_public_index(dist: Path) -> None:
    GOOD.write(dist)
    (dist / CU128).unlink()
    found = check(dist, to="public")
    assert texts(found, dist) == ""
    assert "  `cu128`: not on this index, which takes no local version\n" in found.text


CPU_WHL, CU_WHL = GOOD.cpu, GOOD.cu128
LOCK = str(VARIANTS["locks/cu128.txt"])
SDIST_FILES: dict[str, str | bytes] = {**VARIANTS, **PKG}


WRONG: dict[str, tuple[Release, list[str]]] = {
    "no record": (replace(GOOD, cu128=replace(CU_WHL, record=None)), ["CP726", "CP728"]),
    "record of an unknown variant": (
        replace(GOOD, cu128=replace(CU_WHL, name=CU128.replace("+cu128", "+cu129"), variant="cu129")),
        ["CP727", "CP728"],
    ),
    "label of another variant": (
        replace(GOOD, cu128=replace(CU_WHL, name=CU128.replace("+cu128", "+cu126"))),
        ["CP712", "CP727"],
    ),
    "CUDA wheel for any platform": (
        replace(GOOD, cu128=replace(CU_WHL, name="demo-1.2+cu128-py3-none-any.whl")),
        ["CP727"],
    ),
    "CUDA wheel in purelib": (replace(GOOD, cu128=replace(CU_WHL, purelib="true")), ["CP727"]),
    "RECORD of other files": (replace(GOOD, cu128=replace(CU_WHL, listing="demo/__init__.py,,\n")), ["CP414", "CP724"]),
    "the CUDA wheel as the default": (
        replace(
            GOOD,
            cpu=replace(
                CPU_WHL, variant="cu128", cuda="12.8", purelib="false", name=CPU.replace("any", "linux_x86_64")
            ),
        ),
        ["CP722", "CP725", "CP728"],
    ),
    "other files": (replace(GOOD, cu128=replace(CU_WHL, files={**CU_WHL.files, "demo/old.py": b""})), ["CP724"]),
    "another file": (replace(GOOD, cu128=replace(CU_WHL, files={**CU_WHL.files, "demo/__init__.py": b"1"})), ["CP724"]),
    "other entry points": (
        replace(GOOD, cu128=replace(CU_WHL, files={**CU_WHL.files, "demo-1.2+cu128.dist-info/entry_points.txt": b""})),
        ["CP724"],
    ),
    "another Python": (replace(GOOD, cu128=replace(CU_WHL, headers=f"{FOLDED}Requires-Python: >=3.12\n")), ["CP725"]),
    "a dependency is missing": (replace(GOOD, cu128=replace(CU_WHL, requires=("torch==2.9.0",))), ["CP725"]),
    "a dependency too many": (
        replace(GOOD, cu128=replace(CU_WHL, requires=(*CU_WHL.requires, "scipy"))),
        ["CP725"],
    ),
    "an extra of another variant": (replace(GOOD, cu128=replace(CU_WHL, headers=EXTRAS)), ["CP725"]),
    "a waiver": (
        replace(GOOD, cu128=replace(CU_WHL, record={"waived": [{"code": "CP305", "reason": "later"}]})),
        ["CP732"],
    ),
    "a switch": (replace(GOOD, cu128=replace(CU_WHL, record={"settings": {"CUDAPIN_ALLOW": "CP305"}})), ["CP732"]),
    "an sdist with a label": (
        replace(GOOD, sdist={**SDIST_FILES, **pkg_info("1.2+cu128")}),
        ["CP712", "CP729", "CP735"],
    ),
    "an sdist with the classifier of a variant": (
        replace(GOOD, sdist={**SDIST_FILES, **pkg_info(more="Classifier: Environment :: GPU :: NVIDIA CUDA :: 12\n")}),
        ["CP729", "CP735"],
    ),
    "an sdist with folded dependencies": (
        replace(GOOD, sdist={**SDIST_FILES, **pkg_info(more="Requires-Dist: torch==2.9.0\n")}),
        ["CP729", "CP735"],
    ),
    "an sdist of another version": (
        replace(GOOD, sdist={**SDIST_FILES, "pyproject.toml": PROJECT.replace("1.2", "1.3", 1)}),
        ["CP729", "CP735"],
    ),
    "an sdist without seal": (replace(GOOD, is_sealed=False), ["CP730"]),
    "an sdist without its lock": (
        replace(GOOD, sdist={name: text for name, text in SDIST_FILES.items() if name != "locks/cu128.txt"}),
        ["CP730", "CP735"],
    ),
    "a lock with credentials": (
        replace(
            GOOD,
            sdist={**SDIST_FILES, "locks/cu128.txt": f"--index-url https://me:secret@index.example/simple\n{LOCK}"},
        ),
        ["CP210"],
    ),
    "a stale lock in the sdist": (
        replace(GOOD, sdist={**SDIST_FILES, "locks/cpu.txt": str(VARIANTS["locks/cpu.txt"]).replace("numpy", "scipy")}),
        ["CP201"],
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_fault_is_refused(dist: Path, case: str) -> None:
    release, wanted = WRONG[case]
    found = check(release.write(dist))
    assert sorted({problem.code.name for problem in found.problems}) == wanted, texts(found, dist)
    assert exit_code(found.problems) == 1, texts(found, dist)
    assert found.data["releases"][0]["verdict"] == "wrong"


def test_a_renamed_variant(dist: Path) -> None:
    """The names that the template gives belong to the release; another name of a variant's wheel is refused."""
    pyproject = PROJECT.replace("[tool.cudapin]", '[tool.cudapin]\nname = "demo-cu{major}"', 1)
    named = "demo_cu12-1.2-py3-none-manylinux_2_17_x86_64.whl"
    release = replace(GOOD, cu128=replace(CU_WHL, name=named), sdist={**SDIST_FILES, "pyproject.toml": pyproject})
    found = check(release.write(dist), to="public")
    assert texts(found, dist) == ""
    assert f'  pip install "demo_cu12==1.2"\n    cu128: {named}\n' in found.text
    assert "from source: `demo_cu12`: not at all, since no sdist has that name" in found.text
    (dist / named).unlink()
    replace(CU_WHL, name=CU128.replace("+cu128", "")).write(dist)
    found = check(dist, to="public")
    assert [problem.code.name for problem in found.problems] == ["CP722", "CP723"]
    assert (
        "error[CP723]: a wheel of variant `cu128` is called `demo`\n"
        "  --> demo-1.2-py3-none-manylinux_2_17_x86_64.whl\n"
        "  why: wanted `demo-cu12`, by the `name` of `[tool.cudapin]`\n"
        "  fix: build variant `cu128` anew"
    ) in texts(found, dist)


def test_a_public_index_takes_no_local_version(dist: Path) -> None:
    found = check(GOOD.write(dist), to="public")
    assert texts(found, dist) == (
        "error[CP721]: a public index refuses version 1.2+cu128\n"
        f"  --> {CU128}\n"
        "  why: `+cu128` is a local version (PEP 440), which only private indexes take\n"
        "  fix: publish the default variant there and this one on an index of your own, with `--to private`; or name "
        "variants by `name`"
    )
    assert f'  pip install "demo==1.2"\n    cpu: {CPU}\n  not on this index: {CU128}\n' in found.text


def test_the_cpu_wheel_where_the_default_belongs(dist: Path) -> None:
    pyproject = PROJECT.replace("[tool.cudapin]", '[tool.cudapin]\ndefault = "cu128"', 1)
    found = check(replace(GOOD, sdist={**SDIST_FILES, "pyproject.toml": pyproject}).write(dist))
    assert (
        f"error[CP727]: `{CU128}`: its version is not that of its variant\n"
        f"  --> {CU128}\n"
        "  why: wanted 1.2 for variant `cu128`, found 1.2+cu128\n"
        "  fix: build variant `cu128` anew, and do not rename its wheel"
    ) in texts(found, dist)
    assert (
        f"error[CP722]: `{CPU}` is of variant `cpu` and stands where the default belongs\n"
        f"  --> {CPU}\n"
        "  why: a plain `pip install demo` gets it (no CUDA); wanted the default variant, `cu128`\n"
        "  fix: build it anew: `cudapin build --variant cu128`"
    ) in texts(found, dist)


@pytest.mark.parametrize(("to", "level"), [("public", "error"), ("private", "warning")])
def test_addresses(dist: Path, to: Any, level: str) -> None:
    pyproject = PROJECT.replace('"numpy>=1"', '"numpy>=1", "x @ https://files.example/x.whl"', 1)
    own = ("x @ https://files.example/x.whl",)
    release = replace(
        GOOD,
        cpu=replace(CPU_WHL, requires=(*CPU_WHL.requires, *own)),
        cu128=replace(CU_WHL, requires=(*CU_WHL.requires, *own)),
        sdist={**SDIST_FILES, "pyproject.toml": pyproject, **pkg_info(more=f"Requires-Dist: {own[0]}\n")},
    )
    found = check(release.write(dist), to=to)
    assert {problem.level for problem in found.problems if problem.code.name == "CP731"} == {level}
    assert sum(problem.code.name == "CP731" for problem in found.problems) == 3


@pytest.mark.parametrize(("to", "codes"), [("public", ["CP210"]), ("private", [])])
def test_private_hosts(dist: Path, to: Any, codes: list[str]) -> None:
    lock = f"--index-url https://packages.corp/simple\n{LOCK}"
    GOOD.write(dist)
    (dist / CU128).unlink()
    write_sdist(dist / SDIST, replace(GOOD, sdist={**SDIST_FILES, "locks/cu128.txt": lock}).sealed())
    found = check(dist, to=to)
    assert [problem.code.name for problem in found.problems if problem.code.name != "CP728"] == codes


def test_waivers_that_are_accepted_are_said(dist: Path) -> None:
    waiver = {"waived": [{"code": "CP305", "reason": "until torch 3"}], "settings": {"CUDAPIN_GUARD": "off"}}
    replace(GOOD, cu128=replace(CU_WHL, record=waiver)).write(dist)
    assert texts(check(dist), dist) == (
        "error[CP732]: CP305 was waived\n"
        f"  --> {CU128}\n"
        "  why: until torch 3\n"
        "  fix: mend what it is about and build anew, or accept it: `--accept-waivers`\n"
        "error[CP732]: it was built with CUDAPIN_GUARD=off\n"
        f"  --> {CU128}\n"
        "  why: the switch changes what is checked or written\n"
        "  fix: mend what it is about and build anew, or accept it: `--accept-waivers`"
    )
    found = check(dist, is_waiving=True)
    assert found.problems == ()
    assert [note.replace(f"{dist}/", "") for note in found.notes] == [
        f"accepted: {CU128}: CP305 was waived (until torch 3)",
        f"accepted: {CU128}: it was built with CUDAPIN_GUARD=off (the switch changes what is checked or written)",
    ]


def test_a_waiver_of_the_project_counts_where_waivers_are_accepted(dist: Path) -> None:
    allow = '\n[[tool.cudapin.allow]]\ncode = "CP724"\nreason = "a table for each"\n'
    release = replace(
        GOOD,
        cu128=replace(CU_WHL, files={**CU_WHL.files, "demo/table.txt": b""}),
        sdist={**SDIST_FILES, "pyproject.toml": PROJECT + allow},
    )
    release.write(dist)
    assert [problem.code.name for problem in check(dist).problems] == ["CP724"]
    assert check(dist, is_waiving=True).problems == ()


def test_off_is_a_switch(dist: Path) -> None:
    record = {"variant": None, "cuda": None, "settings": {"CUDAPIN": "off"}}
    found = check(replace(GOOD, cpu=replace(CPU_WHL, record=record)).write(dist))
    assert [problem.code.name for problem in found.problems] == ["CP732", "CP728"]


def test_sizes(dist: Path) -> None:
    GOOD.write(dist)
    size = (dist / SDIST).stat().st_size
    found = check(dist, max_size=f"{size - 1}B")
    assert [problem.code.name for problem in found.problems] == ["CP734"] * len(found.problems)
    assert f"why: it has {size} bytes, the limit is {size - 1} bytes" in texts(found, dist)
    assert check(dist, max_size="1MiB").problems == ()


def test_the_default_of_the_release_before(dist: Path, tmp_path: Path) -> None:
    before = tmp_path / "before"
    before.mkdir()
    old = replace(CU_WHL, name="demo-1.1-py3-none-manylinux_2_17_x86_64.whl", headers=EXTRAS)
    old.write(before)
    replace(CPU_WHL, name="demo-1.1+cpu-py3-none-any.whl").write(before)
    found = check(GOOD.write(dist), previous=str(before))
    assert texts(found, dist) == (
        "error[CP733]: the default variant is `cpu` now and was `cu128`\n"
        f"  --> {CPU}\n"
        f"  why: `pip install -U demo` moves everybody from `{old.name}` to `{CPU}`\n"
        '  fix: set `default = "cu128"`, or leave `--previous` out to change it'
    )
    replace(CPU_WHL, name="demo-1.1-py3-none-any.whl").write(before)
    (before / old.name).unlink()
    assert check(dist, previous=str(before)).problems == ()


def test_two_files_of_one_name(dist: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    GOOD.write(dist)
    CPU_WHL.write(other)
    assert check(dist, other).problems == ()
    replace(CPU_WHL, files={**CPU_WHL.files, "demo/__init__.py": b"2"}).write(other)
    found = check(dist, other)
    assert [problem.code.name for problem in found.problems] == ["CP711", "CP724"]


def test_without_sdist_what_is_not_known_is_said(dist: Path) -> None:
    found = check(replace(GOOD, sdist=None).write(dist))
    assert texts(found, dist) == (
        "warning[CP735]: whether this is all of demo 1.2 is not known\n"
        f"  --> {CU128}\n"
        "  why: no sdist of it is among the files, and there is no project of that name and version here, so that its "
        "variants, its default and its dependencies were not judged\n"
        "  fix: give the sdist, too, or name the project with `--project`"
    )
    assert exit_code(found.problems) == 0
    (row,) = found.data["releases"]
    assert (row["declared"], row["verdict"]) == (None, "unknown")
    replace(CU_WHL, requires=(*CU_WHL.requires, "scipy")).write(dist)
    assert "only one of them requires `scipy`, and no extra or record says why" in texts(check(dist), dist)


def test_the_project_here_stands_in_for_the_sdist(dist: Path, tmp_path: Path) -> None:
    from unit.support import write

    replace(GOOD, sdist=None, cu128=replace(CU_WHL, requires=("torch==2.9.0",))).write(dist)
    project = write(tmp_path / "tree", VARIANTS)
    found = publish_check(project, {}, [str(dist)], to="private", is_waiving=False, previous=None, max_size=None)
    assert [problem.code.name for problem in found.problems] == ["CP725"]
    assert found.problems[0].why == "wanted `numpy>=1`, which it lacks"


def test_what_cannot_be_read(dist: Path) -> None:
    GOOD.write(dist)
    (dist / SDIST).write_bytes(b"no archive")
    found = check(dist)
    assert [problem.code.name for problem in found.problems] == ["CP735", "CP736"]
    assert exit_code(found.problems) == 3
    with tarfile.open(dist / SDIST, "w:gz") as archive:
        archive.addfile(tarfile.TarInfo("demo-1.2/../../outside"))
    assert "wanted everything below `demo-1.2/`" in texts(check(dist), dist)


def test_releases_are_told_apart(dist: Path) -> None:
    GOOD.write(dist)
    replace(CPU_WHL, name="demo-1.1-py3-none-any.whl").write(dist)
    replace(CPU_WHL, name="other-1.2-py3-none-any.whl").write(dist)
    found = check(dist)
    assert [(row["name"], row["version"], row["verdict"]) for row in found.data["releases"]] == [
        ("demo", "1.1", "unknown"),
        ("demo", "1.2", "ok"),
        ("other", "1.2", "unknown"),
    ]
    assert {problem.code.name for problem in found.problems} == {"CP735"}


def test_the_command_line(dist: Path, capsys: pytest.CaptureFixture[str]) -> None:
    GOOD.write(dist)
    assert main(["publish-check", str(dist)]) == 1  # public is the default
    capsys.readouterr()
    assert main(["publish-check", str(dist), "--to", "private", "--format", "json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["command"], found["ok"], found["to"]) == ("publish-check", True, "private")
    assert main(["publish-check", str(dist), "--max-size", "many"]) == 2
    assert main(["publish-check", str(dist / "nothing")]) == 2


def labelled(folder: Path) -> Path:
    """Write the labelled wheels of the good release, the plain default one, and the file of an index."""
    from cudapin.release.label import label_wheel, write_variants_json

    folder.mkdir()
    CPU_WHL.write(folder)
    label_wheel(folder / CPU, "null")
    plain = CU128.replace("+cu128", "")
    replace(CU_WHL, name=plain).write(folder)
    label_wheel(folder / plain, "cu128")
    CPU_WHL.write(folder)
    write_variants_json(folder)
    return folder


def test_labelled_wheels(dist: Path) -> None:
    labelled(dist)
    write_sdist(dist / SDIST, GOOD.sealed())
    found = check(dist)
    assert texts(found, dist) == ""
    command = 'uv pip install --preview-features wheel-variants --index-url URL/whl/variant "demo==1.2"'
    assert f"  {command}\n    cpu: demo-1.2-py3-none-any-null.whl\n" in found.text
    public = check(dist, to="public")
    assert [problem.what for problem in public.problems] == [
        "a public index refuses the label `null`",
        "a public index refuses the label `cu128`",
    ]
    CU_WHL.write(dist)
    assert [problem.code.name for problem in check(dist).problems] == ["CP708"]
    (dist / CU128).unlink()
    (dist / "demo-1.2-variants.json").unlink()
    assert texts(check(dist), dist) == (
        "error[CP713]: there is no `demo-1.2-variants.json`\n"
        "  --> demo-1.2-py3-none-any-null.whl\n"
        "  why: installers take no labelled wheel without it (PEP 825)\n"
        "  fix: name the folder with `demo-1.2-variants.json`, too, or let `cudapin index` make it"
    )


def test_a_variants_file_without_a_label(dist: Path) -> None:
    labelled(dist)
    path = dist / "demo-1.2-variants.json"
    described = json.loads(path.read_bytes())
    del described["variants"]["cu128"]
    path.write_text(json.dumps(described), encoding="utf-8")
    found = check(dist, to="private")
    assert "CP713" in [problem.code.name for problem in found.problems]
    assert f"error[CP713]: `{path}`: it has no label `cu128`" in [
        render_problem(problem).splitlines()[0] for problem in found.problems
    ]


def test_the_version_of_a_commit_is_no_variant(dist: Path) -> None:
    """A project whose version is of a commit: its default wheel keeps the local part, which names no variant."""
    info = {
        **pkg_info("1.2.dev1+gabc"),
        "pyproject.toml": PROJECT.replace('version = "1.2"', 'dynamic = ["version"]', 1),
    }
    release = Release(
        cpu=replace(CPU_WHL, name=CPU.replace("1.2", "1.2.dev1+gabc")),
        cu128=replace(CU_WHL, name=CU128.replace("1.2+cu128", "1.2.dev1+cu128.gabc")),
        sdist=None,
    )
    release.write(dist)
    write_sdist(dist / SDIST.replace("1.2", "1.2.dev1+gabc"), replace(GOOD, sdist={**SDIST_FILES, **info}).sealed())
    found = check(dist)
    assert texts(found, dist) == ""
    (row,) = found.data["releases"]
    assert [way["variants"] for way in row["users"]] == [["cpu"], ["cu128"]]
    (dist / CU128.replace("1.2+cu128", "1.2.dev1+cu128.gabc")).unlink()
    assert {problem.code.name for problem in check(dist, to="public").problems} == {"CP721"}


def test_variants_that_nothing_spells_have_an_index_each(dist: Path) -> None:
    table = PROJECT.replace("[tool.cudapin]\n", '[tool.cudapin]\nspelling = "none"\n')
    table = table.replace("variants.cpu]\n", 'variants.cpu]\nplatforms = ["manylinux_2_17_x86_64"]\n')
    name = CU128.replace("+cu128", "")
    for variant in (CPU_WHL, CU_WHL):
        folder = dist / str(variant.variant)
        folder.mkdir(parents=True)
        replace(variant, name=name, record={"spelling": "none"}).write(folder)
    write_sdist(dist / SDIST, replace(GOOD, sdist={**SDIST_FILES, "pyproject.toml": table}).sealed())
    found = check(dist)
    assert texts(found, dist) == ""
    assert (
        '  pip install --index-url URL/whl/cpu "demo==1.2"\n'
        f"    cpu: {name}\n"
        '  pip install --index-url URL/whl/cu128 "demo==1.2"\n'
        f"    cu128: {name}\n"
    ) in found.text
    assert [problem.code.name for problem in check(dist, to="public").problems] == ["CP711", "CP722"]
    replace(CU_WHL, name=name, record={"spelling": "none"}, headers="X: 1\n" + FOLDED).write(dist)
    assert "CP711" in [problem.code.name for problem in check(dist).problems]


def test_a_public_index_takes_no_tag_of_one_machine(dist: Path) -> None:
    GOOD.write(dist)
    (dist / CU128).unlink()
    (dist / CPU).unlink()
    name = CPU.replace("any", "linux_x86_64")
    replace(CPU_WHL, name=name, purelib="false").write(dist)
    found = check(dist, to="public")
    assert texts(found, dist) == (
        "error[CP721]: a public index refuses the platform tag `linux_x86_64`\n"
        f"  --> {name}\n"
        "  why: it says nothing of the system libraries that the wheel needs, which `manylinux` and `musllinux` do\n"
        f"  fix: auditwheel repair $(cudapin export --variant cpu --to auditwheel-excludes) {dist / name}"
    ).replace(f"{dist}/", "")
    assert f"  not on this index: {name}\n" in found.text
    assert texts(check(dist), dist).count("CP721") == 0


@pytest.mark.parametrize(("name", "code"), [(CPU, "CP416"), (SDIST, "CP736"), ("demo-1.2-variants.json", "CP713")])
def test_a_link_that_leads_nowhere(dist: Path, name: str, code: str) -> None:
    GOOD.write(dist)
    (dist / name).unlink(missing_ok=True)
    (dist / name).symlink_to("nowhere")
    (dist / "again").mkdir()
    (dist / "again" / name).symlink_to("nowhere")
    found = check(dist)
    assert code in [problem.code.name for problem in found.problems]
    assert exit_code(found.problems) in (1, 3)


def _lock(sha256: str, torch: str) -> dict[str, Any]:
    return {"lock": {"path": "locks/cu128.txt", "sha256": sha256}, "locked": {"torch": torch}}


def test_a_wheel_from_another_lock_file(dist: Path) -> None:
    own = hashlib.sha256(LOCK.encode()).hexdigest()
    replace(GOOD, cu128=replace(CU_WHL, record=_lock(own, "any"))).write(dist)
    assert texts(check(dist), dist) == ""
    replace(CU_WHL, record=_lock("ab" * 32, "2.8.0+cu128")).write(dist)
    assert texts(check(dist), dist) == (
        f"error[CP727]: `{CU128}`: it was built from another lock file\n"
        f"  --> {CU128}\n"
        "  why: its record has `torch` 2.8.0+cu128, the lock of the release 2.9.0+cu128\n"
        "  fix: build variant `cu128` anew, and do not rename its wheel"
    )
    replace(CU_WHL, record=_lock("ab" * 32, "2.9.0+cu128")).write(dist)
    assert texts(check(dist), dist) == (
        f"warning[CP735]: `{CU128}` was built from another lock file than the release has\n"
        f"  --> {CU128}\n"
        f"  why: its record has SHA-256 abababababab…, the lock of the release {own[:12]}…; whether what it was built "
        "with differs is not known\n"
        "  fix: build variant `cu128` anew from this release"
    )


def test_old_files_beside_new_ones(dist: Path) -> None:
    GOOD.write(dist)
    (dist / CU128).unlink()
    (dist / CPU).unlink()
    old = CPU.replace("1.2", "1.1")
    replace(CPU_WHL, name=old).write(dist)
    assert texts(check(dist), dist).startswith(
        "warning[CP735]: there are files of 2 releases of demo\n"
        f"  --> {old}\n"
        "  why: they are `1.1`, `1.2`, each was judged by itself, and whether all are to be published is not known\n"
        "  fix: leave out the files of a release that is out already\n"
    )


@pytest.mark.parametrize(("password", "codes"), [("secret", ["CP210"]), ("${TOKEN}", [])])
def test_credentials_in_the_settings_of_an_sdist(dist: Path, password: str, codes: list[str]) -> None:
    index = f'[[tool.uv.index]]\nname = "a"\nurl = "https://me:{password}@git.corp/simple"\nexplicit = true\n'
    replace(GOOD, sdist={**SDIST_FILES, "pyproject.toml": f"{PROJECT}{index}"}).write(dist)
    (dist / CU128).unlink()
    found = check(dist, to="public")
    assert [problem.code.name for problem in found.problems] == codes
    assert "secret" not in texts(found, dist)
