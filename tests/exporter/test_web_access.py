"""Who may reach the web server: what is refused before it starts, and what follows the files while it runs."""

import logging
import os

import bcrypt
import pytest

from exporter.checked_config import checked_config
from exporter.config import Config, ConfigError, load_config
from exporter.config_values import parse_listen
from exporter.web_access import LOOK_SECONDS, WebAccess, load_web_security
from tests.exporter.running import Clock, exporter_of, run_command, sample, write_config

TOKEN = "t" * 20
CLOSED = ["0.0.0.0:9847", "[::]:9847", "192.0.2.1:80", "sigyn.example:9847", "[::ffff:127.0.0.1]:1", "128.0.0.1:1"]
LOOPBACK = ["127.0.0.1:9847", "127.8.8.8:1", "[::1]:9847", "localhost:0", "LOCALHOST:9847"]
HASHES = {name: bcrypt.hashpw(name.encode(), bcrypt.gensalt(4)).decode() for name in ("mara", "omar")}


def web(**keys):
    return Config.model_validate({"web": keys}).web


def write_users(path, *names):
    lines = "".join(f"  {name}: {HASHES[name]}\n" for name in names)
    path.write_text("basic_auth_users:\n" + lines if names else "", encoding="utf-8")
    return path


@pytest.mark.parametrize("address", LOOPBACK)
def test_on_a_loopback_address_nobody_has_to_authenticate(address):
    access = load_web_security(web(), parse_listen(address)).access
    assert access.is_open
    assert access.hosts is not None


@pytest.mark.parametrize("address", CLOSED)
def test_an_address_that_others_reach_is_refused_without_authentication(tmp_path, address):
    listen = parse_listen(address)
    with pytest.raises(ConfigError, match="not a loopback address") as refused:
        load_web_security(web(), listen)
    assert len(refused.value.errors) == 1
    with pytest.raises(ConfigError, match="not a loopback address"):
        load_web_security(web(config_file=write_users(tmp_path / "web.yml")), listen)


@pytest.mark.parametrize("address", CLOSED)
def test_it_is_served_with_users_a_token_or_the_explicit_word(tmp_path, address):
    listen = parse_listen(address)
    assert not load_web_security(web(config_file=write_users(tmp_path / "web.yml", "mara")), listen).access.is_open
    assert not load_web_security(web(read_token=TOKEN), listen).access.is_open
    allowed = load_web_security(
        web(allow_unauthenticated=True, allowed_hosts=["Sigyn"], external_url="https://Risk.Example/x"), listen
    )
    assert allowed.access.is_open
    assert {"sigyn", "risk.example"} <= allowed.access.hosts


def test_with_authentication_any_host_name_is_answered():
    assert load_web_security(web(read_token=TOKEN), parse_listen("127.0.0.1:1")).access.hosts is None


@pytest.mark.parametrize(
    ("command", "arguments"),
    [("serve", ["--listen", "0.0.0.0:0"]), ("demo", ["--listen", "0.0.0.0:0", "--sessions", "40"])],
)
def test_commands_refuse_to_open_up_in_one_line(tmp_path, capsys, command, arguments):
    config = ["--config", write_config(tmp_path)] if command == "serve" else []
    assert run_command(command, *config, *arguments) == 2
    errors = capsys.readouterr().err.splitlines()
    assert len(errors) == 1
    assert errors[0].startswith("web.listen: 0.0.0.0:0 is not a loopback address")
    assert not (tmp_path / "state").exists()


def test_check_config_tells_of_the_address_and_of_the_web_configuration_file(tmp_path):
    with pytest.raises(ConfigError, match="not a loopback address"):
        checked_config(write_config(tmp_path, web={"listen": "0.0.0.0:9847"}), {})
    (tmp_path / "web.yml").write_text("basic_auth_users: {mara: x}\n")
    with pytest.raises(ConfigError, match=r"web\.yml: basic_auth_users\.mara: must be a bcrypt hash"):
        checked_config(write_config(tmp_path, web={"config_file": str(tmp_path / "web.yml")}), {})
    with pytest.raises(ConfigError, match=r"web\.config_file: there is no such file") as missing:
        checked_config(write_config(tmp_path, web={"config_file": str(tmp_path / "none.yml")}), {})
    assert len(missing.value.errors) == 1


@pytest.mark.parametrize("token", ["short", "x" * 15, "sixteen chars ok?", "ümlauts-are-none-here", "a b" * 10])
def test_a_token_that_could_be_guessed_or_not_be_sent_is_refused(tmp_path, token):
    config = write_config(tmp_path, web={"read_token": "${TOKEN}"})
    with pytest.raises(ConfigError, match=r"web\.read_token: must") as refused:
        load_config(config, {"TOKEN": token})
    assert token not in str(refused.value)


def test_a_token_comes_from_the_environment_or_a_file_and_stands_nowhere_else(tmp_path):
    with pytest.raises(ConfigError, match=r"web\.verdict_token: a secret must not stand in the file"):
        load_config(write_config(tmp_path, web={"verdict_token": TOKEN}), {})
    (tmp_path / "token").write_text(TOKEN + "\n")
    config = load_config(write_config(tmp_path, web={"verdict_token_file": str(tmp_path / "token")}), {})
    assert config.web.verdict_token.get_secret_value() == TOKEN
    assert TOKEN not in repr(config) + str(config.redacted())


def following(settings, address="127.0.0.1:1"):
    clock = Clock(0.0)
    return WebAccess(lambda: settings[0], parse_listen(address), clock), clock


def rewrite(path, *names):
    """Another content, with a time of change that even a coarse clock tells apart."""
    before = path.stat().st_mtime_ns
    write_users(path, *names)
    os.utime(path, ns=(before + 1_000_000_000, before + 1_000_000_000))


def test_a_changed_file_is_in_force_within_a_second_without_a_reload(tmp_path):
    file = write_users(tmp_path / "web.yml", "mara")
    access, clock = following([web(config_file=file)])
    assert set(access.current().users.hashes) == {"mara"}
    rewrite(file, "mara", "omar")
    assert set(access.current().users.hashes) == {"mara"}, "the file is looked at with every request"
    clock.now += LOOK_SECONDS
    assert set(access.current().users.hashes) == {"mara", "omar"}


@pytest.mark.parametrize("change", ["broken", "gone"])
def test_a_file_that_cannot_be_used_leaves_what_was_before_and_is_told_once(tmp_path, caplog, change):
    file = write_users(tmp_path / "web.yml", "mara")
    access, clock = following([web(config_file=file)])
    if change == "gone":
        file.unlink()
    else:
        file.write_text("basic_auth_users: [")
    with caplog.at_level(logging.INFO):
        for _ in range(3):
            clock.now += LOOK_SECONDS
            assert set(access.current().users.hashes) == {"mara"}
    assert sum("not reloaded" in record.message for record in caplog.records) == 1
    write_users(file, "omar")
    clock.now += LOOK_SECONDS
    assert set(access.current().users.hashes) == {"omar"}


def test_a_file_that_loses_its_users_does_not_open_an_address_that_others_reach(tmp_path, caplog):
    file = write_users(tmp_path / "web.yml", "mara")
    access, clock = following([web(config_file=file)], "0.0.0.0:9847")
    rewrite(file)
    clock.now += LOOK_SECONDS
    assert not access.current().is_open
    assert "not a loopback address" in caplog.text


def test_passwords_that_are_known_stay_known_when_something_else_changes(tmp_path):
    file = write_users(tmp_path / "web.yml", "mara")
    access, clock = following([web(config_file=file)])
    assert access.current().users.check("mara", b"mara")
    file.write_text(file.read_text() + "rate_limit: {burst: 7}\n")
    clock.now += LOOK_SECONDS
    assert access.current().rate.burst == 7
    assert access.current().users.remembers("mara", b"mara")
    rewrite(file, "omar")
    clock.now += LOOK_SECONDS
    assert not access.current().users.remembers("mara", b"mara")


def test_tokens_are_followed_with_the_configuration():
    settings = [web(read_token=TOKEN)]
    access, _ = following(settings)
    old = access.current().tokens
    assert old.permissions(TOKEN.encode())
    settings[0] = web(read_token="u" * 20)
    assert not access.current().tokens.permissions(TOKEN.encode())
    assert access.current().tokens.permissions(b"u" * 20)


def test_a_reload_that_would_open_an_address_is_refused_as_a_whole(tmp_path):
    config_file = write_config(tmp_path, web={"read_token": "${SIGYN_TEST_TOKEN:-}"})
    with exporter_of(tmp_path, Clock(), config_file, web={"read_token": TOKEN}) as exporter:
        access = WebAccess(lambda: exporter.config.web, parse_listen("0.0.0.0:9847"))
        exporter.check_reload = access.check
        (error,) = exporter.reload().errors
        assert "not a loopback address" in error
        assert not access.current().is_open
        assert sample(exporter, "sigyn_config_last_reload_successful") == 0
