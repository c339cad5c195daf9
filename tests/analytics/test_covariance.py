from __future__ import annotations

import numpy as np
import pytest

from analytics.detectors.covariance import fit_covariance


def together(rows: int = 400) -> np.ndarray:
    """Two columns that rise together and one on its own."""
    rng = np.random.default_rng(0)
    common = rng.normal(size=rows)
    return np.stack(
        [common + rng.normal(0, 0.1, rows), common + rng.normal(0, 0.1, rows), rng.normal(size=rows)], axis=1
    )


def test_breaking_a_bond_is_stranger_than_being_far_along_it():
    fitted = fit_covariance(together())
    along, across = fitted.score(np.array([[2.0, 2.0, 0.0], [2.0, -2.0, 0.0]]))
    assert across > 3 * along


def test_what_broke_the_bond_has_the_share():
    shares = fit_covariance(together()).shares(np.array([[1.0, -1.0, 0.1]]))
    assert shares.sum() == pytest.approx(1.0)
    assert shares[0, 2] < 0.01


def test_a_column_that_never_varied_is_not_infinitely_strange():
    rows = together()
    rows[:, 2] = 0.0
    assert fit_covariance(rows).score(np.array([[0.0, 0.0, 1.0]]))[0] < 100


def test_a_row_is_scored_alike_alone_and_in_company():
    fitted, rows = fit_covariance(together()), together(50)
    assert all(fitted.score(rows[k : k + 1])[0] == fitted.score(rows)[k] for k in range(50))
