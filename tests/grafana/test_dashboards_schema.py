"""The committed dashboards against Grafana's own types, those of the npm package ``@grafana/schema``.

Each dashboard and each panel becomes an object literal of its type, which TypeScript checks for wrong, missing and
superfluous properties. Nothing is fetched: ``SIGYN_GRAFANA_SCHEMA`` names a ``node_modules`` that holds the package and
``typescript``; docs/dashboards.md says how to make one.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.grafana.dashboard_files import DASHBOARDS, panels

MODULES = os.path.realpath(os.environ["SIGYN_GRAFANA_SCHEMA"]) if "SIGYN_GRAFANA_SCHEMA" in os.environ else ""
pytestmark = [
    pytest.mark.live,
    pytest.mark.skipif(
        not MODULES or shutil.which("node") is None,
        reason="needs node, and SIGYN_GRAFANA_SCHEMA to name a node_modules with @grafana/schema and typescript",
    ),
]

KINDS = {"timeseries", "stat", "bargauge", "table", "logs"}
WITH_FIELD_SETTINGS = {"timeseries", "table"}
OUTSIDE_THE_TYPES = {
    "auto", "auto_count", "auto_min",  # of variables of type interval; the SDK writes their defaults for every type
    "definition",  # of variables that query: Grafana writes and reads it, the type has not got it
    "footer",  # of tables before Grafana 13; the SDK still writes its default, "show": false
    "expr", "maxLines", "titleFormat",  # of annotations: the Loki data source's own, which no shared type knows
}  # fmt: skip
"""What is left out of the check: properties of variables, annotations and options that Grafana passes over or hands on."""
PREAMBLE = """\
import type { Dashboard, Panel } from '@grafana/schema';
// A JSON file holds the text of an enumeration's member, not the member.
type Written<T> = T extends string ? `${T}` : T extends (infer Each)[] ? Written<Each>[]
  : T extends object ? { [Key in keyof T]: Written<T[Key]> } : T;
type PanelOf<Options, Settings> = Omit<Panel<any, any>, 'options' | 'fieldConfig'> & {
  options?: Partial<Options>;
  fieldConfig?: {
    defaults: Omit<NonNullable<Panel['fieldConfig']>['defaults'], 'custom'> & { custom?: Partial<Settings> };
    overrides: NonNullable<Panel['fieldConfig']>['overrides'];
  };
};
"""


def imports() -> str:
    types = f"{MODULES}/@grafana/schema/dist/types/raw/composable"
    return "".join(f"import type * as {kind} from '{types}/{kind}/panelcfg/x/types.gen';\n" for kind in sorted(KINDS))


def typed(value: Any) -> Any:
    """The value without what the types cannot know."""
    if isinstance(value, list):
        return [typed(each) for each in value]
    if isinstance(value, dict):
        return {name: typed(each) for name, each in value.items() if name not in OUTSIDE_THE_TYPES}
    return value


def literal(number: int, panel: dict[str, Any]) -> str:
    kind = panel["type"]
    settings = f"{kind}.FieldConfig" if kind in WITH_FIELD_SETTINGS else "Record<string, never>"
    return f"const panel{number}: Written<PanelOf<{kind}.Options, {settings}>> = {json.dumps(typed(panel))};\n"


def compiled(source: str, folder: Path) -> subprocess.CompletedProcess[str]:
    (folder / "node_modules").symlink_to(MODULES)
    (folder / "check.ts").write_text(f"{PREAMBLE}{imports()}{source}")
    options = ["--noEmit", "--strict", "--skipLibCheck", "--target", "es2022", "--moduleResolution", "bundler"]
    command = ["node", f"{MODULES}/typescript/bin/tsc", *options, "--module", "esnext", "check.ts"]
    return subprocess.run(command, capture_output=True, text=True, cwd=folder, timeout=120, check=False)


def test_dashboards_and_panels_have_the_types_of_grafana(tmp_path: Path):
    assert {panel["type"] for _, panel in panels()} == KINDS
    frames = [{name: part for name, part in one.items() if name != "panels"} for one in DASHBOARDS.values()]
    source = "".join(
        f"const frame{number}: Written<Omit<Dashboard, 'panels'>> = {json.dumps(typed(frame))};\n"
        for number, frame in enumerate(frames)
    )
    source += "".join(literal(number, panel) for number, (_, panel) in enumerate(panels()))
    checked = compiled(source, tmp_path)
    assert checked.returncode == 0, checked.stdout[:4000]


@pytest.mark.parametrize("wrong", [{"options": {"shwoTime": True}}, {"options": {"sortOrder": "Up"}}, {"gridPoz": {}}])
def test_a_misspelt_property_or_value_is_found(wrong: dict[str, Any], tmp_path: Path):
    panel = next(panel for _, panel in panels() if panel["type"] == "logs")
    changed = {**panel, **wrong, "options": {**panel["options"], **wrong.get("options", {})}}
    assert compiled(literal(0, changed), tmp_path).returncode != 0
