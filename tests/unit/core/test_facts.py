"""The facts that ship are sane, and a newer table wins row by row."""

from __future__ import annotations

import re
from datetime import date
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import tomli

import cudapin
from cudapin.core.cuda import CudaVersion, parse_cuda
from cudapin.core.facts import parse_facts
from cudapin.core.machine import driver_key

TABLE: dict[str, Any] = tomli.loads((Path(cudapin.__file__).parent / "data" / "cuda.toml").read_text("utf-8"))
FACTS = parse_facts(TABLE)
GROUPS = [(name, group) for name, groups in TABLE.items() if isinstance(groups, list) for group in groups]
NEWEST = (13, 5)


def one_row(name: str, key: str, row: object, when: date = date(2027, 1, 1)) -> dict[str, Any]:
    return {name: [{"date": when, "rows": {key: row}}]}


@pytest.mark.parametrize(("name", "group"), GROUPS, ids=[f"{name}-{i}" for i, (name, _) in enumerate(GROUPS)])
def test_every_group_has_rows_a_status_sources_and_a_date(name: str, group: dict[str, Any]) -> None:
    assert name != "sources"
    assert set(group) == {"status", "sources", "date", "rows"}
    assert group["status"] in {"measured", "primary", "secondary", "unverified"}
    assert group["sources"]
    assert set(group["sources"]) <= set(TABLE["sources"])
    assert group["date"] <= FACTS.compiled
    assert group["rows"]


def test_no_row_is_given_twice_and_no_source_is_idle() -> None:
    keys = [(name, key) for name, group in GROUPS for key in group["rows"]]
    assert len(keys) == len(set(keys))
    assert {source for _, group in GROUPS for source in group["sources"]} == set(TABLE["sources"])


def test_toolkits_have_no_gap_but_the_one_that_was_never_released() -> None:
    expected = [(11, minor) for minor in range(9)] + [(12, minor) for minor in range(10)] + [(13, m) for m in range(6)]
    expected.remove((12, 7))
    assert [cuda.sort_key for cuda in FACTS.toolkits] == expected
    assert FACTS.toolkits[-1].sort_key == NEWEST


@pytest.mark.parametrize("platform", ["linux", "windows"])
def test_drivers_never_go_back(platform: str) -> None:
    minimums = [FACTS.minimum_driver(CudaVersion(major=major), platform) for major in (11, 12, 13)]
    keys = [driver_key(minimum) for minimum in minimums if minimum is not None]
    assert len(keys) == 3
    assert keys == sorted(keys)
    listed = [FACTS.toolkit_drivers[str(cuda)].get(platform) for cuda in FACTS.toolkits]
    drivers = [driver_key(driver) for driver in listed if driver is not None]
    assert drivers == sorted(set(drivers))
    assert len(drivers) >= 18


def test_a_toolkits_driver_reports_that_toolkit() -> None:
    """The two driver tables were read in different places and agree, on Windows too."""
    for cuda in FACTS.toolkits:
        for driver in FACTS.toolkit_drivers[str(cuda)].values():
            assert FACTS.driver_cuda(driver) == cuda


def test_branches_rise_with_the_cuda_that_they_report() -> None:
    branches = sorted(FACTS.driver_branches, key=int)
    versions = [FACTS.driver_branches[branch].sort_key for branch in branches]
    assert versions == sorted(set(versions))
    assert all(int(later) - int(earlier) >= 5 for earlier, later in pairwise(branches))


def test_every_torch_minor_is_there() -> None:
    assert list(FACTS.torch_defaults) == [f"2.{minor}" for minor in range(16)]
    for release, row in FACTS.torch_defaults.items():
        assert {"linux", "windows", "macos"} <= set(row), release
        cuda = FACTS.torch_default_cuda(release, "linux")
        assert cuda in FACTS.toolkits


def test_every_torch_says_which_pythons_it_is_for() -> None:
    assert list(FACTS.torch_pythons) == list(FACTS.torch_defaults)
    rows = list(FACTS.torch_pythons.values())
    assert all(8 <= first <= last for first, last in rows)
    assert rows == sorted(rows)


def test_default_builds_name_known_frameworks_and_majors() -> None:
    majors = {CudaVersion(major=cuda.major) for cuda in FACTS.toolkits}
    for key, row in FACTS.default_builds.items():
        name, version = key.split()
        assert FACTS.packages[name] == "labelled"
        assert FACTS.default_cuda(name, version, "linux") in majors
        assert set(row) <= {"linux", "linux-aarch64", "windows"}


def test_a_companion_of_torch_has_its_major_in_every_release() -> None:
    """Torchaudio carries torch's own number: what was measured on both agrees."""
    for key in FACTS.default_builds:
        name, version = key.split()
        torch = FACTS.torch_default_cuda(version, "linux") if name == "torchaudio" else None
        own = FACTS.default_cuda(name, version, "linux")
        assert torch is None or (isinstance(own, CudaVersion) and isinstance(torch, CudaVersion))
        assert torch is None or torch.major == own.major  # type: ignore[union-attr]


def test_families_are_of_known_frameworks() -> None:
    assert set(FACTS.families.values()) == {"torch"}
    assert set(FACTS.families) <= set(FACTS.packages)


@pytest.mark.parametrize("name", ["torch-default", "default-build"])
def test_a_build_that_is_no_cuda_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=f"row `x` of `{name}` does not have the form of that table"):
        parse_facts(TABLE, one_row(name, "x", {"linux": "rocm"}))


def test_architectures_name_known_toolkits() -> None:
    for arch, known in FACTS.architectures.items():
        assert re.fullmatch(r"\d+\.\d", arch)
        if known.last is not None:
            assert known.first.sort_key <= known.last.sort_key
            assert known.last.sort_key < NEWEST


def test_package_names_are_normalised() -> None:
    assert all(re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", name) for name in FACTS.packages)


def test_classifiers_are_those_that_exist() -> None:
    trove = pytest.importorskip("trove_classifiers")
    for cuda in [*FACTS.toolkits, *(CudaVersion(major=major) for major in (9, 10, 11, 12, 13, 14))]:
        assert set(FACTS.classifiers(cuda)) <= trove.classifiers


@pytest.mark.parametrize(
    ("cuda", "classifier"),
    [
        ("11.8", "Environment :: GPU :: NVIDIA CUDA :: 11.8"),
        ("12.6", "Environment :: GPU :: NVIDIA CUDA :: 12 :: 12.6"),
        ("12.8", "Environment :: GPU :: NVIDIA CUDA :: 12"),
        ("12", "Environment :: GPU :: NVIDIA CUDA :: 12"),
        ("13.0", "Environment :: GPU :: NVIDIA CUDA :: 13"),
        ("14.0", "Environment :: GPU :: NVIDIA CUDA"),
    ],
)
def test_classifier_of_a_cuda(cuda: str, classifier: str) -> None:
    assert FACTS.classifiers(parse_cuda(cuda)) == (classifier,)


@pytest.mark.parametrize(
    ("cuda", "platform", "driver"),
    [
        ("11.8", "linux", "450.80.02"),
        ("12.9", "linux", "525.60.13"),
        ("12", "linux-aarch64", "525.60.13"),
        ("12.9", "win32", "527.41"),
        ("13.5", "linux", "580.65.06"),
        ("13.5", "windows", "580"),
        ("13.5", "macos", None),
        ("14.0", "linux", None),
    ],
)
def test_minimum_driver(cuda: str, platform: str, driver: str | None) -> None:
    assert FACTS.minimum_driver(parse_cuda(cuda), platform) == driver


@pytest.mark.parametrize(
    ("cuda", "platform", "driver"),
    [
        ("12.8", "linux", "570.26"),
        ("12.8", "windows", "570.65"),
        ("12", "linux", "575.51.03"),
        ("13.1", "windows", "590"),
        ("13.5", "linux", None),
        ("14", "linux", None),
    ],
)
def test_ptx_driver(cuda: str, platform: str, driver: str | None) -> None:
    assert FACTS.ptx_driver(parse_cuda(cuda), platform) == driver


@pytest.mark.parametrize(
    ("driver", "cuda"),
    [
        ("535.104.05", "12.2"),
        ("570.86.10", "12.8"),
        ("572.61", "12.8"),
        ("615.71.09", "13.4"),
        ("440.33", None),
        ("540.4.0", None),
        ("700.10", None),
        ("none", None),
    ],
)
def test_what_a_driver_reports(driver: str, cuda: str | None) -> None:
    found = FACTS.driver_cuda(driver)
    assert (None if found is None else str(found)) == cuda


@pytest.mark.parametrize(
    ("toolkit", "arch", "expected"),
    [
        ("12.8", "9.0", True),
        ("12.8", "12.0", True),
        ("12.6", "12.0", False),
        ("12.9", "6.1", True),
        ("13.0", "6.1", False),
        ("11.7", "8.9", False),
        ("12", "9.0", True),
        ("12", "3.5", False),
        ("12", "12.0", None),
        ("13.9", "9.0", True),
        ("13.9", "13.0", None),
        ("13.5", "13.0", False),
        ("14.0", "9.0", None),
        ("14.0", "6.1", False),
        ("14", "9.0", None),
    ],
)
def test_what_a_toolkit_compiles_for(toolkit: str, arch: str, *, expected: bool | None) -> None:
    assert FACTS.supports(parse_cuda(toolkit), arch) is expected


def test_a_later_row_wins_and_an_earlier_one_does_not() -> None:
    later = parse_facts(TABLE, one_row("torch-default", "2.16", {"linux": "13.4"}))
    assert later.torch_default_cuda("2.16.0", "linux") == parse_cuda("13.4")
    assert later.torch_default_cuda("2.15.0", "linux") == parse_cuda("13.2")
    changed = parse_facts(TABLE, one_row("torch-default", "2.15", {"linux": "13.4"}))
    assert changed.torch_default_cuda("2.15.0", "linux") == parse_cuda("13.4")
    tied = parse_facts(TABLE, one_row("torch-default", "2.15", {"linux": "13.4"}, FACTS.compiled))
    assert tied.torch_default_cuda("2.15.0", "linux") == parse_cuda("13.4")
    older = parse_facts(TABLE, one_row("torch-default", "2.15", {"linux": "13.4"}, date(2020, 1, 1)))
    assert older.torch_default_cuda("2.15.0", "linux") == parse_cuda("13.2")
    newer = parse_facts(TABLE, {"meta": {"schema": 1, "compiled": date(2027, 5, 1)}})
    assert newer.compiled == date(2027, 5, 1)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"package": 1}, "`package` is not a list of groups, each with `date` and `rows`"),
        ({"package": [{"rows": {}}]}, "`package` is not a list of groups, each with `date` and `rows`"),
        (one_row("package", "x", "odd"), "row `x` of `package` does not have the form of that table"),
        (one_row("package", "x", {"12": "13"}), "row `x` of `package` does not have the form of that table"),
        (one_row("package", "x", 1), "row `x` of `package` does not have the form of that table"),
        (one_row("driver-branch", "R1", "1.0"), "row `R1` of `driver-branch` does not have the form of that table"),
        (one_row("driver-branch", "1", 1.0), "row `1` of `driver-branch` does not have the form of that table"),
        (one_row("toolkit-driver", "x", {}), "row `x` of `toolkit-driver` does not have the form of that table"),
        (one_row("minimum-driver", "14", "1"), "row `14` of `minimum-driver` does not have the form of that table"),
        (one_row("compute-capability", "1.0", {}), "row `1.0` of `compute-capability` does not have the form of"),
        ({"meta": {"schema": 2}}, "`meta.schema` is not 1, the only one that this cudapin reads"),
        ({"meta": {"compiled": "today"}}, "`meta.compiled` is not a date"),
    ],
)
def test_a_table_of_another_form_is_refused(table: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        parse_facts(TABLE, table)


def test_libraries_have_a_version_of_each_major_and_rise_with_it() -> None:
    for name, rows in FACTS.libraries.items():
        majors = [majors for version, majors in rows.items() if "." not in version]
        assert majors == sorted(majors), name
        assert {12, 13} <= {major for found in majors for major in found}, name
    assert FACTS.libraries["libcusolver"]["11"] == (11, 12)
    assert {"libcurand", "libcudnn", "libnccl", "libcuda", "libcusparseLt"}.isdisjoint(FACTS.libraries)


def test_every_library_is_brought_by_a_package_and_the_isa_of_ptx_rises() -> None:
    brought = {stem for stems in FACTS.package_libraries.values() for stem in stems}
    assert {name for name in FACTS.libraries if name.startswith("lib")} <= brought
    assert FACTS.ptx_majors == {"7": 11, "8": 12, "9": 13}
    rows = [(tuple(map(int, isa.split("."))), cuda) for isa, cuda in FACTS.ptx_toolkits.items()]
    assert all(FACTS.ptx_majors[str(isa[0])] == cuda.major and cuda in FACTS.toolkits for isa, cuda in rows)
    assert [cuda for _, cuda in sorted(rows, key=lambda row: row[0])] == sorted(
        {cuda for _, cuda in rows}, key=lambda cuda: cuda.sort_key
    )
    measured = [cuda for cuda in FACTS.toolkits if cuda.sort_key >= (11, 7)]
    assert [cuda for cuda in measured if cuda not in FACTS.ptx_toolkits.values()] == [parse_cuda("12.6")]  # as 12.5


def test_every_toolkit_has_a_limit_for_host_compilers_that_never_falls() -> None:
    assert {parse_cuda(key) for key in FACTS.host_compilers} == set(FACTS.toolkits)
    for kind in ("gcc", "clang"):
        limits = [FACTS.host_compilers[str(cuda)][kind] for cuda in FACTS.toolkits]
        assert limits == sorted(limits)


@pytest.mark.parametrize(
    ("table", "row"),
    [
        ("library", 1),
        ("library", {"12": 12}),
        ("library", {"12": ["12"]}),
        ("package-library", "x"),
        ("ptx-isa", "13"),
        ("minimum-driver", {"linux": "new"}),
        ("toolkit-driver", {"linux": "580.x"}),
        ("torch-python", "3.9"),
        ("torch-python", {"first": "3.9"}),
        ("torch-python", {"first": "3.9", "last": "new"}),
        ("ptx-toolkit", 13),
        ("ptx-toolkit", "new"),
        ("host-compiler", 13),
        ("host-compiler", {"gcc": "13"}),
    ],
)
def test_wrong_rows_about_libraries(table: str, row: object) -> None:
    with pytest.raises(ValueError, match=f"row `x` of `{table}` does not have the form of that table"):
        parse_facts(TABLE, one_row(table, "x", row))
