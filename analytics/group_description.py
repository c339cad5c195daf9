"""Descriptions: what the sessions of a group do more, and less, than all others, in words and numbers.

A trait is a feature or the share of steps that use a tool. The traits whose group mean differs from the others' by
most standard deviations are told, those that differ by less than what the feature itself calls worth mentioning are
not.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Final

import numpy as np

from analytics.analysis import SessionRows
from analytics.baseline import from_model_space, to_model_space
from analytics.features import FEATURES
from analytics.reason_words import measured
from analytics.traces import MESSAGE, PROMPT

MOST_MORE: Final = 3
MOST_LESS: Final = 2
LEAST_DIFFERENCE: Final = 0.5
"""Standard deviations between group and others from which a trait is told."""
LEAST_SHARE: Final = 0.05
"""Difference in the share of steps from which the use of a tool is told."""
MOST_TOOLS: Final = 100
LONGEST_NAME: Final = 60
NOTHING: Final = "does nothing more or less than the others"
_DESCRIBED: Final = np.array([k for k, feature in enumerate(FEATURES) if feature.group != "cost"])


@dataclass(frozen=True, slots=True)
class Trait:
    """One difference between a group and the others; ``difference`` is in standard deviations."""

    text: str
    difference: float


def describe_groups(rows: SessionRows, labels: np.ndarray, count: int) -> tuple[str, ...]:
    """One line for each of ``count`` groups.

    Args:
        rows: the sessions.
        labels: group of each, shape (n_sessions,); negative for none, which count among the others.
        count: groups there are.
    """
    values = to_model_space(rows.values)
    tools, shares = _tool_shares(rows)
    return tuple(
        _told([*_feature_traits(values, labels == number), *_tool_traits(tools, shares, labels == number)])
        for number in range(count)
    )


def _told(traits: list[Trait]) -> str:
    ordered = sorted(traits, key=lambda trait: -abs(trait.difference))
    more = [trait.text for trait in ordered if trait.difference > 0][:MOST_MORE]
    less = [trait.text for trait in ordered if trait.difference < 0][:MOST_LESS]
    parts = [f"{name}: {'; '.join(told)}" for name, told in (("more", more), ("less", less)) if told]
    return " | ".join(parts) if parts else NOTHING


def _differences(values: np.ndarray, inside: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean of the group, mean of the others and their difference in standard deviations, shape (n_columns,) each."""
    known = ~np.isnan(values)
    filled = np.where(known, values, 0.0)
    means = []
    for chosen in (inside, ~inside):
        count = known[chosen].sum(axis=0)
        means.append(
            np.divide(filled[chosen].sum(axis=0), count, out=np.full(values.shape[1], np.nan), where=count > 0)
        )
    count = np.maximum(known.sum(axis=0), 1)
    middle = filled.sum(axis=0) / count
    spread = np.sqrt((np.where(known, values - middle, 0.0) ** 2).sum(axis=0) / count)
    return means[0], means[1], (means[0] - means[1]) / np.maximum(spread, 1e-9)


def _feature_traits(values: np.ndarray, inside: np.ndarray) -> list[Trait]:
    own, others, difference = _differences(values, inside)
    own, others = from_model_space(own), from_model_space(others)
    traits = []
    for k in _DESCRIBED.tolist():
        feature = FEATURES[k]
        if abs(difference[k]) >= LEAST_DIFFERENCE and abs(own[k] - others[k]) >= feature.least:
            name = feature.help.split(";")[0].split(":")[0].rstrip(".")
            text = f"{name[0].lower()}{name[1:]} {measured(own[k], feature)} (others {measured(others[k], feature)})"
            traits.append(Trait(text, float(difference[k])))
    return traits


def _tool_traits(tools: list[str], shares: np.ndarray, inside: np.ndarray) -> list[Trait]:
    own, others, difference = _differences(shares, inside)
    return [
        Trait(f"`{name:.{LONGEST_NAME}}` {own[k]:.0%} of the steps (others {others[k]:.0%})", float(difference[k]))
        for k, name in enumerate(tools)
        if abs(difference[k]) >= LEAST_DIFFERENCE and abs(own[k] - others[k]) >= LEAST_SHARE
    ]


def _tool_shares(rows: SessionRows) -> tuple[list[str], np.ndarray]:
    """The tools used in most sessions, and their shares of each session's steps, shape (n_sessions, n_tools)."""
    counts = [Counter(trace.symbols[: trace.length]) for trace in map(rows.trace, range(len(rows)))]
    found = Counter(name for one in counts for name in one)
    ranked = sorted(found.keys() - {MESSAGE, PROMPT}, key=lambda name: (-found[name], name))[:MOST_TOOLS]
    place = {name: column for column, name in enumerate(ranked)}
    shares = np.zeros((len(rows), len(ranked)))
    for row, one in enumerate(counts):
        for name in one.keys() & place.keys():
            shares[row, place[name]] = one[name] / one.total()
    return ranked, shares
