import numpy as np

from analytics.column_values import are_all, hash_texts, map_texts
from analytics.events import objects


def test_equal_texts_have_equal_hashes_and_none_has_none():
    hashes = hash_texts(["a", None, "b", "a"])
    assert hashes[0] == hashes[3] != hashes[2]
    assert hashes[1] == 0
    assert np.count_nonzero(hashes) == 3


def test_a_text_that_no_utf8_can_hold_is_hashed_like_any_other_and_changes_no_neighbour():
    alone = hash_texts(["a"])
    beside = hash_texts(["a", "broken \ud800", "broken \ud800"])
    assert beside[0] == alone[0]
    assert beside[1] == beside[2] != beside[0]


def test_texts_are_mapped_once_each_and_keep_the_order_in_which_answers_appear():
    asked = []

    def upper(text):
        asked.append(text)
        return None if text == "skip" else text.upper()

    mapped = map_texts(objects(["b", None, "skip", "a", "b"]), upper)
    assert mapped.astype(object).tolist() == ["B", np.nan, np.nan, "A", "B"]
    assert list(mapped.categories) == ["B", "A"]
    assert asked == ["b", "skip", "a"]


def test_one_value_of_another_type_is_noticed_a_subclass_too():
    assert are_all([True, False], bool)
    assert not are_all([1, True], int)
    assert are_all([], str)
