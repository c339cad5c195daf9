import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.web.wording import ago, inert, middle_cut, number, score, span, utc


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0.0, "0 s"), (0.42, "0.42 s"), (9.97, "10 s"), (59.4, "59 s"), (59.6, "1 min"), (200, "3 min 20 s"),
        (3600, "1 h"), (3661, "1 h 1 min"), (2 * 86_400 + 4 * 3600 + 59, "2 d 4 h"), (None, "\u2013"),
        (-5, "0 s"), (math.inf, "\u2013"),
    ],
)  # fmt: skip
def test_spans_name_their_two_largest_units(seconds, said):
    assert span(seconds) == said


@pytest.mark.parametrize(
    ("seconds", "said"), [(-9, "now"), (0.2, "now"), (59, "59 s ago"), (7300, "2 h ago"), (90_000, "1 d ago")]
)
def test_ago_names_the_largest_unit(seconds, said):
    assert ago(seconds) == said


@pytest.mark.parametrize(
    ("value", "said"), [(0.899, "0.89"), (0.29, "0.29"), (0.7, "0.70"), (1.0, "1.00"), (0.999, "0.99"), (0.0, "0.00")]
)
def test_scores_never_look_as_if_they_had_reached_the_next_level(value, said):
    assert score(value) == said


@pytest.mark.parametrize(
    ("value", "said"),
    [(1234567.0, "1,234,567"), (0.12345, "0.123"), (12.0, "12"), (-2000.4, "-2,000"), (None, "\u2013")],
)
def test_numbers_have_three_significant_digits(value, said):
    assert number(value) == said


def test_times_are_utc_over_the_whole_range():
    assert utc(1_759_644_428_999_999_999) == "2025-10-05 06:07:08"
    assert utc(-1) == "1969-12-31 23:59:59"
    assert utc(2**63 - 1) == "2262-04-11 23:47:16"
    assert utc(-(2**63)) == "1677-09-21 00:12:43"


def test_inert_keeps_ordinary_letters_of_all_languages():
    assert inert("naïve 漢字 עברית 🙂") == "naïve 漢字 עברית 🙂"


@given(st.text(alphabet=st.characters(exclude_categories=()), max_size=300))
@settings(deadline=None)
def test_inert_text_is_one_bounded_printable_line(text):
    shown = inert(text, 100)
    assert "\n" not in shown
    assert "\u202e" not in shown
    assert "\x00" not in shown
    assert len(shown) <= 100 * len("\\U0010ffff")
    shown.encode()


@given(st.text(min_size=0, max_size=80))
@settings(deadline=None)
def test_middle_cut_keeps_both_ends_within_the_limit(text):
    cut = middle_cut(text, 21)
    assert len(cut) <= max(21, 0)
    assert cut == text or (cut[:10] == text[:10] and cut[-10:] == text[-10:])
