"""Filling references to the environment."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.config_environment import UnfilledError, fill, substitute

NAMES = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,10}", fullmatch=True)
COMMON = settings(max_examples=100, deadline=None)


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("${A}", "one"),
        ("x${A}y${B}z", "xoneytwoz"),
        ("${EMPTY}", ""),
        ("${EMPTY:-d}", "d"),
        ("${UNSET:-d e:f}", "d e:f"),
        ("${UNSET:-}", ""),
        ("$${A}", "${A}"),
        ("$$$${A}", "$${A}"),
        ("$A $ a$", "$A $ a$"),
        ("${REFERENCE}", "${A}"),
    ],
)
def test_references_are_filled(text, filled):
    environ = {"A": "one", "B": "two", "EMPTY": "", "REFERENCE": "${A}"}
    assert substitute(text, environ) == filled


def test_unset_variable_is_named_with_its_remedies():
    with pytest.raises(UnfilledError) as caught:
        substitute("${LOKI_URL}", {})
    message = "environment variable LOKI_URL is not set (set it, or write ${LOKI_URL:-default})"
    assert str(caught.value) == message


@pytest.mark.parametrize("text", ["${", "${}", "${1A}", "${A", "${A:-${B}}", "${A-b}", "${A:-{}"])
def test_malformed_reference_is_refused(text):
    with pytest.raises(UnfilledError, match="begins no"):
        substitute(text, {"A": "a", "B": "b"})


@COMMON
@given(text=st.text(), environ=st.dictionaries(NAMES, st.text()))
def test_doubled_dollars_keep_any_text_as_it_is(text, environ):
    assert substitute(text.replace("$", "$$"), environ) == text


@COMMON
@given(name=NAMES, value=st.text(), before=st.text("ab:{}", max_size=5), after=st.text("ab:{}", max_size=5))
def test_value_arrives_unchanged_between_its_surroundings(name, value, before, after):
    assert substitute(f"{before}${{{name}}}{after}", {name: value}) == before + value + after


@COMMON
@given(value=st.text())
def test_filling_changes_texts_and_nothing_else(value):
    tree = {"a": ["${V}", 1, None, True], "b": {"c": "${V}", "${V}": 2.5}}
    filled, problems = fill(tree, {"V": value})
    assert filled == {"a": [value, 1, None, True], "b": {"c": value, "${V}": 2.5}}
    assert problems == []


@pytest.mark.parametrize("value", ["x", "${A}x", " ${A}", "$$", "${A:-x}", 1, True, ["${A}"], {"a": "${A}"}])
def test_secret_that_stands_in_the_file_is_taken_out(value):
    filled, problems = fill({"state": {"url": value}}, {"A": "a"})
    assert filled == {"state": {"url": None}}
    (problem,) = problems
    assert problem.location == ("state", "url")
    assert problem.message.startswith("a secret must not stand in the file")
