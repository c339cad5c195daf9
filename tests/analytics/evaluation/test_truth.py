import numpy as np

from analytics.evaluation.truth import strata_of
from tests.analytics.evaluation.truths import truth_of


def members(keys, bad=()):
    truth = truth_of(*((f"s{k}", k in bad, k, None) for k in range(len(keys))), keys=keys)
    strata = strata_of(truth, np.ones(len(keys), dtype=bool), least_good=3)
    return {stratum.name: sorted(stratum.numbers.tolist()) for stratum in strata}


def test_keys_with_enough_good_sessions_stand_alone():
    assert members([("a", "x")] * 3 + [("b", "x")] * 4) == {"a / x": [0, 1, 2], "b / x": [3, 4, 5, 6]}


def test_thin_keys_are_pooled_with_those_that_share_the_wider_part_first():
    keys = [("a", "x")] * 3 + [("a", "y")] * 2 + [("a", "z")] * 2 + [("b", "x")] * 2 + [("c", "x")]
    assert members(keys) == {"a / x": [0, 1, 2], "a / 2 pooled": [3, 4, 5, 6], "2 pooled": [7, 8, 9]}


def test_what_is_too_little_even_when_all_is_pooled_is_left_out():
    assert members([("a",)] * 3 + [("b",)] + [("c",)]) == {"a": [0, 1, 2]}


def test_bad_sessions_are_no_history():
    assert members([("a",)] * 3 + [("b",)] * 3, bad=(0,)) == {"b": [3, 4, 5]}


def test_sessions_that_take_no_part_are_in_no_stratum():
    truth = truth_of(("s0", False, 0, None), ("s1", True, 1, None))
    (stratum,) = strata_of(truth, np.array([False, True]), least_good=0)
    assert stratum.numbers.tolist() == [1]
