import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.decoders.values import first_line, flag, json_chars, json_object, number, person, text, unix_seconds


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("42", 42),
        ("-1", -1),
        ("0.5", 0.5),
        (7, 7),
        (0.25, 0.25),
        ("undefined", None),
        ("", None),
        ("inf", None),
        ("nan", None),
        ("9" * 400, None),
        (math.inf, None),
        (2**80, 2.0**80),
        (10**400, None),
        ("1e300", 1e300),
        (True, None),
        (None, None),
        ([1], None),
    ],
)
def test_numbers(value, expected):
    found = number(value)
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize(
    ("value", "expected"), [("true", True), ("false", False), (True, True), ("yes", None), (1, None)]
)
def test_flags(value, expected):
    assert flag(value) is expected


def test_texts():
    assert text("a") == "a"
    assert text(12) == "12"
    assert [text(value) for value in ("", None, True, 1.5, {}, 2**80)] == [None] * 6


def test_an_email_names_nobody():
    assert person("u-1") == "u-1"
    assert person("dev@example.com") is None


def test_an_error_is_its_first_line():
    assert first_line("  Exit code 1\nmore") == "Exit code 1"
    assert first_line("\n\n") is None
    assert first_line(503) == "503"
    assert first_line({"message": "x"}) is None


def test_objects_are_read_from_text_where_it_holds_one():
    assert json_object('{"a":1}') == {"a": 1}
    assert json_object({"a": 1}) == {"a": 1}
    assert [json_object(value) for value in ('{"a":', "[1]", "a", None, 3)] == [None] * 5


def test_a_value_nested_too_deeply_to_write_has_no_size():
    nested = []
    for _ in range(600):
        nested = [nested]
    assert json_chars(nested) is None
    assert json_chars({"a": "é"}) == 9


@settings(max_examples=100, deadline=None)
@given(st.integers(min_value=0, max_value=4_000_000_000_000_000))
def test_unix_seconds_hold_whole_microseconds(microseconds):
    assert round(unix_seconds(microseconds * 1000 + 999) * 1e6) == microseconds
