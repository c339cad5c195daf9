import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.evaluation.blocks import Judged, blocks_of
from analytics.evaluation.splits import deal, splits_of


@given(st.integers(8, 120), st.integers(0, 50))
@settings(max_examples=40, deadline=None)
def test_thresholds_rest_on_good_sessions_that_are_neither_judged_nor_fitted_on(sessions, seed):
    rng = np.random.default_rng(seed)
    is_bad, groups = rng.random(sessions) < 0.3, rng.integers(0, max(4, sessions // 3), sessions)
    numbers = np.arange(sessions)
    fold = deal(groups, ~is_bad, rng)
    splits = splits_of(numbers, fold, ~is_bad)
    # A session's score is its number, so a threshold score tells which session it came from.
    judged = [Judged(split, {"own": np.concatenate(split.held).astype(float)}) for split in splits]
    blocks = blocks_of(judged, is_bad, groups)
    for block in blocks:
        behind = block.threshold_scores["own"].astype(int)
        assert not is_bad[behind].any()
        assert not set(groups[behind]) & set(block.groups)
        assert (block.scores["own"] == block.numbers).all()
        assert (block.is_bad == is_bad[block.numbers]).all()
    assert set(np.concatenate([block.numbers for block in blocks])) == set(numbers)
    for split in splits:
        assert not set(split.fit) & set(np.concatenate(split.held))
