"""A rule's plain words spare its pattern most texts, and never one that holds a word."""

import re

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.rule_matching import Match, TableView, TextPattern
from tests.builders import table_of, use

letters = st.text(alphabet="abİé \U0001f600", max_size=8)


@given(st.lists(letters, max_size=8), st.lists(letters.filter(bool).map(str.lower), min_size=1, max_size=3))
@settings(deadline=None, max_examples=150)
def test_exactly_the_texts_that_contain_a_word_are_looked_at(urls, words):
    table = table_of(*(use(k, "WebFetch", tool_input={"url": url}) for k, url in enumerate(urls)))
    found = Match(details={"url": TextPattern(re.compile(""), tuple(words))}).rows(TableView(table))
    expected = [k for k, url in enumerate(urls) if any(word in url.lower() for word in words)]
    assert found.tolist() == expected


def test_a_word_does_not_reach_from_one_text_into_the_next():
    table = table_of(*(use(k, "WebFetch", tool_input={"url": url}) for k, url in enumerate(["ab", "cd", "abcd"])))
    found = Match(details={"url": TextPattern(None, ("bc",))}).rows(TableView(table))
    assert np.array_equal(found, [2])
