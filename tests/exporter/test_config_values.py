"""How values are written and read: durations, hours, addresses, URLs, selectors."""

from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from exporter.config_values import (
    DailyHours,
    ListenAddress,
    check_http_url,
    check_selector,
    check_state_url,
    check_time_zone,
    format_duration,
    parse_daily_hours,
    parse_duration,
    parse_listen,
)

UNITS = {"y": 31_536_000, "w": 604_800, "d": 86_400, "h": 3600, "m": 60, "s": 1}
DURATIONS = st.timedeltas(timedelta(0), timedelta(days=3650))
COMMON = settings(max_examples=100, deadline=None)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("30s", 30),
        ("5m", 300),
        ("1h", 3600),
        ("30d", 2_592_000),
        ("1h30m", 5400),
        ("2w", 1_209_600),
        ("1y", 31_536_000),
        ("250ms", 0.25),
        ("1m1ms", 60.001),
        ("0", 0),
        ("0s", 0),
        ("90", 90),
        ("1.5", 1.5),
        (90, 90),
        (0.5, 0.5),
        (" 30s ", 30),
    ],
)
def test_duration_is_read_like_prometheus_or_as_seconds(text, seconds):
    assert parse_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    "value",
    [
        "",
        "s",
        "-5m",
        -1,
        "5 m",
        "5M",
        "1m1h",
        "1h1h",
        "1.5h",
        "1h30",
        "nan",
        float("nan"),
        float("inf"),
        "inf",
        True,
        None,
        [],
        "11y",
        "9" * 5000 + "d",
        "9" * 5000,
        "٣s",
        "1:30",
    ],
)
def test_what_is_no_duration_is_refused_without_repeating_it(value):
    with pytest.raises(ValueError, match=r"^(is not a duration|must lie between 0 and 3650d)"):
        parse_duration(value)


@COMMON
@given(st.lists(st.integers(0, 500), min_size=6, max_size=6))
def test_duration_is_the_sum_of_its_units(counts):
    text = "".join(f"{count}{unit}" for count, unit in zip(counts, UNITS, strict=True))
    seconds = sum(count * length for count, length in zip(counts, UNITS.values(), strict=True))
    if seconds > 3650 * 86_400:
        with pytest.raises(ValueError, match="must lie between"):
            parse_duration(text)
    else:
        assert parse_duration(text) == timedelta(seconds=seconds)


@COMMON
@given(DURATIONS)
def test_duration_survives_being_written_and_read(duration):
    assert parse_duration(format_duration(duration)) == duration


@COMMON
@given(st.text())
def test_any_text_is_a_duration_or_refused(text):
    try:
        duration = parse_duration(text)
    except ValueError:
        duration = None
    assert duration is None or timedelta(0) <= duration <= timedelta(days=3650)


@pytest.mark.parametrize(
    ("duration", "text"),
    [
        (timedelta(days=30), "30d"),
        (timedelta(minutes=90), "1h30m"),
        (timedelta(0), "0s"),
        (timedelta(milliseconds=1500), "1s500ms"),
        (timedelta(microseconds=1), "0.000001"),
    ],
)
def test_duration_is_written_in_days_and_smaller_units(duration, text):
    assert format_duration(duration) == text


@pytest.mark.parametrize("value", ["8:00-19:00", "08:00", "08:60-19:00", "08:00-24:01", "19:00-19:00", 8, None])
def test_what_are_no_daily_hours_is_refused(value):
    with pytest.raises(ValueError, match=r"^must "):
        parse_daily_hours(value)


def test_daily_hours_are_hours_since_midnight():
    assert parse_daily_hours("08:30-24:00") == DailyHours(8.5, 24)
    assert str(DailyHours(8.5, 24)) == "08:30-24:00"


@COMMON
@given(st.integers(0, 1439), st.integers(1, 1440))
def test_daily_hours_survive_being_written_and_read(one, other):
    if one < other:
        hours = DailyHours(one / 60, other / 60)
        assert parse_daily_hours(str(hours)) == hours


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("127.0.0.1:9847", ListenAddress("127.0.0.1", 9847)),
        ("localhost:0", ListenAddress("localhost", 0)),
        ("[::1]:65535", ListenAddress("::1", 65535)),
    ],
)
def test_listen_address_survives_being_read_and_written(text, address):
    assert parse_listen(text) == address
    assert str(address) == text


@pytest.mark.parametrize("value", [":9847", "localhost", "::1:9847", "a b:1", "host:65536", "host:-1", 9847, "[x]:1"])
def test_what_is_no_listen_address_is_refused(value):
    with pytest.raises(ValueError, match="must be HOST:PORT"):
        parse_listen(value)


@pytest.mark.parametrize(
    "url",
    [
        "loki:3100",
        "http://",
        "http://:3100",
        "http://h:0",
        "http://h:99999",
        "http://[::1",
        "http://h/a b",
        "http://h\n",
        "http://u@h",
        "http://h?x=1",
        "http://h#x",
        "file:///etc/passwd",
    ],
)
def test_url_that_cannot_be_a_base_is_refused(url):
    with pytest.raises(ValueError, match=r"^(must|holds)"):
        check_http_url(url)


def test_url_keeps_its_path_and_loses_its_last_slash():
    assert check_http_url("https://[::1]:3100/loki/") == "https://[::1]:3100/loki"


@pytest.mark.parametrize(
    "selector",
    [
        '{service_name="claude-code"}',
        '{ service_name =~ "a|b" , env != "prod" }',
        '{path=~"C:\\\\.*", quote="a\\"}b"}',
        "{a=`x{1,2}`}",
    ],
)
def test_stream_selector_is_taken(selector):
    assert check_selector(f" {selector} ") == selector


@pytest.mark.parametrize(
    "selector",
    ["{}", "{", "}", "", "a", '{a="b"', '{a="b",}', '{a=="b"}', '{a="b"} |= "x"', '{a="b" c="d"}', "{a=b}", '{1a="b"}'],
)
def test_what_is_no_stream_selector_is_refused(selector):
    with pytest.raises(ValueError, match=r"^(must be a stream selector|needs one matcher)"):
        check_selector(selector)


@pytest.mark.parametrize("selector", ['{a!="b"}', '{a=""}', '{a=~".*"}', '{a!~"b"}'])
def test_selector_that_loki_refuses_as_too_wide_is_refused(selector):
    with pytest.raises(ValueError, match="needs one matcher"):
        check_selector(selector)


@pytest.mark.parametrize("name", ["Europe", "../UTC", "/etc/localtime", "Nowhere/Land", "\0", "a" * 5000])
def test_unknown_time_zone_is_refused(name):
    with pytest.raises(ValueError, match="is not a known time zone"):
        check_time_zone(name)


@pytest.mark.parametrize("url", ["sqlite:///a.db", "postgresql://h/d", "postgresql+psycopg://u:p@h/d"])
def test_state_url_of_sqlite_or_postgresql_is_taken(url):
    assert check_state_url(SecretStr(url)) == SecretStr(url)
