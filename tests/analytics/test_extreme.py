from __future__ import annotations

import numpy as np
import pytest

from analytics.detectors.extreme import MOST_ROWS, fit_extreme


def ordinary(rows: int = 999, columns: int = 40) -> np.ndarray:
    return np.random.default_rng(0).normal(size=(rows, columns))


def with_one_far_out(column: int, value: float) -> np.ndarray:
    row = np.zeros((1, 40))
    row[0, column] = value
    return row


@pytest.mark.parametrize("value", [6.0, -6.0])
def test_one_column_far_out_on_either_side_is_stranger_than_every_ordinary_row(value):
    fitted = fit_extreme(ordinary(), 0)
    assert fitted.score(with_one_far_out(7, value))[0] > fitted.score(ordinary()).max()


def test_its_chance_is_the_share_of_training_rows_at_least_as_far_out():
    rows = np.arange(99.0)[:, None]
    assert fit_extreme(rows, 0).score(np.array([[89.0]]))[0] == pytest.approx(-np.log10(11 / 100))
    assert fit_extreme(rows, 0).score(np.array([[9.0]]))[0] == pytest.approx(-np.log10(11 / 100))


def test_the_farthest_column_is_named():
    strangeness = fit_extreme(ordinary(), 0).strangeness(with_one_far_out(7, 6.0))
    assert strangeness.argmax(axis=1).tolist() == [7]


def test_beyond_all_training_rows_it_still_grows():
    fitted = fit_extreme(ordinary(), 0)
    near, far = (fitted.score(with_one_far_out(7, value))[0] for value in (6.0, 60.0))
    assert far > near


def test_a_column_that_never_varied_is_not_infinitely_strange():
    rows = ordinary()
    rows[:, 3] = 0.0
    assert fit_extreme(rows, 0).score(with_one_far_out(3, 1.0))[0] < 10


def test_a_row_is_scored_alike_alone_and_in_company():
    fitted, rows = fit_extreme(ordinary(), 0), ordinary(50)
    assert [fitted.score(rows[k : k + 1])[0] for k in range(50)] == fitted.score(rows).tolist()


def test_the_model_keeps_a_bounded_number_of_rows():
    assert fit_extreme(ordinary(MOST_ROWS + 500, 2), 0).columns.shape == (2, MOST_ROWS)
