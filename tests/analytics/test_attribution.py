from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics import attribution
from analytics.attribution import fit_attributor, newest_of_each


def planted(classes, each=30, seed=0):
    rng = np.random.default_rng(seed)
    labels = [name for name in classes for _ in range(each)]
    centres = {name: rng.normal(0, 3, 6) for name in classes}
    return np.array([centres[label] + rng.normal(0, 1, 6) for label in labels]), labels


def test_planted_classes_are_told_apart_by_two_as_by_many():
    for classes in (("a", "b"), ("a", "b", "c", "d", "e")):
        habits, labels = planted(classes)
        fitted = fit_attributor(habits[::2], labels[::2], least=10)
        chances = fitted.log_probabilities(habits[1::2])
        assert (
            np.mean([fitted.classes[k] == own for k, own in zip(chances.argmax(axis=1), labels[1::2], strict=True)])
            > 0.95
        )
        assert np.allclose(np.exp(chances).sum(axis=1), 1.0)


def test_odds_against_a_class_are_low_in_its_own_sessions_and_high_in_others():
    habits, labels = planted(("a", "b", "c"))
    fitted = fit_attributor(habits, labels, least=10)
    odds = fitted.odds_against(fitted.log_probabilities(habits))
    own = np.array([label == "a" for label in labels])
    assert np.quantile(odds[own, 0], 0.95) < 0 < np.quantile(odds[~own, 0], 0.05)


def test_how_much_a_user_works_is_no_evidence():
    rng = np.random.default_rng(0)
    noise = rng.normal(0, 1, (220, 4))
    fitted = fit_attributor(noise, ["busy"] * 200 + ["rare"] * 20)
    odds = fitted.odds_against(fitted.log_probabilities(np.zeros((1, 4))))
    assert np.abs(odds).max() < 1.0


def test_classes_with_few_sessions_and_unknown_ones_take_no_part():
    habits, labels = planted(("a", "b"))
    labels[0] = None
    fitted = fit_attributor(np.vstack([habits, habits[:5]]), [*labels, *["rare"] * 5])
    assert fitted.classes == ("a", "b")
    assert fit_attributor(habits, ["a"] * 55 + ["rare"] * 5) is None


@given(st.lists(st.sampled_from(["a", "b", "c", None]), max_size=60), st.integers(1, 10), st.integers(4, 40))
@settings(max_examples=60, deadline=None)
def test_the_newest_of_each_class_are_kept_within_the_bound(labels, least, most):
    with_bound = attribution.MOST_SESSIONS
    attribution.MOST_SESSIONS = most
    try:
        kept = newest_of_each(labels, least).tolist()
    finally:
        attribution.MOST_SESSIONS = with_bound
    assert kept == sorted(set(kept))
    assert len(kept) <= most
    for name in ("a", "b", "c"):
        own = [number for number, label in enumerate(labels) if label == name]
        chosen = [number for number in kept if labels[number] == name]
        assert chosen == (own[-len(chosen) :] if chosen else [])
        assert bool(chosen) == (len(own) >= least)
