"""The build backend, called as a front end calls it: in the project's folder, with the settings of `-C`."""

from __future__ import annotations

import importlib
import os
import sys
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hatchling.build
import pytest

from cudapin import build
from cudapin.cli.static import judge_static
from cudapin.core.verdict import render_problem
from cudapin.gate import open_gate
from cudapin.plugin.asked import asked
from unit.support import PROJECT, STALE_CPU, STALE_TEXT, VARIANTS, write

if TYPE_CHECKING:
    from collections.abc import Mapping

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the platform tags are those of Linux")

Settings = dict[str, Any]
CU128 = "demo-1.2+cu128-py2.py3-none-manylinux_2_17_x86_64.whl"
OWN = PROJECT.replace("hatchling.build", "cudapin.build")
WITHOUT_HOOK = OWN.partition("\n[tool.hatch.build.hooks")[0] + "\n"
ADDING_HOOK = """\
from hatchling.builders.hooks.plugin.interface import BuildHookInterface

class AddingHook(BuildHookInterface):
    def initialize(self, version, build_data):
        if (self.metadata.config["project"]["version"]) == "9":
            self.app.abort("not today", code=3)
        build_data["dependencies"].append("iniconfig")
"""
ADDING: Mapping[str, str | bytes] = {
    **VARIANTS,
    "pyproject.toml": OWN.replace(
        "[tool.hatch.build.hooks", "[tool.hatch.build.hooks.custom]\n[tool.hatch.build.hooks"
    ),
    "hatch_build.py": ADDING_HOOK,
}


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with two variants whose backend is `cudapin.build`; the working directory."""
    for name in ("CUDAPIN_VARIANT", "CUDAPIN", "PIP_BUILD_TRACKER"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    root = write(tmp_path / "project", {**VARIANTS, "pyproject.toml": OWN})
    monkeypatch.chdir(root)
    return root


def said(capsys: pytest.CaptureFixture[str]) -> str:
    """Return what was shown since the last call: older versions of hatchling write all of it to stdout."""
    return "".join(capsys.readouterr())


def wheel(settings: Settings | None = None, **more: str) -> bytes:
    name = build.build_wheel("dist", settings, **more)
    return Path("dist", name).read_bytes()


def metadata(settings: Settings | None = None, *, folder: str = "asked") -> bytes:
    Path(folder).mkdir()
    name = build.prepare_metadata_for_build_wheel(folder, settings)
    assert [path.name for path in Path(folder, name).iterdir()] == ["METADATA"]
    return Path(folder, name, "METADATA").read_bytes()


def metadata_of(path: Path) -> bytes:
    with zipfile.ZipFile(path) as archive:
        (name,) = (item for item in archive.namelist() if item.endswith("METADATA"))
        return archive.read(name)


def refused(settings: Settings | None, capsys: pytest.CaptureFixture[str], code: int = 2) -> str:
    """Return what a refused wheel build prints; it must leave nothing."""
    with pytest.raises(SystemExit) as end:
        build.build_wheel("dist", settings)
    assert end.value.code == code
    assert not Path("dist").is_dir() or list(Path("dist").iterdir()) == []
    return said(capsys).rstrip("\n")


def test_everything_that_hatchling_has_is_there() -> None:
    assert set(build.__all__) == {*hatchling.build.__all__} - {"__all__"}
    assert build.__getattr__("os") is os
    with pytest.raises(AttributeError):
        build.__getattr__("build_rocket")


# One variant, named


@pytest.mark.parametrize("variable", ["", "cpu", "cu12"], ids=["unset", "another", "none that exists"])
def test_the_setting_goes_before_the_variable(project: Path, variable: str) -> None:
    os.environ["CUDAPIN_VARIANT"] = "cu128"
    wanted = wheel()
    os.environ["CUDAPIN_VARIANT"] = variable
    assert wheel({"variant": "cu128"}) == wanted
    assert [path.name for path in (project / "dist").iterdir()] == [CU128]
    assert os.environ["CUDAPIN_VARIANT"] == variable
    assert asked().variant is None


def test_both_backends_make_the_same_wheels(project: Path) -> None:
    mine = {name: wheel(name and {"variant": name}) for name in (None, "cpu", "cu128")}
    (project / "pyproject.toml").write_text(PROJECT, encoding="utf-8")
    for name, content in mine.items():
        os.environ["CUDAPIN_VARIANT"] = name or ""
        assert (project / "dist" / hatchling.build.build_wheel("dist")).read_bytes() == content


def test_a_name_given_twice_is_one_name() -> None:
    assert wheel({"variant": ["cu128", "cu128"]}) == wheel({"variant": "cu128"})


def test_an_sdist_is_the_same_whatever_is_named(project: Path) -> None:
    contents = [
        (project / "dist" / build.build_sdist("dist", settings)).read_bytes()
        for settings in (None, {"variant": "cu128"}, {"variant": "no such"}, {"variant-label": "cu128"})
    ]
    assert len(set(contents)) == 1


def test_requirements_are_those_of_the_named_variant(project: Path) -> None:
    requires = OWN.replace('pin = ["torch"]', 'pin = ["torch"]\nbuild-requires = ["torch"]')
    (project / "pyproject.toml").write_text(requires, encoding="utf-8")
    for name in ("cpu", "cu128"):
        os.environ["CUDAPIN_VARIANT"] = name
        wanted = hatchling.build.get_requires_for_build_wheel()
        assert wanted in ([f"torch==2.9.0+{name}"], [])  # hatchling 1.21 does not ask build hooks
        os.environ["CUDAPIN_VARIANT"] = ""
        assert build.get_requires_for_build_wheel({"variant": name}) == wanted
        more = hatchling.build.get_requires_for_build_editable()[-1:]
        assert build.get_requires_for_build_editable({"variant": name}) == [*wanted, *more]
    assert build.get_requires_for_build_wheel({"variant": "cu12", "x": "y"}) == []
    assert build.get_requires_for_build_sdist({"variant": "cu128", "x": "y"}) == []


# Settings that mean nothing


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        (
            {"varient": "cu128", "o": ""},
            "error[CP112]: there is no config setting `o`\n"
            "  why: `cudapin.build` has the settings `variant`, `variant-label`, and hatchling has none\n"
            "  fix: the names are `variant`, `variant-label`\n"
            "error[CP112]: there is no config setting `varient`\n"
            "  why: `cudapin.build` has the settings `variant`, `variant-label`, and hatchling has none\n"
            "  fix: use `variant`",
        ),
        (
            {"variant": ["cpu", "cu128"]},
            "error[CP112]: the config setting `variant` names several\n"
            "  why: wanted one name, found `cpu`, `cu128`\n"
            "  fix: give `-C variant=NAME` once, or leave it out",
        ),
        (
            {"variant": ""},
            "error[CP112]: the config setting `variant` names nothing\n"
            "  why: wanted one name, found ''\n"
            "  fix: give `-C variant=NAME` once, or leave it out",
        ),
        (
            {"variant-label": ["cpu", 7]},
            "error[CP112]: the config setting `variant-label` names nothing\n"
            "  why: wanted one name, found ['cpu', 7]\n"
            "  fix: give `-C variant-label=NAME` once, or leave it out",
        ),
        (
            {"variant": "cu12"},
            "error[CP104]: no variant `cu12` is declared\n"
            "  why: `-C variant` asks for `cu12`; `[tool.cudapin.variants]` declares `cpu`, `cu128`\n"
            "  fix: use `cu128`; the names are `cpu`, `cu128`, `auto`",
        ),
        (
            {"variant": "cu128", "variant-label": "CU128"},
            "error[CP701]: `CU128` cannot be a variant label\n"
            "  why: a label is lower-case letters, digits, `_` and `.`, since it becomes part of the wheel's file"
            " name\n"
            "  fix: name a label such as `cu128`",
        ),
        (
            {"variant-label": "cu128"},
            "error[CP701]: `cu128` cannot be the label of variant `cpu`\n"
            "  why: `null` is the label of the variant without CUDA and of no other, and this one is of no CUDA;"
            " `cpu` is the default\n"
            "  fix: label it `null`, or name another variant: `-C variant=NAME`",
        ),
        (
            {"variant": "cu128", "variant-label": "null"},
            "error[CP701]: `null` cannot be the label of variant `cu128`\n"
            "  why: `null` is the label of the variant without CUDA and of no other, and this one is of CUDA 12.8;"
            " `cu128` is named by `-C variant`\n"
            "  fix: label it `cu128`, or name another variant: `-C variant=NAME`",
        ),
    ],
    ids=["unknown", "several", "empty", "no name", "no variant", "no label", "label of another", "null"],
)
def test_a_wheel_is_refused(capsys: pytest.CaptureFixture[str], settings: Settings, text: str) -> None:
    assert refused(settings, capsys) == text


def test_an_sdist_is_refused_for_an_unknown_setting(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        build.build_sdist("dist", {"varient": "cpu"})
    assert "there is no config setting `varient`" in said(capsys)
    assert not Path("dist").exists()


def test_an_editable_build_only_warns(capsys: pytest.CaptureFixture[str]) -> None:
    """Uv gives what `[tool.uv] config-settings` says to every package."""
    name = build.build_editable("dist", {"editable_mode": "compat", "variant": "cu128"})
    assert name == "demo-1.2-py2.py3-none-any.whl"
    assert said(capsys) == (
        "warning[CP112]: there is no config setting `editable_mode`\n"
        "  why: `cudapin.build` has the settings `variant`, `variant-label`, and hatchling has none\n"
        "  fix: the names are `variant`, `variant-label`\n"
    )


# Where the build hook does not run


def test_a_backend_without_its_hook_warns(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (project / "pyproject.toml").write_text(WITHOUT_HOOK, encoding="utf-8")
    assert b"cudapin" not in wheel()
    assert said(capsys) == (
        "warning[CP106]: the build backend is `cudapin.build`, and the build hook `cudapin` is not configured\n"
        "  --> pyproject.toml:3 (build-system.build-backend)\n"
        "  why: without `[tool.hatch.build.hooks.cudapin]` nothing is checked, and every build is a plain one\n"
        "  fix: add `[tool.hatch.build.hooks.cudapin]`, after the tables of other build hooks\n"
    )


def test_a_variant_without_the_hook_is_refused(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (project / "pyproject.toml").write_text(WITHOUT_HOOK, encoding="utf-8")
    assert refused({"variant": "cu128"}, capsys) == (
        "error[CP106]: `-C variant=cu128` asks for a variant, and the build hook `cudapin` is not configured\n"
        "  --> pyproject.toml (tool.hatch.build.hooks.cudapin)\n"
        "  why: without the hook the wheel would be a plain one\n"
        "  fix: add `[tool.hatch.build.hooks.cudapin]`, after the tables of other build hooks"
    )


def test_a_variant_with_hooks_off_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    os.environ["HATCH_BUILD_NO_HOOKS"] = "1"
    wheel()
    assert said(capsys) == ""  # the user said so
    for path in Path("dist").iterdir():
        path.unlink()
    assert refused({"variant-label": "cu128"}, capsys) == (
        "error[CP106]: `-C variant-label=cu128` asks for a variant, and the build hook `cudapin` is switched off by"
        " `HATCH_BUILD_NO_HOOKS`\n"
        "  --> pyproject.toml:23 (tool.hatch.build.hooks.cudapin)\n"
        "  why: without the hook the wheel would be a plain one\n"
        "  fix: unset HATCH_BUILD_NO_HOOKS"
    )


def test_a_variant_with_the_hook_not_enabled_is_refused(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (project / "pyproject.toml").write_text(f"{OWN}enable-by-default = false\n", encoding="utf-8")
    wheel()
    assert said(capsys) == ""
    for path in Path("dist").iterdir():
        path.unlink()
    assert refused({"variant": "cpu"}, capsys).splitlines()[::3] == [
        "error[CP106]: `-C variant=cpu` asks for a variant, and the build hook `cudapin` is not enabled",
        "  fix: remove `enable-by-default`, or set HATCH_BUILD_HOOK_ENABLE_CUDAPIN=1",
    ]
    os.environ["HATCH_BUILD_HOOK_ENABLE_CUDAPIN"] = "1"
    wheel({"variant": "cpu"})


def test_cudapin_off_is_a_plain_wheel(capsys: pytest.CaptureFixture[str]) -> None:
    os.environ["CUDAPIN"] = "off"
    assert wheel({"variant": "cu128"}) == wheel()
    assert metadata({"variant": "cu128"}) == metadata_of(Path("dist", "demo-1.2-py2.py3-none-any.whl"))
    capsys.readouterr()
    Path("dist", "demo-1.2-py2.py3-none-any.whl").unlink()
    assert refused({"variant": "cu128", "variant-label": "cu128"}, capsys) == (
        "error[CP106]: `-C variant-label=cu128` asks for a wheel of a variant, and `CUDAPIN=off` for a plain one\n"
        "  why: a label says which variant a wheel is of\n"
        "  fix: unset CUDAPIN, or leave `variant-label` out"
    )


def test_a_project_without_variants(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table, _, hook = OWN.partition("[tool.cudapin]")
    text = f"{table}[tool.cudapin]\nlock = false\n{hook[hook.index('[tool.hatch') :]}"
    (project / "pyproject.toml").write_text(text, encoding="utf-8")
    wheel({"variant": "cu128"})
    assert said(capsys).splitlines()[0] == (
        "cudapin: this project declares no variants, so `-C variant` changes nothing"
    )
    Path("dist", "demo-1.2-py2.py3-none-any.whl").unlink()
    assert refused({"variant-label": "cu128"}, capsys) == (
        "error[CP701]: `-C variant-label=cu128` asks for a wheel of a variant, and the project declares none\n"
        "  why: wanted `[tool.cudapin.variants]`, found none\n"
        "  fix: declare a variant, or leave `variant-label` out"
    )


def test_check_says_it_too(project: Path) -> None:
    """`cudapin check`: an error where variants are declared, else the warning of the build."""

    def found(text: str) -> list[str]:
        (project / "pyproject.toml").write_text(text, encoding="utf-8")
        problems = judge_static(open_gate(project, {}))
        return [render_problem(problem).partition("\n")[0] for problem in problems if problem.code.name == "CP106"]

    assert found(OWN) == []
    assert found(WITHOUT_HOOK) == ["error[CP106]: variants are declared, and the build hook `cudapin` is not"]
    assert found(WITHOUT_HOOK.partition("[tool.cudapin]")[0]) == [
        "warning[CP106]: the build backend is `cudapin.build`, and the build hook `cudapin` is not configured"
    ]
    assert found(PROJECT.partition("[tool.cudapin]")[0]) == []


def test_the_mend_of_a_lock_needs_no_off(project: Path) -> None:
    """Where dependencies are dynamic, making the lock anew asks the backend for them."""
    dynamic = 'version = "1.2"\ndynamic = ["optional-dependencies"]'
    for text, fix in ((OWN, "uv pip compile"), (PROJECT, "CUDAPIN=off uv pip compile")):
        pyproject = text.replace('version = "1.2"', dynamic).replace(
            text[text.index("[project.opt") : text.index("[tool.c")], ""
        )
        write(project, {**STALE_CPU, "pyproject.toml": pyproject})
        problems = open_gate(project, {}).judge_lock("locks/cpu.txt").problems
        assert [problem.fix.split(" pyproject")[0] for problem in problems] == [fix]


# Labels


@pytest.mark.parametrize(("variant", "label", "tag"), [("cpu", "null", "any"), ("cu128", "x", "manylinux_2_17_x86_64")])
def test_a_labelled_wheel(project: Path, variant: str, label: str, tag: str) -> None:
    """Of the plain version, stamped as the variant is; also the default's extra is folded. What lies there stays."""
    plain = project / "dist" / f"demo-1.2-py2.py3-none-{tag}.whl"
    write(project, {f"dist/{plain.name}": "a plain wheel from before"})
    settings = {"variant": variant, "variant-label": label}
    content = wheel(settings)
    assert plain.read_text(encoding="utf-8") == "a plain wheel from before"
    made = plain.with_name(f"{plain.stem}-{label}.whl")
    assert sorted(path.name for path in (project / "dist").iterdir()) == sorted([plain.name, made.name])
    text = metadata_of(made).decode()
    assert "Version: 1.2\n" in text
    assert "Requires-Dist: torch==2.9.0\n" in text
    assert metadata(settings) == metadata_of(made)
    with zipfile.ZipFile(made) as archive:
        assert b'"spelling": "none"' in archive.read("demo-1.2.dist-info/extra_metadata/cudapin.json")
        assert "demo-1.2.dist-info/variant.json" in archive.namelist()
    assert wheel(settings) == content


def test_a_labelled_wheel_has_the_projects_own_name(project: Path) -> None:
    (project / "pyproject.toml").write_text(OWN.replace("pin =", 'name = "demo-{variant}"\npin ='), encoding="utf-8")
    names = [
        build.build_wheel("dist", settings)
        for settings in ({"variant": "cu128"}, {"variant": "cu128", "variant-label": "a"})
    ]
    assert names == [
        "demo_cu128-1.2-py2.py3-none-manylinux_2_17_x86_64.whl",
        "demo-1.2-py2.py3-none-manylinux_2_17_x86_64-a.whl",
    ]


# Metadata alone


@pytest.mark.parametrize("pip", [False, True], ids=["uv", "pip"])
@pytest.mark.parametrize("settings", [None, {"variant": "cpu"}, {"variant": "cu128"}], ids=str)
@pytest.mark.parametrize(
    "text",
    [
        OWN,
        OWN.replace('version = "1.2"', 'dynamic = ["version"]')
        + ("[tool.hatch.version]\npath = 'demo/__init__.py'\n[tool.hatch.metadata.hooks.cudapin]\n"),
    ],
    ids=["static", "dynamic"],
)
def test_metadata_is_that_of_the_wheel(project: Path, text: str, settings: Settings | None, pip: bool) -> None:  # noqa: FBT001
    write(project, {"pyproject.toml": text, "demo/__init__.py": "__version__ = '1.2'\n"})
    if pip:
        os.environ["PIP_BUILD_TRACKER"] = "x"
    found = metadata(settings)
    wheel(settings)
    (made,) = Path("dist").iterdir()
    assert found == metadata_of(made)
    assert (b"+cu128" in found) is (settings == {"variant": "cu128"})


def test_hatch_sees_the_project_and_not_a_wheel() -> None:
    os.environ.update(CUDAPIN_VARIANT="cu128", HATCH_ENV_ACTIVE="hatch-build")
    plain = metadata()
    assert b"\nVersion: 1.2\n" in plain
    assert b"numpy>=1\n" in plain
    assert b"torch==" not in plain
    os.environ["PIP_BUILD_TRACKER"] = "x"
    assert b"\nVersion: 1.2+cu128\n" in metadata(folder="by-pip")


@pytest.mark.parametrize("files", [STALE_CPU, {**ADDING, **STALE_CPU, "pyproject.toml": ADDING["pyproject.toml"]}])
@pytest.mark.parametrize("pip", [False, True], ids=["uv", "pip"])
def test_metadata_is_never_refused(
    project: Path,
    capsys: pytest.CaptureFixture[str],
    pip: bool,  # noqa: FBT001
    files: Mapping[str, str | bytes],
) -> None:
    own = files["pyproject.toml"] if "hatch_build.py" in files else OWN
    write(project, {**files, "pyproject.toml": own})
    if pip:
        os.environ["PIP_BUILD_TRACKER"] = "x"
    assert b"Requires-Dist: numpy>=1\n" in metadata()
    assert b"Version: 1.2\n" in metadata({"variant": "cu12", "x": ""}, folder="wrong")
    assert said(capsys) == ""
    assert STALE_TEXT.partition("\n")[0] in refused(None, capsys, 1)


@pytest.mark.parametrize("settings", [None, {"variant": "cu128"}, {"variant": "cu128", "variant-label": "a"}], ids=str)
def test_pip_sees_what_a_hook_adds_and_builds_once(project: Path, settings: Settings | None) -> None:
    """Hatchling leaves the hook for metadata out under pip, so that a wheel is built for them; so it is here."""
    write(project, ADDING)
    assert b"iniconfig" not in metadata(settings, folder="by-uv")
    os.environ["PIP_BUILD_TRACKER"] = "x"
    Path("by-pip").mkdir()
    name = build.prepare_metadata_for_build_wheel("by-pip", settings)
    found = (project / "by-pip" / name / "METADATA").read_bytes()
    assert b"Requires-Dist: iniconfig\n" in found
    (project / "hatch_build.py").write_text("a second build would fail", encoding="utf-8")
    if settings is None or "variant-label" not in settings:
        (project / "dist").mkdir()
        wheel(settings, metadata_directory=f"by-pip/{name}")
        (made,) = (project / "dist").iterdir()
        assert found == metadata_of(made)
    else:
        assert [path.name for path in Path("by-pip").iterdir()] == [name]


def test_uv_sees_what_a_hook_adds_to_dynamic_dependencies(project: Path) -> None:
    text = str(ADDING["pyproject.toml"]).replace('dependencies = ["numpy>=1"]', 'dynamic = ["dependencies"]')
    hook = (
        "\nfrom hatchling.metadata.plugin.interface import MetadataHookInterface as M\nclass H(M):\n"
        "    def update(self, metadata):\n        metadata['dependencies'] = ['numpy>=1']\n"
    )
    text += '[tool.hatch.metadata.hooks.custom]\npath = "hatch_meta.py"\n'
    write(project, {**ADDING, "pyproject.toml": text, "hatch_meta.py": hook})
    os.environ["CUDAPIN_ALLOW"] = "CP206"
    assert b"Requires-Dist: iniconfig\n" in metadata()
    Path("editable").mkdir()
    name = build.prepare_metadata_for_build_editable("editable", {"x": "y"})
    assert b"Requires-Dist: iniconfig\n" in Path("editable", name, "METADATA").read_bytes()


def test_another_hook_that_ends_a_build_ends_it(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What cudapin refuses is the only thing that metadata alone do not care for."""
    write(project, {**ADDING, "pyproject.toml": str(ADDING["pyproject.toml"]).replace('"1.2"', '"9"')})
    os.environ["PIP_BUILD_TRACKER"] = "x"
    with pytest.raises(SystemExit) as end:
        metadata()
    assert end.value.code == 3
    assert said(capsys) == "not today\n"


def test_a_late_refusal_leaves_metadata_alone(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Another hook puts a file of another kind into the wheel: seen only when the others have run."""
    hook = ADDING_HOOK.replace('["dependencies"].append("iniconfig")', ".update(infer_tag=True)")
    text = str(ADDING["pyproject.toml"]).replace("arch =", 'platforms = ["any"]\narch =')
    write(project, {**ADDING, "hatch_build.py": hook, "pyproject.toml": text})
    os.environ["PIP_BUILD_TRACKER"] = "x"
    assert b"Version: 1.2+cu128\n" in metadata({"variant": "cu128"})
    assert [path.name for path in Path("asked").iterdir()] == ["demo-1.2+cu128.dist-info"]
    lines = said(capsys).splitlines()
    assert lines[1] == "error[CP106]: `platforms` of variant `cu128` is `any`, and the wheel has compiled files"
    assert lines[-1] == "cudapin: a wheel would be refused as said above; its metadata alone are not"


def test_an_editable_read_is_that_of_hatchling() -> None:
    Path("asked").mkdir()
    name = build.prepare_metadata_for_build_editable("asked", {"variant": "cu128", "x": "y"})
    Path("hatchling").mkdir()
    assert name == hatchling.build.prepare_metadata_for_build_editable("hatchling")
    assert Path("asked", name, "METADATA").read_bytes() == Path("hatchling", name, "METADATA").read_bytes()


def test_for_pip_the_editable_read_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_BUILD_TRACKER", "x")
    try:
        with monkeypatch.context() as patch:
            patch.delattr(hatchling.build, "prepare_metadata_for_build_editable")
            patch.delattr(build, "prepare_metadata_for_build_editable")
            importlib.reload(build)
            assert not hasattr(build, "prepare_metadata_for_build_editable")
            assert hasattr(build, "prepare_metadata_for_build_wheel")
    finally:
        importlib.reload(build)
