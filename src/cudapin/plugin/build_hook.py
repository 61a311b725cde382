"""The build hook: refuses a wheel or an sdist that would lie, and stamps a wheel that would not."""

from __future__ import annotations

import traceback
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hatchling.builders.config import BuilderConfig
from hatchling.builders.hooks.plugin.interface import BuildHookInterface

from cudapin.core.verdict import own_failure, render_problem
from cudapin.errors import Code, CudapinError, Problem, Refusal
from cudapin.plugin.asked import choose_asked, open_asked, requested
from cudapin.plugin.boundary import refusing
from cudapin.plugin.leftovers import Leftovers
from cudapin.plugin.variables import (
    export_flags,
    export_toolkit,
    export_variant,
    user_environ,
    withdraw,
)
from cudapin.plugin.wheel_files import any_binary, compiled_files, files_of_wheel, wheel_has_binaries

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from cudapin.builds.judgement import Judgement
    from cudapin.core.compiled import Binary
    from cudapin.core.config import Variant
    from cudapin.core.select import Choice
    from cudapin.gate import Gate

__all__ = ["CudapinBuildHook"]

_SHOWN_VARIABLES = ("CUDAPIN_ALLOW", "CUDAPIN_DRIVER_VERSION", "CUDAPIN_GPU_ARCH", "CUDAPIN_FACTS")


class CudapinBuildHook(BuildHookInterface[BuilderConfig]):
    """`[tool.hatch.build.hooks.cudapin]`, the last among a project's build hooks."""

    PLUGIN_NAME = "cudapin"

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401
        """Tell the other hooks which variant is built, before any of them runs; what is wrong is said later."""
        super().__init__(*args, **kwargs)
        self._gate: Gate | None = None
        self._files = Leftovers()
        self._has_binaries = False
        self._tags: tuple[object, ...] = ()
        self._recorded: tuple[Variant, Mapping[str, Any]] | None = None
        self._unstamp: Callable[[], None] = lambda: None
        self._withdraw_sbom: Callable[[], None] = lambda: None
        withdraw()
        if self._concerns_variants():
            with suppress(Exception):  # whatever is wrong, `initialize` meets it again and says so
                self._export()

    def dependencies(self) -> list[str]:
        """Return the locked build requirements of the variant; none where the lock cannot be used."""
        if not self._concerns_variants():
            return []
        try:
            gate, choice = self._open()
            if gate is None or choice is None:
                return []
            from cudapin.builds.judgement import locked_build_requirements

            wanted = locked_build_requirements(gate, choice.variant)
            return [str(item) for item in wanted if item.is_installable]
        except Exception:  # noqa: BLE001  # uv asks while it locks; `initialize` meets it again and says so
            return []

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Judge what is about to be built, then stamp it."""
        if self.target_name == "sdist":
            with refusing(self.app, self._clean_up):
                self._initialize_sdist(build_data)
        elif self.target_name == "wheel":
            with refusing(self.app, self._clean_up):
                self._initialize_wheel(version, build_data)

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Refuse a wheel whose tag another hook changed after it was judged; remove temporary files."""
        with refusing(self.app, lambda: self._take_back(Path(artifact_path))):
            if self.target_name == "wheel" and version == "standard" and self._tags:
                self._check_order(build_data, Path(artifact_path))
                self._check_binaries(Path(artifact_path))
        self._clean_up()

    # Steps

    def _concerns_variants(self) -> bool:
        """Tell cheaply whether this is a wheel of a project with variants: front ends ask in a process of their own."""
        table = self.metadata.config.get("tool", {}).get("cudapin")
        return self.target_name == "wheel" and isinstance(table, dict) and bool(table.get("variants"))

    def _open(self) -> tuple[Gate | None, Choice | None]:
        """Return the gate and the variant; (None, None) where `CUDAPIN=off`."""
        from cudapin.run_variables import is_off

        environ = user_environ()
        if is_off(environ):
            return None, None
        if self._gate is None:
            self._gate = open_asked(Path(self.root), environ)
        return self._gate, choose_asked(self._gate)

    def _export(self) -> None:
        """Set the variables; of the toolkit only for a build, since hatchling also asks for dependencies alone."""
        gate, choice = self._open()
        if gate is None or choice is None:
            return
        export_variant(choice.variant)
        if self.directory:
            toolkit = self._join_toolkit(gate, choice.variant)
            if toolkit is not None:
                export_toolkit(toolkit)
            export_flags(Path(self.root), toolkit)

    def _join_toolkit(self, gate: Gate, variant: Variant) -> Path | None:
        from cudapin.adapters.buildenv import find_distributions, join_toolkit
        from cudapin.builds.judgement import locked_build_requirements

        requirements = locked_build_requirements(gate, variant) if variant.cuda else ()
        if not requirements:
            return None
        installed = find_distributions()
        names = [item.package.name for item in requirements if item.package.name in installed]
        return join_toolkit(installed[name].distribution for name in names)

    def _initialize_sdist(self, build_data: dict[str, Any]) -> None:
        from cudapin.builds.judgement import judge_sdist
        from cudapin.builds.sdist import seal_sdist
        from cudapin.core.seal import SEAL_NAME, render_seal

        gate, _ = self._open_neutral()
        if gate is None:
            return
        judgement = judge_sdist(gate)
        self._report(judgement)
        judgement.refuse()
        seal, carried = seal_sdist(gate, judgement)
        build_data["force_include"].update(carried)
        build_data["force_include"][self._files.write(SEAL_NAME, render_seal(seal))] = SEAL_NAME

    def _open_neutral(self) -> tuple[Gate | None, None]:
        from cudapin.gate import open_gate
        from cudapin.run_variables import is_off

        environ = user_environ()
        if is_off(environ):
            self.app.display_warning("cudapin: CUDAPIN=off: this sdist is not judged")
            return None, None
        return open_gate(Path(self.root), environ), None

    def _initialize_wheel(self, version: str, build_data: dict[str, Any]) -> None:
        from cudapin.builds.judgement import judge_wheel

        if version != "standard":
            self._warn_editable(compiled=_is_compiled(build_data))
            return
        gate, choice = self._open()
        if gate is None:
            from cudapin.builds.plan import empty_record

            self.app.display_warning("cudapin: CUDAPIN=off: no gate, no stamp, a plain wheel")
            self._add_record(build_data, {**empty_record(), "settings": {"CUDAPIN": "off"}})
            return
        compiled = _is_compiled(build_data)
        files = files_of_wheel(self.build_config, build_data)
        binaries = _read_compiled(files) if choice is not None or gate.config.sbom else ()
        self._has_binaries = compiled or any_binary(files)
        judgement = judge_wheel(gate, choice, compiled=self._has_binaries, binaries=binaries)
        self._announce(choice)
        self._report(judgement)
        judgement.refuse()
        if choice is not None:
            self._stamp(gate, choice, judgement, build_data, binaries, compiled=compiled)
        if gate.config.sbom:
            from cudapin.plugin.sbom_file import add_sbom

            variant = choice.variant if choice else None
            data = (self.build_config, build_data)
            self._withdraw_sbom = add_sbom(*data, gate, variant, judgement, files, binaries, self._files.write)
        self._tags = _tag_data(build_data)
        prefix = self.build_config.builder.normalize_file_name_component(self.metadata.core.name)
        self._files.keep_older(Path(self.directory), prefix)

    def _stamp(
        self,
        gate: Gate,
        choice: Choice,
        judgement: Judgement,
        build_data: dict[str, Any],
        binaries: Sequence[Binary],
        *,
        compiled: bool,
    ) -> None:
        import hatchling.__about__

        from cudapin.builds.plan import plan_wheel
        from cudapin.plugin.project_table import metadata_of_project, restamp

        config = self.build_config
        for read_first in ("include_spec", "exclude_spec", "packages", "only_include"):
            getattr(config, read_first)  # file selection goes by the project's own name, which the stamp may change
        plan = plan_wheel(
            gate,
            choice,
            metadata_of_project(self.metadata),
            judgement,
            compiled=compiled,
            hatchling=hatchling.__about__.__version__,
        )
        if plan.guard is not None:
            from cudapin.plugin.guard_file import find_target

            target = find_target(gate, config, build_data)
            build_data["force_include"][self._files.write("guard.py", plan.guard)] = target
        self._unstamp = restamp(self.metadata, plan.metadata)
        if plan.platforms is not None:
            build_data["tag"] = self._tag(build_data, plan.platforms)
        if choice.variant.cuda:
            build_data["pure_python"] = False
        self._add_record(build_data, self._with_binaries(choice, plan.record, binaries))

    def _with_binaries(
        self, choice: Choice, record: Mapping[str, Any], binaries: Sequence[Binary]
    ) -> Mapping[str, Any]:
        """Add the compiled files to the record, once the stamp has decided how the folder of data files is called."""
        found: Sequence[Mapping[str, Any]] = []
        if binaries:
            from cudapin.builds.compiled import recorded_binaries

            builder: Any = self.build_config.builder
            found = recorded_binaries(binaries, f"{builder.artifact_project_id}.data")
        record = {**record, "binaries": found}
        self._recorded = (choice.variant, record)
        return record

    def _check_binaries(self, artifact: Path) -> None:
        """Refuse a finished wheel with other compiled files than the record has; one without any is not read."""
        if self._recorded is None or self._gate is None or not artifact.is_file():
            return
        variant, record = self._recorded
        if record["binaries"] or wheel_has_binaries(artifact):
            from cudapin.builds.compiled import check_finished

            check_finished(self._gate, variant, record, artifact)

    def _tag(self, build_data: dict[str, Any], platforms: tuple[str, ...]) -> str:
        """Return the tag that the build would have had, with other platforms."""
        builder = self.build_config.builder
        inferred = builder.get_best_matching_tag() if build_data["infer_tag"] else builder.get_default_tag()  # type: ignore[attr-defined]
        python, abi, _ = str(build_data.get("tag") or inferred).split("-", 2)
        return f"{python}-{abi}-{'.'.join(platforms)}"

    def _warn_editable(self, *, compiled: bool) -> None:
        """Say what would refuse a wheel. uv builds editables while it locks, so a refusal here could not be mended."""
        from cudapin.builds.judgement import judge_wheel

        try:
            gate, choice = self._open()
            if gate is not None:
                judgement = judge_wheel(gate, choice, compiled=compiled)
                self._report(judgement)
                problems = judgement.errors
            else:
                problems = ()
        except CudapinError as error:
            problems = error.problems
        except Exception:  # noqa: BLE001
            self.app.display_warning(traceback.format_exc())
            problems = (own_failure(),)
        for problem in problems:
            text = render_problem(problem).replace("error[", "warning[", 1)
            self.app.display_warning(f"{text}\n  note: an editable build is never refused; a wheel would be")

    def _announce(self, choice: Choice | None) -> None:
        name, origin = requested()
        if choice is None and name:
            self.app.display_warning(f"cudapin: this project declares no variants, so {origin} changes nothing")
        if choice is not None:
            cuda = ", ".join(str(item) for item in choice.variant.cuda)
            self.app.display_info(
                f"cudapin: variant {choice.variant.name} ({f'CUDA {cuda}' if cuda else 'no CUDA'}; {choice.why})"
            )

    def _report(self, judgement: Judgement) -> None:
        for name in _SHOWN_VARIABLES:
            if value := user_environ().get(name):
                self.app.display_info(f"cudapin: {name}={value}")
        for problem in judgement.warnings:
            self.app.display_warning(render_problem(problem))
        for problem, waiver in judgement.accepted:
            self.app.display_warning(f"cudapin: waived {problem.code.name}: {problem.what} ({waiver.reason})")

    def _check_order(self, build_data: dict[str, Any], artifact: Path) -> None:
        if _tag_data(build_data) == self._tags and (self._has_binaries or not wheel_has_binaries(artifact)):
            return
        hooks = [name for name in build_data.get("build_hooks", ()) if name != self.PLUGIN_NAME]
        raise Refusal(
            Problem(
                code=Code.CP111,
                what="another build hook changed the wheel tag after `cudapin` had judged the wheel",
                why=f"`cudapin` must run last; the other hooks are {', '.join(f'`{name}`' for name in hooks)}",
                fix="put `[tool.hatch.build.targets.wheel.hooks.cudapin]` after the tables of the other hooks",
            )
        )

    def _clean_up(self) -> None:
        """Leave no file, no stamp and no variable to what the same process builds next."""
        self._withdraw_sbom()
        self._unstamp()
        withdraw()
        self._files.remove()

    def _take_back(self, artifact: Path) -> None:
        """Remove a refused wheel; a wheel of the same name from before is put back."""
        self._files.take_back(artifact)
        self._clean_up()

    def _add_record(self, build_data: dict[str, Any], record: Mapping[str, Any]) -> None:
        from cudapin.core.stamp import RECORD_NAME, render_record

        build_data["extra_metadata"][self._files.write(RECORD_NAME, render_record(record))] = RECORD_NAME


def _read_compiled(files: Mapping[str, Path]) -> tuple[Binary, ...]:
    """Read the compiled files of a wheel; what reads them is loaded only where there are some."""
    compiled = compiled_files(files)
    if not compiled:
        return ()
    from cudapin.builds.compiled import read_files

    return read_files(compiled)


def _is_compiled(build_data: dict[str, Any]) -> bool:
    """Tell from what the hooks before said whether the wheel holds compiled files."""
    tag = build_data.get("tag")
    return bool(build_data["infer_tag"] or not build_data["pure_python"] or (tag and not tag.endswith("-none-any")))


def _tag_data(build_data: dict[str, Any]) -> tuple[object, ...]:
    return (build_data["infer_tag"], build_data["pure_python"], build_data.get("tag"))
