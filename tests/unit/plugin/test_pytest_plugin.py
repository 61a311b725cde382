"""The pytest plugin on small suites: what it prints, skips and reports, and where it keeps out."""

from __future__ import annotations

import json
import re
import sys
from textwrap import dedent
from typing import TYPE_CHECKING, Any

import pytest

from cudapin.adapters import machine as machine_module
from cudapin.core.cuda import parse_cuda
from cudapin.core.machine import Gpu, Machine

if TYPE_CHECKING:
    from pathlib import Path

pytest_plugins = ("pytester",)

_PLUGIN = ("-p", "cudapin.plugin.pytest_plugin", "-p", "no:cacheprovider", "-p", "no:xdist", "-p", "no:randomly")
_PLUGIN += ("-p", "no:hypothesispytest")  # its summary imports all of Hypothesis again in each run
_DROPPED = ("platform ", "rootdir: ", "configfile: ", "plugins: ", "cachedir: ")
_CELL = {
    "CUDAPIN_CELL": "hatch-test.py3.12-cu126",
    "CUDAPIN_VARIANT": "cu126",
    "CUDAPIN_CUDA_VERSION": "12.6",
    "CUDAPIN_LOCK_VERDICT": "fresh",
}
_NO_GPU = {"CUDAPIN_DRIVER_VERSION": "", "CUDAPIN_GPU_ARCH": ""}
_FAKE_GPU = {"CUDAPIN_DRIVER_VERSION": "570.86.10", "CUDAPIN_GPU_ARCH": "9.0"}
_H200 = Gpu(name="NVIDIA H200", arch="9.0", memory_mib=143771)
_T4 = Gpu(name="Tesla T4", arch="7.5", memory_mib=15360)
_SUITE = """
    import pytest

    @pytest.mark.gpu
    def test_on_gpu():
        pass

    def test_anywhere():
        pass
"""
_ONE = """
    import pytest

    @pytest.mark.gpu({0})
    def test_it():
        pass
"""


class Bench:
    """A folder with a suite, run in this process."""

    def __init__(self, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
        self.pytester = pytester
        self._monkeypatch = monkeypatch
        self.code = 0

    def run(self, suite: str, *options: str, **environ: str) -> str:
        """Return all that pytest prints but for its own header, empty lines and times."""
        for name, value in environ.items():
            self._monkeypatch.setenv(name, value)
        self.pytester.makepyfile(test_suite=suite)
        result = self.pytester.runpytest_inprocess(*_PLUGIN, *options)
        self.code = int(result.ret)
        assert "INTERNALERROR" not in result.stdout.str()
        lines = [re.sub(r" in \d+\.\d+s", "", line.strip("=- ")) for line in [*result.outlines, *result.errlines]]
        return "\n".join(line for line in lines if line and not line.startswith(_DROPPED))

    def why(self, marker: str, **environ: str) -> str:
        """Return why the only test, with this marker, was skipped; "" where it ran."""
        told = self.run(_ONE.format(marker), "-rs", **{"CUDAPIN_CELL": "cell", **environ})
        assert self.code == 0, told
        found = re.findall(r"^SKIPPED \[1\] test_suite\.py:\d+: (.*)$", told, re.MULTILINE)
        return found[0] if found else ""

    def has(self, *gpus: Gpu, driver: str | None = "570.86.10", cuda: str | None = "12.8", **more: Any) -> None:
        """Put a machine in the place of this one."""
        version = parse_cuda(cuda) if cuda else None
        machine = Machine(driver=driver, gpus=gpus, cuda=version, **more)
        self._monkeypatch.setattr(machine_module, "read_machine", lambda environ: machine)

    def report(self, suite: str = _SUITE, *options: str, **environ: str) -> dict[str, Any]:
        """Return the entry that the run wrote."""
        self.run(suite, "--cudapin-report", "out/report.json", *options, **{**_CELL, **environ})
        document = self.document
        assert list(document) == ["schema", "ok", "cells"]
        assert document["schema"] == 1
        entry = document["cells"]["hatch-test.py3.12-cu126"]
        assert isinstance(entry, dict)
        return entry

    @property
    def document(self) -> dict[str, Any]:
        """The report."""
        found = json.loads((self.pytester.path / "out" / "report.json").read_text(encoding="utf-8"))
        assert isinstance(found, dict)
        return found


@pytest.fixture
def bench(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Bench:
    return Bench(pytester, monkeypatch)


# Where it acts


def test_a_cell_has_its_header_and_skips_with_the_reason(bench: Bench) -> None:
    assert bench.run(_SUITE, "-rs", **_CELL, **_NO_GPU) == dedent("""\
        test session starts
        cudapin: variant cu126, CUDA 12.6, lock fresh, no GPU (by CUDAPIN_DRIVER_VERSION and CUDAPIN_GPU_ARCH)
        collected 2 items
        test_suite.py s.                                                         [100%]
        short test summary info
        SKIPPED [1] test_suite.py:3: needs a GPU, and `CUDAPIN_GPU_ARCH` says that there is none
        1 passed, 1 skipped""")
    assert bench.code == 0


def test_a_stand_in_gpu_runs_the_test_and_shows_in_the_header(bench: Bench) -> None:
    assert bench.run(_SUITE, "-rs", **_CELL, **_FAKE_GPU) == dedent("""\
        test session starts
        cudapin: variant cu126, CUDA 12.6, lock fresh, driver 570.86.10, \
GPU of CUDAPIN_GPU_ARCH (9.0, memory not known) (by CUDAPIN_DRIVER_VERSION and CUDAPIN_GPU_ARCH)
        collected 2 items
        test_suite.py ..                                                         [100%]
        2 passed""")


def test_a_real_machine_shows_in_the_header(bench: Bench) -> None:
    bench.has(_H200, _H200, _T4)
    assert bench.run(_SUITE, **_CELL).splitlines()[1] == (
        "cudapin: variant cu126, CUDA 12.6, lock fresh, driver 570.86.10, "
        "2 x NVIDIA H200 (9.0, 143771 MiB), Tesla T4 (7.5, 15360 MiB)"
    )


_FOREIGN = """
    import pytest

    @pytest.mark.gpu(2, kind="ours")
    def test_it():
        pass
"""


@pytest.mark.parametrize(
    "pyproject",
    [
        None,
        "[project]\nname = 'other'",
        "[tool.other]\ntext = '[tool.cudapin]'",
        "[dependency-groups]\ntest = ['cudapin']",
        "[tool]\ncudapin = 1",
    ],
)
def test_a_project_that_does_not_use_it_is_left_alone(bench: Bench, pyproject: str | None) -> None:
    if pyproject is not None:
        bench.pytester.makepyprojecttoml(pyproject)
    bench.pytester.makeini("[pytest]\nmarkers = gpu: ours")
    told = bench.run(_FOREIGN, "--strict-markers", CUDAPIN_VARIANT="cu126", CUDAPIN_DRIVER_VERSION="nonsense")
    assert told == dedent("""\
        test session starts
        collected 1 item
        test_suite.py .                                                          [100%]
        1 passed""")


@pytest.mark.parametrize("table", ["[tool.cudapin]", "[tool.cudapin.variants.cpu]", "[[tool.cudapin.allow]]\ncode='x'"])
def test_a_project_with_our_table_is_ours(bench: Bench, table: str) -> None:
    bench.pytester.makepyprojecttoml(table)
    told = bench.run(_SUITE, "--strict-markers", **_NO_GPU)
    assert told.splitlines()[1] == "cudapin: no variant, no GPU (by CUDAPIN_DRIVER_VERSION and CUDAPIN_GPU_ARCH)"
    assert told.endswith("1 passed, 1 skipped")


def test_the_table_is_found_above_the_folder_that_configures_pytest(bench: Bench) -> None:
    bench.pytester.makepyprojecttoml("[tool.cudapin]")
    folder = bench.pytester.mkdir("inner")
    (folder / "pytest.ini").write_text("[pytest]", encoding="utf-8")
    (folder / "test_inner.py").write_text(dedent(_SUITE), encoding="utf-8")
    told = bench.run("", "--rootdir", str(folder), "inner", **_NO_GPU)
    assert told.splitlines()[1].startswith("cudapin: no variant")


def test_without_terminal_it_still_reports(bench: Bench) -> None:
    bench.has(_H200)
    assert bench.report(_SUITE, "-p", "no:terminal")["outcome"] == "gpu"


@pytest.mark.parametrize("options", [(), ("--cudapin-report", "r.json")])
def test_variables_that_mean_nothing_end_the_run_with_our_text(bench: Bench, options: tuple[str, ...]) -> None:
    told = bench.run(_SUITE, *options, **_CELL, CUDAPIN_DRIVER_VERSION="12.8", CUDAPIN_GPU_ARCH="new")
    assert told == dedent("""\
        ERROR: error[CP108]: `CUDAPIN_DRIVER_VERSION` has a value that means nothing
          why: wanted a driver version such as `570.86.10`, found `12.8`, which looks like a CUDA version
          fix: export CUDAPIN_DRIVER_VERSION=570.86.10
        error[CP108]: `CUDAPIN_GPU_ARCH` has a value that means nothing
          why: wanted compute capabilities such as `9.0`, separated by commas, or nothing for no GPU; found `new`
          fix: export CUDAPIN_GPU_ARCH=9.0""").replace("\n  ", "\n")
    assert bench.code == 4


_FIXTURE = """
    def test_it(cudapin):
        assert (cudapin.variant, cudapin.cuda, cudapin.lock_verdict) == {0}
        assert cudapin.machine.driver == {1!r}
        assert [gpu.arch for gpu in cudapin.machine.gpus] == {2}
"""


def test_the_fixture_tells_what_is_tested(bench: Bench) -> None:
    bench.run(_FIXTURE.format(("cu126", "12.6", "fresh"), "570.86.10", ["9.0"]), **_CELL, **_FAKE_GPU)
    assert bench.code == 0


def test_the_fixture_answers_where_nobody_else_asks(bench: Bench) -> None:
    bench.run(_FIXTURE.format((None, None, None), None, []), **_NO_GPU)
    assert bench.code == 0


def test_the_fixture_has_only_gpus_that_are_seen(bench: Bench) -> None:
    bench.has(_T4, _H200)
    visible = {"CUDA_VISIBLE_DEVICES": "1", "CUDA_DEVICE_ORDER": "PCI_BUS_ID"}
    bench.run(_FIXTURE.format(("cu126", "12.6", "fresh"), "570.86.10", ["9.0"]), **_CELL, **visible)
    assert bench.code == 0


# What it skips

_FOUND = "GPU of CUDAPIN_GPU_ARCH (9.0, memory not known)"


def test_a_variant_without_cuda_needs_no_gpu(bench: Bench) -> None:
    bench.has(_H200)
    cpu = {"CUDAPIN_VARIANT": "cpu", "CUDAPIN_CUDA_VERSION": ""}
    assert bench.why("", **cpu) == "needs a GPU, and variant `cpu` has no CUDA"


def test_a_variant_of_several_cudas_has_cuda(bench: Bench) -> None:
    bench.has(_H200)
    bench.pytester.makepyprojecttoml('[tool.cudapin.variants.fat]\ncuda = ["12", "13"]')
    assert bench.why("", CUDAPIN_VARIANT="fat", CUDAPIN_CUDA_VERSION="") == ""


def test_a_variant_whose_cuda_nobody_tells_may_have_one(bench: Bench) -> None:
    bench.has(_H200)
    assert bench.why("", CUDAPIN_VARIANT="cu126") == ""


def test_a_driver_too_old_for_the_variant_skips_its_tests_of_the_gpu(bench: Bench) -> None:
    bench.has(_H200, driver="535.104.05", cuda="12.2")
    newer = {"CUDAPIN_VARIANT": "cu130", "CUDAPIN_CUDA_VERSION": "13.0"}
    assert bench.why("", **newer) == (
        "variant `cu130` needs a driver of CUDA 13 or later, and driver 535.104.05 is of CUDA 12.2"
    )
    same = {"CUDAPIN_VARIANT": "cu128", "CUDAPIN_CUDA_VERSION": "12.8"}
    assert bench.why("", **same) == ""  # minor-version compatibility


def test_every_marker_of_a_test_counts(bench: Bench) -> None:
    suite = """
        import pytest

        @pytest.mark.gpu(arch="10.0")
        class TestGroup:
            @pytest.mark.gpu(min_cuda="12.0")
            def test_it(self):
                pass
    """
    told = bench.run(suite, "-rs", **_CELL, **_FAKE_GPU)
    assert f"needs a GPU of compute capability 10.0 or later, and found {_FOUND}" in told


@pytest.mark.parametrize("environ", [_NO_GPU, _FAKE_GPU])
def test_a_marker_that_means_nothing_fails_its_test(bench: Bench, environ: dict[str, str]) -> None:
    told = bench.run(_ONE.format("min_cuda=12.10, arch='9.0'"), **_CELL, **environ)
    message = '`gpu` takes min_cuda="12.6", arch="9.0" and min_memory="8 GiB", found min_cuda=12.1'
    assert f"\ntest_suite.py::test_it: {message}\n" in told
    assert told.endswith("1 error")
    assert bench.code == 1


# What it reports


def test_the_whole_report(bench: Bench) -> None:
    bench.has(_H200, sources=("NVML",))
    bench.report()
    assert bench.document == {
        "schema": 1,
        "ok": True,
        "cells": {
            "hatch-test.py3.12-cu126": {
                "outcome": "gpu",
                "variant": "cu126",
                "cuda": "12.6",
                "lock": "fresh",
                "driver": "570.86.10",
                "gpus": [{"name": "NVIDIA H200", "arch": "9.0", "memory-mib": 143771}],
                "stand-ins": [],
                "tests": {"passed": 2, "failed": 0, "skipped": 0, "gpu": 1},
            }
        },
    }


_XFAIL = """
    import pytest

    @pytest.mark.gpu
    @pytest.mark.xfail
    def test_it():
        assert False
"""
_SKIPS_ITSELF = """
    import pytest

    @pytest.mark.gpu
    def test_it():
        pytest.skip("no")

    def test_other():
        pass
"""


@pytest.mark.parametrize(
    ("suite", "options", "environ", "outcome", "why", "ok"),
    [
        (_SUITE, (), {}, "gpu", None, True),
        (_SUITE, (), _NO_GPU, "no-gpu", None, True),
        (_SUITE, (), _FAKE_GPU, "no-gpu", "CUDAPIN_GPU_ARCH stands in for the GPUs", True),
        (_SUITE, ("-m", "not gpu"), {}, "no-gpu", None, True),
        ("def test_it(): pass", (), {}, "no-gpu", None, True),
        (_XFAIL, (), {}, "no-gpu", None, True),
        (_SKIPS_ITSELF, (), {}, "no-gpu", None, True),
        ("def test_it(): assert 0", (), {}, "failed", None, False),
        (_ONE.format("9"), (), {}, "failed", None, False),
        ("broken(", (), {}, "failed", None, False),
        (_SUITE, ("-k", "nothing"), {}, "failed", "no test was collected", False),
        (_ONE.format(""), (), _NO_GPU, "skipped: no test ran, 1 skipped", None, False),
        (_SUITE, ("--collect-only",), {}, "skipped: no test ran", None, False),
    ],
)
def test_outcomes(
    bench: Bench,
    suite: str,
    options: tuple[str, ...],
    environ: dict[str, str],
    outcome: str,
    why: str | None,
    ok: bool,  # noqa: FBT001
) -> None:
    if not environ:
        bench.has(_H200)
    entry = bench.report(suite, *options, **environ)
    assert (entry["outcome"], entry.get("why")) == (outcome, why)
    assert bench.document["ok"] is ok


def test_a_folder_called_gpu_is_no_marker(bench: Bench) -> None:
    bench.has(_H200)
    (bench.pytester.mkdir("gpu") / "test_gpu.py").write_text("def test_gpu(): pass", encoding="utf-8")
    assert bench.report("def test_it(): pass")["outcome"] == "no-gpu"
    assert bench.document["cells"]["hatch-test.py3.12-cu126"]["tests"]["passed"] == 2


def test_a_run_that_is_killed_is_no_success_of_the_run_before(bench: Bench) -> None:
    bench.has(_H200)
    assert bench.report()["outcome"] == "gpu"
    seen = """
        import json, pathlib

        def test_it():
            report = json.loads(pathlib.Path("out/report.json").read_text())
            pathlib.Path("seen.json").write_text(json.dumps(report))
    """
    bench.report(seen)
    document = json.loads((bench.pytester.path / "seen.json").read_text(encoding="utf-8"))
    entry = document["cells"]["hatch-test.py3.12-cu126"]
    assert (document["ok"], entry["outcome"], entry["why"]) == (False, "failed", "the test run did not end")


def test_cells_are_added_and_one_failure_is_enough(bench: Bench) -> None:
    bench.report(**_NO_GPU)

    bench.run(
        "def test_it(): assert 0",
        "--cudapin-report=out/report.json",
        **{**_CELL, **_NO_GPU, "CUDAPIN_CELL": "other"},
    )
    document = bench.document
    assert document["ok"] is False
    outcomes = {cell: entry["outcome"] for cell, entry in document["cells"].items()}
    assert outcomes == {"hatch-test.py3.12-cu126": "no-gpu", "other": "failed"}


@pytest.mark.parametrize(("environ", "key"), [({"CUDAPIN_VARIANT": "cu126"}, "cu126"), ({}, "no variant")])
def test_without_a_cell_the_entry_has_the_variants_name(bench: Bench, environ: dict[str, str], key: str) -> None:
    bench.run(_SUITE, "--cudapin-report", "out/report.json", **environ, **_NO_GPU)
    assert list(bench.document["cells"]) == [key]


@pytest.mark.parametrize(
    "text", ["[tool.cudapin]", "{}", '{"schema": 2, "cells": {}}', '{"schema": 1, "cells": []}', "\0"]
)
def test_a_file_of_another_kind_is_not_overwritten(bench: Bench, text: str) -> None:
    path = bench.pytester.path / "other.json"
    path.write_text(text, encoding="utf-8")
    told = bench.run(_SUITE, "--cudapin-report", "other.json", **_NO_GPU)
    assert told.endswith("ERROR: --cudapin-report: `other.json` is no report of cudapin, and is not overwritten")
    assert bench.code == 4
    assert path.read_text(encoding="utf-8") == text


def test_an_empty_file_is_filled(bench: Bench) -> None:
    bench.pytester.mkdir("out").joinpath("report.json").touch()
    assert bench.report(**_NO_GPU)["outcome"] == "no-gpu"


def test_a_report_that_cannot_be_written_ends_the_run_at_once(bench: Bench) -> None:
    bench.pytester.mkdir("folder")
    told = bench.run(_SUITE, "--cudapin-report", "folder", **_NO_GPU)
    assert told.endswith("ERROR: --cudapin-report: `folder` cannot be written (Is a directory)")
    assert bench.code == 4


def test_nothing_is_left_beside_the_report(bench: Bench) -> None:
    bench.report(**_NO_GPU)
    assert [path.name for path in (bench.pytester.path / "out").iterdir()] == ["report.json"]


def test_a_module_that_shadows_the_installed_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from types import ModuleType

    from cudapin.plugin.pytest_session import shadowed

    site, root = tmp_path / "site", tmp_path / "project"
    (site / "pkg").mkdir(parents=True)
    (site / "tests").mkdir()
    (site / "one.py").touch()
    monkeypatch.setattr("sysconfig.get_path", lambda _: str(site))
    places = {"pkg": root / "pkg" / "__init__.py", "pkg.part": root / "pkg" / "part.py", "one": site / "one.py"}
    for name, place in {**places, "tests": root / "tests" / "__init__.py", "own": root / "own.py"}.items():
        module = ModuleType(name)
        module.__file__ = str(place)
        monkeypatch.setitem(sys.modules, name, module)
    assert shadowed(root) == ["pkg"]
    assert shadowed(site) == ["one"]
    monkeypatch.setattr("sys.prefix", str(root))
    assert shadowed(root) == []
