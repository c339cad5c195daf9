"""What Grafana is given at its start: data sources, and where the dashboards lie."""

from __future__ import annotations

import yaml

from tests.grafana.dashboard_files import DASHBOARDS, GENERATED


def test_provisioned_dashboards_are_the_generated_ones_and_cannot_be_edited():
    folder = GENERATED.parent / "provisioning"
    (provider,) = yaml.safe_load((folder / "dashboards.yml").read_text())["providers"]
    assert (provider["type"], provider["allowUiUpdates"]) == ("file", False)


def test_provisioned_data_sources_cover_what_the_variables_offer():
    folder = GENERATED.parent / "provisioning"
    sources = {one["type"]: one for one in yaml.safe_load((folder / "datasources.yml").read_text())["datasources"]}
    offered = {
        one["query"] for d in DASHBOARDS.values() for one in d["templating"]["list"] if one["type"] == "datasource"
    }
    assert offered <= set(sources)
    assert [kind for kind, one in sources.items() if one.get("isDefault")] == ["prometheus"]


def test_provisioned_prometheus_knows_the_scrape_interval_that_rates_depend_on():
    root = GENERATED.parents[1]
    sources = yaml.safe_load((root / "grafana" / "provisioning" / "datasources.yml").read_text())["datasources"]
    scraping = yaml.safe_load((root / "prometheus" / "prometheus.yml").read_text())["global"]["scrape_interval"]
    assert next(one for one in sources if one["type"] == "prometheus")["jsonData"]["timeInterval"] == scraping
