"""docker-compose.yml: valid, pinned, closed to the outside, bounded, and nothing it mounts is missing."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from urllib.parse import urlsplit

import pytest
import yaml

from exporter.cli import cli
from exporter.config import load_config
from tests.stack.stack_files import (
    COMPOSE,
    COMPOSE_FILE,
    LASTING,
    ONE_OFF,
    ROOT,
    SERVICES,
    bind_mounts,
    mounted_file,
    mounts,
    option,
)

PINNED = re.compile(r"^[\w./-]+:v?\d+\.\d+\.\d+$")
EVERY_SERVICE = sorted(SERVICES)


def test_the_file_follows_the_compose_specification():
    # check-jsonschema brings the specification's schema with it, so nothing of it is copied here or fetched.
    checker = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec"]
    run = subprocess.run([*checker, str(COMPOSE_FILE)], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr


def test_a_plain_up_starts_the_five_servers_and_the_profiles_add_one_each():
    profiles = {name: tuple(service.get("profiles", ())) for name, service in SERVICES.items()}
    assert {name for name, wanted in profiles.items() if not wanted} - ONE_OFF == {
        "loki", "prometheus", "alertmanager", "grafana", "sigyn",
    }  # fmt: skip
    assert profiles["simulator"] == ("demo",)
    assert profiles["collector"] == ("collector",)


@pytest.mark.parametrize("service", EVERY_SERVICE)
def test_images_are_pinned_to_a_release_or_built_here(service):
    image = SERVICES[service]["image"]
    if "build" in SERVICES[service]:
        assert image.endswith(":local")
    else:
        assert PINNED.match(image), f"{image} is not pinned to a release"


@pytest.mark.parametrize("service", EVERY_SERVICE)
def test_ports_are_open_on_loopback_only(service):
    for port in SERVICES[service].get("ports", []):
        assert re.fullmatch(r"127\.0\.0\.1:(\d+):\1", port), f"{service} publishes {port}"


def test_no_two_services_publish_the_same_port():
    ports = [port for service in SERVICES.values() for port in service.get("ports", [])]
    assert len(ports) == len(set(ports))


@pytest.mark.parametrize("service", EVERY_SERVICE)
def test_services_have_no_more_rights_than_they_need(service):
    settings = SERVICES[service]
    assert settings["read_only"] is True
    assert settings["cap_drop"] == ["ALL"]
    assert settings["security_opt"] == ["no-new-privileges:true"]
    assert settings.keys().isdisjoint({"privileged", "cap_add", "network_mode", "pid", "ipc", "userns_mode", "devices"})


@pytest.mark.parametrize("service", EVERY_SERVICE)
def test_services_are_bounded_in_memory_processors_processes_and_log(service):
    limits = SERVICES[service]["deploy"]["resources"]["limits"]
    assert limits.keys() == {"cpus", "memory", "pids"}
    assert SERVICES[service]["logging"]["options"].keys() == {"max-size", "max-file"}


@pytest.mark.parametrize("service", LASTING)
def test_lasting_services_come_back_and_say_how_they_are(service):
    assert SERVICES[service]["restart"] == "unless-stopped"
    check = SERVICES[service]["healthcheck"]
    assert check.keys() >= {"test", "interval", "timeout", "retries", "start_period"}
    assert check["test"][0] == "CMD", "a shell is not in every image"


@pytest.mark.parametrize("service", sorted(ONE_OFF))
def test_somebody_waits_for_a_service_that_ends(service):
    waiting = [other.get("depends_on", {}).get(service) for other in SERVICES.values()]
    assert {"condition": "service_completed_successfully"} in waiting


@pytest.mark.parametrize("service", EVERY_SERVICE)
def test_whoever_waits_for_a_lasting_service_waits_until_it_is_healthy(service):
    for other, wanted in SERVICES[service].get("depends_on", {}).items():
        assert wanted["condition"] == ("service_completed_successfully" if other in ONE_OFF else "service_healthy")


@pytest.mark.parametrize("service", EVERY_SERVICE)
def test_everything_mounted_from_the_repository_exists_and_is_read_only(service):
    for source, target, is_read_only in bind_mounts(service):
        assert source.exists(), f"{service}: {source} is missing"
        assert is_read_only, f"{service} could write to {target}"


def test_grafana_finds_dashboards_where_its_provider_looks():
    providers = yaml.safe_load(mounted_file("grafana", "/etc/grafana/provisioning/dashboards/sigyn.yml").read_text())
    for provider in providers["providers"]:
        assert list(mounted_file("grafana", provider["options"]["path"]).glob("*.json"))


def test_grafanas_data_sources_are_services_of_the_stack():
    sources = yaml.safe_load(mounted_file("grafana", "/etc/grafana/provisioning/datasources/sigyn.yml").read_text())
    addresses = {source["type"]: source["url"] for source in sources["datasources"]}
    assert addresses.keys() >= {"prometheus", "loki"}
    assert {urlsplit(address).hostname for address in addresses.values()} <= SERVICES.keys()


def test_all_state_is_in_named_volumes_and_every_volume_is_used():
    named = {source for service in SERVICES for source, _, _ in mounts(service) if source[0] not in "./"}
    assert named == set(COMPOSE["volumes"])


def test_files_named_on_command_lines_are_in_the_repository():
    assert mounted_file("loki", option("loki", "config.file")).is_file()
    assert mounted_file("prometheus", option("prometheus", "config.file")).is_file()
    assert mounted_file("alertmanager-config", SERVICES["alertmanager-config"]["entrypoint"][1]).is_file()
    assert mounted_file("collector", "/etc/otelcol-contrib/config.yml").is_file()


def test_alertmanager_reads_what_was_rendered_for_it_as_the_user_it_was_rendered_by():
    folder = SERVICES["alertmanager-config"]["command"][1]
    assert ("alertmanager-config", folder, False) in mounts("alertmanager-config")
    assert ("alertmanager-config", folder, True) in mounts("alertmanager")
    assert option("alertmanager", "config.file") == f"{folder}/alertmanager.yml"
    # Templates are found beside render.py, so both see them at the same place.
    assert set(bind_mounts("alertmanager-config")) <= set(bind_mounts("alertmanager"))
    assert SERVICES["alertmanager-config"]["user"] == "65534:65534", "nobody, which the image runs as"


def test_prometheus_scrapes_services_that_exist():
    config = yaml.safe_load(mounted_file("prometheus", option("prometheus", "config.file")).read_text())
    targets = [
        target
        for job in config["scrape_configs"]
        for group in job.get("static_configs", [])
        for target in group["targets"]
    ]
    hosts = {target.split(":")[0] for target in targets} - {"localhost"}
    assert "sigyn:9847" in targets
    assert hosts <= SERVICES.keys() - ONE_OFF


def test_the_exporter_reads_the_stacks_loki_and_answers_where_it_is_published():
    config = load_config(mounted_file("sigyn", "/etc/sigyn/config.yml"), {})
    assert config.sources.loki.url == "http://loki:3100"
    assert str(config.web.listen) == "0.0.0.0:9847"
    assert "127.0.0.1:9847:9847" in SERVICES["sigyn"]["ports"]
    state = str(config.state.directory)
    assert any(state.startswith(target) for _, target, is_read_only in mounts("sigyn") if not is_read_only)


def test_loki_keeps_more_than_the_exporter_reads_back():
    loki = yaml.safe_load(mounted_file("loki", option("loki", "config.file")).read_text())
    config = load_config(mounted_file("sigyn", "/etc/sigyn/config.yml"), {})
    kept = int(loki["limits_config"]["retention_period"].removesuffix("d"))
    accepted = int(loki["limits_config"]["reject_old_samples_max_age"].removesuffix("d"))
    assert kept > max(config.sources.loki.lookback, config.training.window).days
    assert accepted >= kept
    assert loki["limits_config"]["max_entries_limit_per_query"] >= config.sources.loki.page_limit


@pytest.mark.parametrize("service", ["simulator"])
def test_sigyn_knows_the_commands_it_is_started_with(service):
    name, *arguments = SERVICES[service]["command"]
    command = cli.commands[name]
    command.make_context(name, arguments)


def test_no_secret_is_in_the_file():
    words = re.compile(r"password|passwd|secret|token|api_?key|webhook", re.IGNORECASE)
    values = [
        (name, key)
        for name, service in SERVICES.items()
        for key, value in service.get("environment", {}).items()
        if words.search(key) and value
    ]
    assert not values


def test_grafana_has_no_account_to_log_in_with():
    environment = SERVICES["grafana"]["environment"]
    assert environment["GF_SECURITY_DISABLE_INITIAL_ADMIN_CREATION"] == "true"
    assert environment["GF_AUTH_BASIC_ENABLED"] == "false"
    assert environment["GF_AUTH_DISABLE_LOGIN_FORM"] == "true"
    assert environment["GF_AUTH_ANONYMOUS_ORG_ROLE"] != "Admin"


@pytest.mark.live
@pytest.mark.skipif(shutil.which("docker") is None, reason="needs the docker command on PATH")
def test_compose_itself_accepts_the_file():
    can_compose = subprocess.run(["docker", "compose", "version"], capture_output=True, check=False).returncode == 0
    if not can_compose:
        pytest.skip("needs the compose plugin of docker")
    command = ["docker", "compose", "--profile", "demo", "--profile", "collector", "config", "--quiet"]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
