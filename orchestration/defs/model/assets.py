"""dbt's models and seeds as assets, their tests as checks.

Keep out: SQL (dbt_project/).
"""

import io
from collections.abc import Iterator, Mapping
from contextlib import redirect_stdout
from functools import cached_property
from importlib.metadata import version
from typing import Any

import dagster as dg
from dagster_dbt import DagsterDbtTranslator, DagsterDbtTranslatorSettings, DbtCliResource, dbt_assets
from packaging.version import Version

from orchestration import alerts, modelling, pipeline
from orchestration.defs.resources import HouseResource
from orchestration.home import Home, environment_set
from orchestration.logs import Step, event

# Written by the step itself before it builds (modelling.building): what this build is, and what the last one did not
# know.
PREPARED = ("_build", "_fresh", "_metrics", "_remapped")


class Translator(DagsterDbtTranslator):
    """dbt's sources are the lake's assets; everything else belongs to the group `model`."""

    def get_asset_key(self, dbt_resource_props: Mapping[str, Any]) -> dg.AssetKey:
        if dbt_resource_props["resource_type"] == "source":
            return dg.AssetKey(["lake", dbt_resource_props["name"]])
        return dg.AssetKey([dbt_resource_props["schema"], dbt_resource_props["name"]])

    def get_group_name(self, dbt_resource_props: Mapping[str, Any]) -> str:
        return "load" if dbt_resource_props["resource_type"] == "source" else "model"


class Dbt(DbtCliResource):
    """dbt of this very environment, whose version needs no `dbt --version`: that is two seconds of imports."""

    @cached_property
    def _cli_version(self) -> Version:
        return Version(version("dbt-core"))


@dg.definitions
def defs() -> dg.Definitions:
    """The manifest is prepared when missing or old."""
    home = Home.open()
    manifest = modelling.manifest(home)

    @dbt_assets(
        manifest=manifest,
        dagster_dbt_translator=Translator(settings=DagsterDbtTranslatorSettings(enable_asset_checks=True)),
        name="model",
    )
    def model(context: dg.AssetExecutionContext, dbt: DbtCliResource, house: HouseResource) -> Iterator[Any]:
        with Step("model", context.run.run_id):
            home, keyring = house.home(), house.keyring()
            if pipeline.is_served(home) and not pipeline.Outcomes(home, context.run.run_id).failures:
                context.log.info("nothing new: what is served was made from just what the lake holds")
                pipeline.conclude_nothing_new(home, context.run.run_id)
                alerts.send(home)
                return
            target = home.folder("dbt", "target")
            with (
                modelling.building(home, keyring) as build,
                environment_set(modelling.environment(home, keyring)),
                redirect_stdout(io.StringIO()),  # where dagster-dbt repeats what dbt says: it may quote a value
            ):
                event("model.building", why_full=build.why_full)
                results = modelling.forget_results(target)
                done = dbt.cli(build.arguments(), context=context, target_path=target, raise_on_error=False)
                yield from done.stream()
                modelling.check_built(results, done.get_error())

    with environment_set(modelling.environment(home)):
        dbt = Dbt(
            project_dir=str(modelling.PROJECT),
            profiles_dir=str(modelling.PROJECT),
            dbt_executable=modelling.executable(),
        )
    prepared = [dg.AssetSpec(dg.AssetKey(["lake", name]), group_name="model") for name in PREPARED]
    return dg.Definitions(assets=[model, *prepared], resources={"dbt": dbt})
