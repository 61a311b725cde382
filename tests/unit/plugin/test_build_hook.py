"""The build hook, called as hatchling calls it, with an application that only remembers."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest
from hatchling.builders.sdist import SdistBuilder
from hatchling.builders.wheel import WheelBuilder
from hatchling.plugin.manager import PluginManager

from cudapin.plugin.build_hook import CudapinBuildHook
from unit.support import PROJECT, STALE_CPU, STALE_TEXT, VARIANTS, write

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the platform tags are those of Linux")


class App:
    """Remembers what is shown; `abort` ends the build as hatchling's does."""

    def __init__(self) -> None:
        self.shown: list[str] = []

    def display_warning(self, text: str) -> None:
        self.shown.append(f"warning: {text}")

    def display_info(self, text: str) -> None:
        self.shown.append(f"info: {text}")

    def abort(self, text: str, code: int = 1) -> None:
        self.shown.append(f"abort {code}: {text}")
        raise SystemExit(code)


class Build:
    """One build of one target in `root`."""

    def __init__(self, root: Path, target: str = "wheel") -> None:
        kind = WheelBuilder if target == "wheel" else SdistBuilder
        self.builder: Any = kind(str(root), plugin_manager=PluginManager())
        self.app = App()
        self.dist = root / "dist"
        metadata, config = self.builder.metadata, self.builder.config
        self.hook = CudapinBuildHook(str(root), {}, config, metadata, str(self.dist), target, self.app)
        defaults = self.builder.get_default_build_data()
        self.data: dict[str, Any] = {
            "artifacts": [],
            "force_include": {},
            **defaults,
            "build_hooks": ("cudapin", "other"),
        }

    def start(self, version: str = "standard") -> None:
        self.hook.initialize(version, self.data)

    def refuse(self, version: str = "standard") -> str:
        with pytest.raises(SystemExit):
            self.start(version)
        return self.app.shown[-1]

    def record(self) -> dict[str, Any]:
        ((path, name),) = self.data["extra_metadata"].items()
        assert name == "cudapin.json"
        found: dict[str, Any] = json.loads(Path(path).read_text(encoding="utf-8"))
        return found


def left(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name.startswith("cudapin"))


def test_a_wheel_of_a_variant(tmp_path: Path, clean_environment: Path) -> None:
    os.environ["CUDAPIN_VARIANT"] = "cu128"
    build = Build(write(tmp_path, VARIANTS))
    assert os.environ["CUDAPIN_CUDA_VERSION"] == "12.8"
    build.start()
    core = build.builder.metadata.core
    assert (build.builder.metadata.version, core.dependencies) == ("1.2+cu128", ["numpy>=1", "torch==2.9.0"])
    assert core.optional_dependencies == {"cu128": []}
    assert "Environment :: GPU :: NVIDIA CUDA :: 12" in core.classifiers
    assert build.data["pure_python"] is False
    assert build.data["tag"].startswith("py2.py3-none-manylinux_2_17_")
    record = build.record()
    assert (record["variant"], record["cuda"], record["arch"], record["spelling"]) == (
        "cu128",
        "12.8",
        ["9.0"],
        "local",
    )
    assert record["locked"] == {"torch": "2.9.0+cu128"}
    assert {key: record["lock"][key] for key in ("path", "format", "verdict")} == {
        "path": "locks/cu128.txt",
        "format": "requirements",
        "verdict": "fresh",
    }
    assert record["waived"] == []
    assert str(tmp_path) not in json.dumps(record)
    assert build.app.shown == ["info: cudapin: variant cu128 (CUDA 12.8; named by CUDAPIN_VARIANT)"]
    build.hook.finalize("standard", build.data, str(build.dist / "x.whl"))
    assert left(clean_environment) == []


def test_the_unspelled_default(tmp_path: Path) -> None:
    build = Build(write(tmp_path, VARIANTS))
    build.start()
    metadata = build.builder.metadata
    assert (metadata.version, metadata.core.dependencies) == ("1.2", ["numpy>=1"])
    assert metadata.core.optional_dependencies == {"cpu": ["torch==2.9.0"], "cu128": ["torch>=2.9"]}
    assert (build.data["pure_python"], build.data.get("tag")) == (True, None)
    assert build.app.shown == ["info: cudapin: variant cpu (no CUDA; the default)"]


def test_a_stale_lock_refuses_a_wheel(tmp_path: Path, clean_environment: Path) -> None:
    assert Build(write(tmp_path, STALE_CPU)).refuse() == f"abort 1: {STALE_TEXT}"
    assert left(clean_environment) == []


def test_every_lock_is_judged_for_an_sdist(tmp_path: Path) -> None:
    os.environ["CUDAPIN_VARIANT"] = "cu128"
    assert Build(write(tmp_path, STALE_CPU), "sdist").refuse() == f"abort 1: {STALE_TEXT}"


def test_a_lock_of_a_variant_that_exists_elsewhere_is_judged_for_an_sdist(tmp_path: Path) -> None:
    text = PROJECT.replace("arch =", "environments = [\"sys_platform == 'win32'\"]\narch =")
    files = {**VARIANTS, "pyproject.toml": text, "locks/cu128.txt": "torch>=2\n"}
    assert "`locks/cu128.txt` is no lock file" in Build(write(tmp_path, files), "sdist").refuse()


def test_an_sdist_carries_its_locks_and_a_seal(tmp_path: Path) -> None:
    build = Build(write(tmp_path, VARIANTS), "sdist")
    build.start()
    assert build.app.shown == []
    found = {target: Path(path) for path, target in build.data["force_include"].items() if target != "pyproject.toml"}
    assert sorted(found) == ["cudapin.seal.json", "locks/cpu.txt", "locks/cu128.txt"]
    assert sorted(json.loads(found["cudapin.seal.json"].read_text())["files"]) == ["locks/cpu.txt", "locks/cu128.txt"]
    assert build.builder.metadata.version == "1.2"
    assert "CUDAPIN_VARIANT" not in os.environ


@pytest.mark.parametrize(
    ("files", "code", "expected"),
    [
        (
            {"locks/cpu.txt": "torch>=2\n"},
            3,
            "error[CP205]: `locks/cpu.txt` is no lock file\n"
            "  --> locks/cpu.txt\n"
            "  why: wanted a lock file of uv, poetry or pdm, a `pylock.toml`, or requirements with hashes; "
            "no line pins a version\n"
            "  fix: uv pip compile pyproject.toml --extra cpu --universal --generate-hashes -o locks/cpu.txt",
        ),
        ({"pyproject.toml": PROJECT.replace("pin =", "pni =")}, 2, "error[CP102]: `tool.cudapin` has no key `pni`"),
        (
            {"pyproject.toml": PROJECT.replace('pin = ["torch"]', 'pin = ["jax"]')},
            2,
            "error[CP107]: `pin` names `jax`, which no variant selects from its lock",
        ),
        ({"locks/cpu.txt": VARIANTS["locks/cu128.txt"]}, 1, "error[CP304]: `torch` of variant `cpu`"),
    ],
)
def test_exit_codes_of_refusals(tmp_path: Path, files: dict[str, str | bytes], code: int, expected: str) -> None:
    shown = Build(write(tmp_path, {**VARIANTS, **files})).refuse()
    assert shown.startswith(f"abort {code}: ")
    assert expected in shown


def test_an_editable_build_is_warned_and_never_refused(tmp_path: Path) -> None:
    build = Build(write(tmp_path, STALE_CPU))
    build.start("editable")
    note = "  note: an editable build is never refused; a wheel would be"
    assert build.app.shown == [f"warning: {STALE_TEXT.replace('error[', 'warning[')}\n{note}"]
    assert (build.builder.metadata.version, build.data["extra_metadata"]) == ("1.2", {})


def test_switched_off(tmp_path: Path) -> None:
    os.environ["CUDAPIN"] = "off"
    build = Build(write(tmp_path, STALE_CPU))
    build.start()
    assert build.app.shown == ["warning: cudapin: CUDAPIN=off: no gate, no stamp, a plain wheel"]
    assert build.record()["variant"] is None
    assert build.record()["settings"] == {"CUDAPIN": "off"}
    assert build.hook.dependencies() == []
    sdist = Build(tmp_path, "sdist")
    sdist.start()
    assert sdist.app.shown == ["warning: cudapin: CUDAPIN=off: this sdist is not judged"]
    assert "cudapin.seal.json" not in sdist.data["force_include"].values()


def test_a_switch_that_means_nothing(tmp_path: Path) -> None:
    os.environ["CUDAPIN"] = "of"
    assert Build(write(tmp_path, VARIANTS)).refuse() == (
        "abort 2: error[CP108]: `CUDAPIN` has a value that means nothing\n"
        "  why: wanted `off` or nothing, found `of`\n"
        "  fix: unset CUDAPIN, or set it to `off`"
    )


def test_a_waiver_for_one_run(tmp_path: Path) -> None:
    os.environ["CUDAPIN_ALLOW"] = "CP201"
    build = Build(write(tmp_path, STALE_CPU))
    build.start()
    what = "`locks/cpu.txt` does not pin what `project.dependencies` asks for"
    assert f"warning: cudapin: waived CP201: {what} (CUDAPIN_ALLOW)" in build.app.shown
    assert build.record()["waived"] == [{"code": "CP201", "reason": "CUDAPIN_ALLOW"}]
    assert build.record()["settings"]["CUDAPIN_ALLOW"] == "CP201"


def test_a_waiver_of_no_code(tmp_path: Path) -> None:
    os.environ["CUDAPIN_ALLOW"] = "CP90O"
    assert Build(write(tmp_path, STALE_CPU)).refuse() == (
        "abort 2: error[CP108]: `CUDAPIN_ALLOW` has a value that means nothing\n"
        "  why: wanted codes such as `CP201,CP305`, found `CP90O`\n"
        "  fix: use `CP900`"
    )


def test_an_expired_waiver(tmp_path: Path) -> None:
    text = PROJECT + '[[tool.cudapin.allow]]\ncode = "CP201"\nreason = "later"\nuntil = 2020-01-31\n'
    assert Build(write(tmp_path, {**STALE_CPU, "pyproject.toml": text})).refuse() == (
        f"abort 2: {STALE_TEXT}\n"
        "error[CP109]: the waiver for CP201 has expired\n"
        "  --> pyproject.toml:27 (tool.cudapin.allow.0.until)\n"
        "  why: it was given until 2020-01-31\n"
        "  fix: mend what it waived, or give it a new date"
    )


def test_another_hook_that_changes_the_tag_afterwards(tmp_path: Path) -> None:
    build = Build(write(tmp_path, VARIANTS))
    wheel = build.dist / "demo-1.2-py3-none-any.whl"
    write(build.dist, {wheel.name: "older", "demo-1.1-py3-none-any.whl": "old"})
    build.start()
    wheel.unlink()
    wheel.write_text("refused")
    build.data["tag"] = "cp312-cp312-linux_x86_64"
    with pytest.raises(SystemExit):
        build.hook.finalize("standard", build.data, str(wheel))
    assert build.app.shown[-1] == (
        "abort 1: error[CP111]: another build hook changed the wheel tag after `cudapin` had judged the wheel\n"
        "  why: `cudapin` must run last; the other hooks are `other`\n"
        "  fix: put `[tool.hatch.build.targets.wheel.hooks.cudapin]` after the tables of the other hooks"
    )
    assert {path.name: path.read_text() for path in build.dist.iterdir()} == {
        wheel.name: "older",
        "demo-1.1-py3-none-any.whl": "old",
    }


def test_a_refused_wheel_leaves_nothing_where_there_was_nothing(tmp_path: Path) -> None:
    build = Build(write(tmp_path, VARIANTS))
    build.start()
    write(build.dist, {"demo-1.2-py3-none-any.whl": "refused"})
    build.data["infer_tag"] = True
    with pytest.raises(SystemExit):
        build.hook.finalize("standard", build.data, str(build.dist / "demo-1.2-py3-none-any.whl"))
    assert list(build.dist.iterdir()) == []


@pytest.mark.parametrize(
    ("requires", "expected"),
    [([], []), (["numpy"], ["numpy==2.0"]), (["numpy", "gone"], ["numpy==2.0"])],
)
def test_build_requirements(tmp_path: Path, requires: list[str], expected: list[str]) -> None:
    text = PROJECT.replace("arch =", f"build-requires = {json.dumps(requires)}\narch =")
    os.environ["CUDAPIN_VARIANT"] = "cu128"
    assert Build(write(tmp_path, {**VARIANTS, "pyproject.toml": text})).hook.dependencies() == expected


@pytest.mark.parametrize("broken", ["torch>=2\n", None])
def test_build_requirements_of_a_lock_that_cannot_be_used(tmp_path: Path, broken: str | None) -> None:
    text = PROJECT.replace('pin = ["torch"]', 'build-requires = ["torch"]')
    build = Build(write(tmp_path, {**VARIANTS, "pyproject.toml": text, "locks/cpu.txt": broken or ""}))
    assert build.hook.dependencies() == []
    assert Build(tmp_path, "sdist").hook.dependencies() == []


def test_a_locked_build_requirement_that_is_not_installed(tmp_path: Path) -> None:
    text = PROJECT.replace('pin = ["torch"]', 'build-requires = ["torch"]')
    shown = Build(write(tmp_path, {**VARIANTS, "pyproject.toml": text})).refuse()
    assert shown == (
        "abort 1: error[CP401]: the build environment does not hold the locked `torch 2.9.0+cpu`\n"
        "  --> locks/cpu.txt:5 (torch)\n"
        "  why: the lock pins `torch 2.9.0+cpu`, it is not installed\n"
        "  fix: build in a fresh isolated environment (without `--no-isolation` or `--no-build-isolation`)"
    )


def test_hatch_names_the_environment_to_remove(tmp_path: Path) -> None:
    os.environ["HATCH_ENV_ACTIVE"] = "hatch-build"
    text = PROJECT.replace('pin = ["torch"]', 'build-requires = ["torch"]')
    assert (
        Build(write(tmp_path, {**VARIANTS, "pyproject.toml": text}))
        .refuse()
        .endswith("  fix: hatch env remove hatch-build")
    )


def test_a_wrong_toolkit_refuses_a_compiled_wheel_only(tmp_path: Path) -> None:
    os.environ |= {"CUDAPIN_VARIANT": "cu128", "CUDA_HOME": str(tmp_path / "cuda")}
    files = {**VARIANTS, "cuda/version.json": '{"cuda": {"version": "13.0"}}'}
    Build(write(tmp_path, files)).start()
    build = Build(tmp_path)
    build.data["infer_tag"] = True
    assert build.refuse().startswith("abort 1: error[CP404]: the toolkit that `CUDA_HOME` names is CUDA 13.0\n")


def test_the_toolkit_of_an_editable_build_with_compiled_files_is_warned_of(tmp_path: Path) -> None:
    os.environ |= {"CUDAPIN_VARIANT": "cu128", "CUDA_HOME": str(tmp_path / "cuda")}
    build = Build(write(tmp_path, {**VARIANTS, "cuda/version.json": '{"cuda": {"version": "13.0.1"}}'}))
    build.start("editable")
    assert "CP404" not in " ".join(build.app.shown)
    build.data["infer_tag"] = True
    build.start("editable")
    assert build.app.shown[-1].startswith("warning: warning[CP404]: the toolkit that `CUDA_HOME` names is CUDA 13.0\n")


def test_an_nvcc_on_the_path_is_recorded_as_such(tmp_path: Path) -> None:
    nvcc = tmp_path / "tools" / "nvcc"
    write(tmp_path, {"tools/nvcc": "#!/bin/sh\necho 'Cuda compilation tools, release 12.6, V12.6.85'\n"})
    nvcc.chmod(0o755)
    os.environ |= {"CUDAPIN_VARIANT": "cu128", "PATH": f"{nvcc.parent}:/bin:/usr/bin"}
    for name in ("CUDA_HOME", "CUDA_PATH", "CUDACXX"):
        os.environ.pop(name, None)
    build = Build(write(tmp_path / "project", {**VARIANTS, "demo/x.cu": ""}))
    build.data["infer_tag"] = True
    build.data["pure_python"] = False
    build.start()
    assert any("warning[CP405]: the `nvcc` on PATH is of CUDA 12.6\n" in text for text in build.app.shown)
    recorded = build.record()["build"]
    assert (recorded["nvcc"], recorded["nvcc_from"]) == ("12.6", "PATH")


def test_compiled_files_and_any_platform(tmp_path: Path) -> None:
    text = PROJECT.replace("arch =", 'platforms = ["any"]\narch =')
    os.environ["CUDAPIN_VARIANT"] = "cu128"
    build = Build(write(tmp_path, {**VARIANTS, "pyproject.toml": text}))
    build.data["pure_python"] = False
    assert build.refuse() == (
        "abort 2: error[CP106]: `platforms` of variant `cu128` is `any`, and the wheel has compiled files\n"
        "  --> pyproject.toml:21 (tool.cudapin.variants.cu128.platforms)\n"
        "  why: compiled files run on one platform only; another build hook says that there are some\n"
        "  fix: remove `platforms` from `[tool.cudapin.variants.cu128]`"
    )


def test_a_gate_without_variants(tmp_path: Path) -> None:
    text = PROJECT.partition("[tool.cudapin]")[0] + '[tool.cudapin]\nlock = "locks/cpu.txt"\n'
    build = Build(write(tmp_path, {**VARIANTS, "pyproject.toml": text}))
    build.start()
    assert (build.app.shown, build.data["extra_metadata"], build.builder.metadata.version) == ([], {}, "1.2")


def test_another_target_is_left_alone(tmp_path: Path) -> None:
    build = Build(write(tmp_path, STALE_CPU))
    build.hook._BuildHookInterface__target_name = "custom"  # type: ignore[attr-defined]
    build.start()
    assert (build.app.shown, build.data["extra_metadata"]) == ([], {})


def test_an_error_of_ours_leaves_no_files(tmp_path: Path, clean_environment: Path) -> None:
    build = Build(write(tmp_path, VARIANTS))
    del build.data["extra_metadata"]
    assert build.refuse().startswith("abort 70: ")
    assert left(clean_environment) == []


def test_the_stamp_ends_with_its_wheel(tmp_path: Path) -> None:
    """hatchling hands one metadata object to all targets of a run; an sdist after the wheel must not be stamped."""
    os.environ["CUDAPIN_VARIANT"] = "cu128"
    build = Build(write(tmp_path, VARIANTS))
    build.start()
    build.hook.finalize("standard", build.data, str(build.dist / "x.whl"))
    metadata = build.builder.metadata
    assert (metadata.version, sorted(metadata.core.optional_dependencies)) == ("1.2", ["cpu", "cu128"])
    assert os.environ["CUDAPIN_VARIANT"] == "cu128"
    assert "CUDAPIN_CUDA_VERSION" not in os.environ


def test_a_refusal_takes_back_what_it_told_others(tmp_path: Path) -> None:
    Build(write(tmp_path, STALE_CPU)).refuse()
    assert not [name for name in os.environ if name.startswith("CUDAPIN")]


def test_compiled_files_are_judged_whatever_the_hooks_say(tmp_path: Path) -> None:
    toolkit = write(tmp_path / "toolkit", {"version.json": '{"cuda": {"version": "11.8.0"}}'})
    os.environ |= {"CUDAPIN_VARIANT": "cu128", "CUDA_HOME": str(toolkit)}
    Build(write(tmp_path / "pure", {**VARIANTS, "demo/__init__.py": ""})).start()
    files = {**VARIANTS, "demo/__init__.py": "", "demo/_x.cpython-311-x86_64-linux-gnu.so": ""}
    assert "the toolkit that `CUDA_HOME` names is CUDA 11.8" in Build(write(tmp_path / "compiled", files)).refuse()


def test_the_toolkit_is_judged_without_a_lock_gate(tmp_path: Path) -> None:
    toolkit = write(tmp_path / "toolkit", {"version.json": '{"cuda": {"version": "11.8.0"}}'})
    os.environ |= {"CUDAPIN_VARIANT": "cu128", "CUDA_HOME": str(toolkit)}
    text = PROJECT.replace('lock = "locks/{variant}.txt"', "lock = false").replace('pin = ["torch"]\n', "")
    assert "lock = false" in text
    build = Build(write(tmp_path / "project", {"pyproject.toml": text, "demo/__init__.py": ""}))
    build.data["infer_tag"] = True
    assert "the toolkit that `CUDA_HOME` names is CUDA 11.8" in build.refuse()


def test_binaries_that_a_later_hook_adds_refuse_the_wheel(tmp_path: Path) -> None:
    import zipfile

    build = Build(write(tmp_path, {**VARIANTS, "demo/__init__.py": ""}))
    build.start()
    build.dist.mkdir()
    artifact = build.dist / "demo-1.2-py3-none-any.whl"
    with zipfile.ZipFile(artifact, "w") as wheel:
        wheel.writestr("demo/_x.so", "")
    with pytest.raises(SystemExit):
        build.hook.finalize("standard", build.data, str(artifact))
    assert "error[CP111]: another build hook changed the wheel tag" in build.app.shown[-1]
    assert list(build.dist.iterdir()) == []


def test_a_linked_lock_is_carried_itself(tmp_path: Path) -> None:
    real = write(tmp_path / "elsewhere", {"cpu.txt": VARIANTS["locks/cpu.txt"]}) / "cpu.txt"
    root = write(tmp_path / "project", VARIANTS)
    (root / "locks" / "cpu.txt").unlink()
    (root / "locks" / "cpu.txt").symlink_to(real)
    build = Build(root, "sdist")
    build.start()
    assert build.data["force_include"][str(real.resolve())] == "locks/cpu.txt"


def test_a_variant_asked_of_a_project_without_any(tmp_path: Path) -> None:
    os.environ["CUDAPIN_VARIANT"] = "cu128"
    text = '[project]\nname = "demo"\nversion = "1"\n[tool.cudapin]\nlock = false\n'
    build = Build(write(tmp_path, {"pyproject.toml": text, "demo/__init__.py": ""}))
    build.start()
    assert build.app.shown == [
        "warning: cudapin: this project declares no variants, so CUDAPIN_VARIANT changes nothing"
    ]
