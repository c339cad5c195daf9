"""The stack of docker-compose.yml: no server asks for a password there, so addresses and names have to close it."""

from pathlib import Path

import pytest
import yaml

from exporter.config import load_config
from exporter.web.host_check import is_own_host
from exporter.web_access import load_web_security

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def access():
    config = load_config(ROOT / "exporter" / "config.stack.yml", {})
    return load_web_security(config.web, config.web.listen).access


def test_the_exporter_starts_there_and_prometheus_may_ask_for_it_by_its_service_name(access):
    scraped = yaml.safe_load((ROOT / "prometheus" / "prometheus.yml").read_text())["scrape_configs"]
    (targets,) = [job["static_configs"][0]["targets"] for job in scraped if job["job_name"] == "sigyn"]
    assert all(is_own_host(target, access.hosts) for target in targets)
    assert is_own_host("localhost:9847", access.hosts)


def test_no_other_name_reads_it_through_a_visitors_browser(access):
    assert not is_own_host("evil.example:9847", access.hosts)


def test_its_port_is_published_on_the_loopback_address_only():
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    assert compose["services"]["sigyn"]["ports"] == ["127.0.0.1:9847:9847"]
