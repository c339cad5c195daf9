import numpy as np
import pytest

from analytics.evaluation.blocks import Block
from analytics.evaluation.bootstrap import Estimate, group_weights
from analytics.evaluation.report import means_over_sets, report_rows, rows_by_part, share_above
from analytics.evaluation.trial import ANOMALY


def block_of(bad, good, limits, *, scorer="own", part="", first_group=0):
    scores = np.array([*bad, *good], dtype=float)
    numbers = np.arange(len(scores)) + first_group
    return Block(
        numbers,
        np.arange(len(scores)) < len(bad),
        numbers,
        {scorer: scores},
        {scorer: np.array(limits, dtype=float)},
        part,
    )


def only(rows):
    (row,) = rows
    return row


def planted(quality: float, seed: int = 0, scorer: str = "own") -> list[Block]:
    """Blocks in which bad sessions score higher by ``quality`` standard deviations."""
    rng = np.random.default_rng(seed)
    return [
        block_of(
            rng.normal(quality, 1, 40), rng.normal(0, 1, 60), rng.normal(0, 1, 199), scorer=scorer, first_group=k * 100
        )
        for k in range(4)
    ]


def test_a_perfect_scorer_has_every_figure_at_its_best():
    row = only(report_rows("set", "whole", planted(50.0)))
    assert row.auroc == Estimate(1.0, 1.0, 1.0)
    assert row.average_precision == Estimate(1.0, 1.0, 1.0)
    assert row.detected[0.05].value == row.detected[0.01].value == 1.0
    assert (row.bad, row.good) == (160, 240)


def test_a_worthless_scorer_is_at_chance_and_its_interval_says_so():
    row = only(report_rows("set", "whole", planted(0.0)))
    assert row.auroc.low < 0.5 < row.auroc.high
    assert row.auroc.value == pytest.approx(0.5, abs=0.06)
    assert row.detected[0.05].value == pytest.approx(0.05, abs=0.04)
    assert row.false_alarms[0.05].value == pytest.approx(0.05, abs=0.04)


def test_a_constant_scorer_is_exactly_at_chance_and_never_alarms():
    row = only(report_rows("set", "whole", [block_of([1, 1, 1], [1, 1, 1, 1], [1] * 19)]))
    assert row.auroc.value == 0.5
    assert row.detected[0.05].value == 0.0


def test_sessions_are_compared_within_their_block_only():
    # Either block is in perfect order; across them every good session of the second outranks the first's bad ones.
    blocks = [block_of([2, 3], [0, 1], [0, 1]), block_of([102, 103], [100, 101], [100, 101], first_group=4)]
    row = only(report_rows("set", "whole", blocks))
    assert row.auroc.value == 1.0
    assert row.detected[0.05].value == 1.0


def test_alarms_are_counted_against_each_blocks_own_threshold():
    blocks = [block_of([5, 1], [4, 0], [3]), block_of([5, 1], [0, 0], [0.5], first_group=4)]
    row = only(report_rows("set", "whole", blocks))
    assert row.detected[0.05].value == 3 / 4
    assert row.false_alarms[0.05].value == 1 / 4


def test_the_promise_is_told_for_calibrated_scores_and_counts_good_sessions_only():
    row = only(report_rows("set", "whole", [block_of([0.99, 0.999], [0.5, 0.96, 0.3, 0.995], [0.9], scorer=ANOMALY)]))
    assert row.beyond_promise[0.05].value == 2 / 4
    assert row.beyond_promise[0.01].value == 1 / 4
    assert not only(report_rows("set", "whole", planted(1.0))).beyond_promise
    assert share_above([block_of([], [0.7, 0.69], [0], scorer="sigyn risk")], "sigyn risk", 0.7).value == 0.5


def test_means_over_parts_weigh_every_part_the_same_and_skip_the_untouched():
    parts = [
        block_of([2.0], [1.0], [0.0], part="loop mild"),
        block_of([0.0] * 3, [1.0], [0.0], part="loop strong", first_group=10),
        block_of([], [1.0], [0.0], part="untouched", first_group=20),
    ]
    rows = {row.condition: row for row in rows_by_part("details", parts)}
    assert rows["mean"].auroc.value == 0.5
    assert rows["mean mild"].auroc.value == 1.0
    assert rows["mean strong"].auroc.value == 0.0


def test_means_over_sets_join_numbered_sets_and_need_a_condition_in_all():
    rows = [
        row
        for name, quality in (("faults-1", 50.0), ("faults-2", -50.0), ("hijack", 50.0))
        for row in report_rows(name, "good, whole", planted(quality))
    ]
    rows += report_rows("faults-1", "good, equal length", planted(1.0))
    means = {(row.dataset, row.condition): row.auroc.value for row in means_over_sets(rows)}
    assert means == {
        ("mean of faults-*", "good, whole"): 0.5,
        ("mean of all sets", "good, whole"): pytest.approx(2 / 3),
    }


def test_intervals_hold_the_truth_about_as_often_as_they_say():
    inside = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        numbers = np.arange(80)
        blocks = [
            Block(
                numbers,
                numbers < 40,
                numbers,
                {"own": np.where(numbers < 40, rng.normal(1, 1, 80), rng.normal(0, 1, 80))},
                {"own": np.zeros(19)},
            )
        ]
        row = only(report_rows("set", "whole", blocks, seed))
        inside += row.auroc.low <= 0.7602 <= row.auroc.high  # Phi(1 / sqrt(2))
    assert 50 <= inside <= 60


def test_resampling_is_by_seed_and_the_first_resample_counts_everyone_once():
    weights = group_weights(7, 3)
    assert (weights[0] == 1).all()
    assert (weights.sum(axis=1) == 7).all()
    assert (weights == group_weights(7, 3)).all()
    assert (weights != group_weights(7, 4)).any()
