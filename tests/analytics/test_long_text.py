import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.long_text import readings, shortened

LIMIT = 20
SHELL_TEXT = st.text(st.sampled_from("ab \t\n\\'\";"), max_size=80)


@given(st.text(max_size=LIMIT))
@settings(deadline=None, max_examples=50)
def test_a_text_that_fits_stays_as_it_is(text):
    assert shortened(text, LIMIT) == (text, False)


@given(SHELL_TEXT, st.integers(5, 40))
@settings(deadline=None, max_examples=200)
def test_a_text_is_never_longer_than_asked_and_what_is_missing_is_told(text, limit):
    kept, is_cut = shortened(text, limit)
    assert len(kept) <= limit
    if not is_cut:
        assert kept.split() == text.split()


@given(SHELL_TEXT)
@settings(deadline=None, max_examples=200)
def test_a_line_end_that_ends_a_command_outlasts_its_blank_lines(text):
    def lines(script):
        joined = script.replace("\\\n", " ")
        return [line.split() for line in joined.split("\n") if line.strip()]

    kept, is_cut = shortened(text, max(len(text) - 1, 5))
    assert is_cut or lines(kept) == lines(text)


def test_beginning_and_end_stay_and_no_two_words_become_one():
    assert shortened("a" * 30 + "b" * 30, 25) == ("a" * 10 + "\n[…]\n" + "b" * 10, True)


def test_a_whole_command_is_read_once_and_the_end_of_a_cut_one_in_every_way_the_middle_may_have_left_it():
    assert readings("make test") == ("make test",)
    assert readings("a\n[…]\nb\n[…]\nc") == ("a\n[…]\nb\n[…]\nc", "c", "'c", '"c')


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("  make" + "\n" * 30 + "test", " make\ntest"),
        ("make \t \t        \t      test", "make test"),
        ("make \\\n\n                test", "make \\\n\ntest"),
        ("make\r\n\r\n\r\n\r\n\r\n\r\n\r\n  test", "make \ntest"),
    ],
)
def test_runs_of_blanks_become_one_and_a_continued_line_takes_no_other_in(text, kept):
    assert shortened(text, LIMIT) == (kept, False)
