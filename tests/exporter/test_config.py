"""Loading valid configurations: defaults, the environment, secrets and what is shown of them."""

import copy
import json
import pickle
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr, ValidationError

from exporter.assembly import build_analyses
from exporter.config import Config, ConfigError, load_config
from exporter.config_keys import KEYS, SECRETS
from exporter.config_values import DailyHours, ListenAddress

FILE_FIXTURE = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
SECRET_TEXT = st.text(st.characters(codec="ascii", exclude_categories=["Cc"]), min_size=8, max_size=40).map(
    lambda text: f"s3{text}cr"  # so that it is never a word that an error message has anyway
)


def load(tmp_path, text, environ=None):
    path = tmp_path / "sigyn.yml"
    path.write_text(text, encoding="utf-8")
    return load_config(path, environ or {})


def refusal(tmp_path, text, environ=None):
    """The error a file gives, None when it is taken."""
    try:
        load(tmp_path, text, environ)
    except ConfigError as error:
        return error
    return None


def document(location, value):
    """YAML (as JSON) with one value at a location."""
    for name in reversed(location):
        value = {name: value}
    return json.dumps(value)


@pytest.mark.parametrize(
    "text", ["", "# only a comment\n", "---\n", "\ufeff", "sources:\n  loki:\n    # url: x\ncycle:\nlog: ~\n"]
)
def test_file_without_values_gives_the_defaults(tmp_path, text):
    assert load(tmp_path, text) == Config()


def test_no_file_gives_the_defaults():
    assert load_config(None, {}) == Config()


def test_defaults_read_local_event_lines_from_telemetry():
    config = Config()
    assert config.sources.loki.url is None
    assert config.sources.local_paths == ("./telemetry",)


def test_local_files_are_not_read_beside_loki_unless_named(tmp_path):
    loki = "sources: {loki: {url: 'http://loki:3100/'}%s}"
    assert load(tmp_path, loki % "").sources.local_paths == ()
    assert load(tmp_path, loki % ", local: {paths: [a, b/*.jsonl]}").sources.local_paths == ("a", "b/*.jsonl")


def test_default_selector_names_every_agent():
    (selector,) = Config().sources.loki.selectors
    names = ("claude-code", "claude-code-desktop", "codex.*", "gemini-cli", "claude-code-hooks", "sigyn-events")
    assert selector.startswith('{service_name=~"')
    assert set(selector.removeprefix('{service_name=~"').removesuffix('"}').split("|")) == set(names)


def test_values_arrive_typed(tmp_path):
    config = load(
        tmp_path,
        """
        sources: {loki: {url: "https://loki.example/prefix/", overlap: 90, slice: 1h30m}}
        sessions: {working_hours: "22:15-24:00", weekend: [Friday], time_zone: Europe/Berlin}
        web: {listen: "[::1]:0"}
        log: {level: WARNING, format: json}
        """,
    )
    assert config.sources.loki.url == "https://loki.example/prefix"
    assert config.sources.loki.overlap == timedelta(seconds=90)
    assert config.sources.loki.slice == timedelta(minutes=90)
    assert config.sessions.working_hours == DailyHours(22.25, 24)
    assert config.sessions.working_days == (0, 1, 2, 3, 5, 6)
    assert config.web.listen == ListenAddress("::1", 0)
    assert (config.log.level, config.log.format) == ("warning", "json")


def test_tree_is_immutable():
    with pytest.raises(ValidationError):
        Config().cycle.interval = timedelta(1)


def test_plain_scalars_follow_yaml_1_2(tmp_path):
    config = load(tmp_path, "rules: {disable: [no, on, 2024-01-01, 1e]}\ntraining: {seed: 010, growth: 1e1}\n")
    assert config.rules.disable == ("no", "on", "2024-01-01", "1e")
    assert config.training.seed == 10
    assert config.training.growth == 10


def test_environment_fills_any_value(tmp_path):
    config = load(
        tmp_path,
        """
        sources:
          local: {paths: ["${HERE}/a", "$$HOME/${NAME:-b}"], max_line_bytes: "${BYTES}"}
          loki: {tls: {insecure_skip_verify: "${TRUST:-false}"}, tenant: "${TENANT:-}"}
        cycle: {interval: "${EVERY:-2m}"}
        """,
        {"HERE": "/data", "BYTES": "2048", "EVERY": "", "TRUST": "true"},
    )
    assert config.sources.local_paths == ("/data/a", "$HOME/b")
    assert config.sources.local.max_line_bytes == 2048
    assert config.sources.loki.tls.insecure_skip_verify is True
    assert config.sources.loki.tenant is None
    assert config.cycle.interval == timedelta(minutes=2)


@pytest.mark.parametrize("hostile", ["x\nlog: {level: debug}", "{a: b}", "*alias", "!!tag x", "${OTHER}", "- a"])
def test_variable_is_a_value_and_never_structure(tmp_path, hostile):
    config = load(tmp_path, "sources: {loki: {tenant: '${T}'}}", {"T": hostile, "OTHER": "filled twice"})
    assert config.sources.loki.tenant == hostile
    assert config.log == Config().log


def test_secrets_come_from_the_environment(tmp_path):
    config = load(
        tmp_path,
        "sources: {loki: {username: u, password: '${P}'}}\nstate: {url: '${URL}'}\n",
        {"P": "correct horse", "URL": "postgresql+psycopg://u:p@host/db"},
    )
    assert config.sources.loki.password == SecretStr("correct horse")
    assert config.state.url == SecretStr("postgresql+psycopg://u:p@host/db")


def test_secrets_come_from_files_without_their_line_end(tmp_path):
    (tmp_path / "token").write_bytes(b"abc def\r\n")
    config = load(tmp_path, f"sources: {{loki: {{bearer_token_file: '{tmp_path}/token'}}}}")
    assert config.sources.loki.bearer_token == SecretStr("abc def")


def test_relative_secret_file_starts_at_the_working_directory(tmp_path, monkeypatch):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (tmp_path / "url").write_text("sqlite:///state.db\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    assert load(elsewhere, "state: {url_file: url}").state.url == SecretStr("sqlite:///state.db")


def test_empty_variable_leaves_a_secret_unset(tmp_path):
    assert load(tmp_path, "state: {url: '${URL:-}'}").state.url is None


@pytest.mark.parametrize(("written", "allowed"), [("2", 2.0), ("0.5", 0.5), ("null", None), ('"${BUDGET}"', 7.0)])
def test_the_alert_budget_is_a_number_or_null_for_none(tmp_path, written, allowed):
    config = load(tmp_path, f"analyses: {{risk: {{false_alarms_per_week: {written}}}}}", {"BUDGET": "7"})
    (risk,) = (one.settings for one in build_analyses(config) if one.analysis.name == "risk")
    assert risk.false_alarms_per_week == allowed


def test_an_alert_budget_from_an_empty_variable_is_refused_and_not_taken_for_none(tmp_path):
    error = refusal(tmp_path, 'analyses: {risk: {false_alarms_per_week: "${BUDGET:-}"}}')
    assert "analyses.risk.false_alarms_per_week: must be a number" in error.errors[0]


def test_secret_with_a_line_break_is_refused(tmp_path):
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, "sources: {loki: {bearer_token: '${T}'}}", {"T": "abc\r\nX-Injected: 1"})
    (error,) = caught.value.errors
    assert error.endswith(
        ": sources.loki.bearer_token: holds a line break or control character (remove it where the secret is set)"
    )


def test_state_url_of_another_database_is_refused(tmp_path):
    with pytest.raises(ConfigError, match=r"state\.url: must be a SQLAlchemy URL"):
        load(tmp_path, "state: {url: '${URL}'}", {"URL": "mysql://host/db"})


def test_secrets_are_found_by_their_type():
    assert set(SECRETS) == {
        ("sources", "loki", "password"),
        ("sources", "loki", "bearer_token"),
        ("state", "url"),
        ("privacy", "key"),
        ("web", "read_token"),
        ("web", "verdict_token"),
    }


@FILE_FIXTURE
@given(password=SECRET_TEXT, url=SECRET_TEXT)
def test_no_view_of_the_tree_shows_a_secret(tmp_path, password, url):
    config = load(
        tmp_path,
        "sources: {loki: {username: u, password: '${P}'}}\nstate: {url: '${URL}'}\n",
        {"P": password, "URL": f"postgresql://{url}"},
    )
    assert config.sources.loki.password.get_secret_value() == password
    views = (
        repr(config),
        str(config),
        config.model_dump_json(),
        str(config.model_dump()),
        json.dumps(config.redacted()),
        repr(copy.deepcopy(config)),
        repr(pickle.loads(pickle.dumps(config))),
    )
    assert not [view for view in views if password in view or url in view]


@pytest.mark.parametrize("location", [key.location for key in KEYS.values()], ids=".".join)
@settings(FILE_FIXTURE, max_examples=5)
@given(secret=SECRET_TEXT)
def test_no_error_repeats_a_secret_put_under_the_wrong_key(tmp_path, location, secret):
    sections_and_lists = (secret, [secret], {"x": secret}, [[secret]])
    for value in sections_and_lists:
        escaped = json.loads(json.dumps(value).replace("$", "$$"))
        for text, environ in (
            (document(location, escaped), {}),
            (document(location, "${S}"), {"S": secret}),
            (document(location, ["${S}"]), {"S": secret}),
        ):
            error = refusal(tmp_path, text, environ)
            assert secret not in f"{error!r} {error}"
            assert error is None or error.__cause__ is None


@FILE_FIXTURE
@given(secret=SECRET_TEXT, prefix=st.sampled_from(["", "!", "*", "&", "%", "@", "`", "[", "{", '"', "'", "!a!"]))
def test_no_syntax_error_repeats_a_secret(tmp_path, secret, prefix):
    error = refusal(tmp_path, f"state:\n  url: {prefix}{secret}\n")
    assert error is not None, "a literal secret was taken"
    assert secret not in str(error)
    assert secret.split()[0] not in str(error)


@pytest.mark.parametrize("value", ["!hunter2!x", "!hunter2", "*hunter2", "&hunter2 x", "!<hunter2> x", "<<hunter2"])
def test_no_syntax_error_repeats_words_that_yaml_gives_a_meaning(tmp_path, value):
    error = refusal(tmp_path, f"state:\n  url: {value}\n")
    assert error is not None
    assert "hunter2" not in str(error)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.one_of(st.binary(max_size=200), st.text("{}[]:,-&*!|>'\"%@`#? \n\tab$0.~", max_size=80)))
def test_any_bytes_give_a_configuration_or_an_error_of_single_lines(tmp_path, content):
    path = tmp_path / "sigyn.yml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    lines = []
    try:
        load_config(path, {})
    except ConfigError as error:
        lines = error.errors or ["an error without lines"]
    assert all(line.isprintable() and line.startswith(f"{path}: ") for line in lines)
