"""The reference pages of features, rules and metrics, rendered from their tables so that they cannot drift from them.

``python -m exporter.feature_reference --write`` writes all three, ``--check`` fails when one is stale.
"""

from __future__ import annotations

import sys
from itertools import groupby
from pathlib import Path
from typing import Final

from analytics.features import FEATURES
from analytics.features.feature import Feature
from exporter.metric_reference import render_metrics
from exporter.reference_pages import ReferencePages, markdown_table
from exporter.rule_reference import render_rules

_TITLES: Final = ("feature", "meaning", "unit", "deserves attention when", "least deviation", "needs")
_ATTENTION: Final = {"high": "high", "low": "low", "both": "high or low"}

_INTRODUCTION: Final = f"""\
# Features

<!-- Written by `python -m exporter.feature_reference --write`; edit `analytics/features/` instead. -->

{len(FEATURES)} numbers describe a session.
They are measured when events arrive, and again at fixed ages (8, 16, 32 … events), so that a running session is
compared with what others looked like at the same age.

- A feature whose telemetry is missing is *absent*, not zero; the models cope.
  *Needs* says what must be logged: `details` are commands and paths, `tokens` and `cost` come with model requests.
- *Deserves attention when* names the risky direction.
  A deviation the other way counts half and is never given as a reason.
- A deviation from the expected range that is smaller than the *least deviation* is not worth mentioning as a reason.
- Features marked *logarithm* spread over orders of magnitude; the models look at their logarithm.
- `sigyn_feature_median{{feature="…"}}` is the median over the sessions of the last 24 hours.
"""


def render_features() -> str:
    """The page of features, Markdown: a table for each group, in the order of the feature table."""
    lines = [_INTRODUCTION]
    ordered = sorted(FEATURES, key=lambda feature: _groups().index(feature.group))
    for group, features in groupby(ordered, key=lambda feature: feature.group):
        lines += [f"## {group.capitalize()}", "", *markdown_table(_TITLES, map(_cells, features)), ""]
    return "\n".join(lines)


def _groups() -> list[str]:
    return list(dict.fromkeys(feature.group for feature in FEATURES))


def _cells(feature: Feature) -> tuple[str, ...]:
    return (
        f"`{feature.name}`",
        feature.help,
        f"{feature.unit}, logarithm" if feature.is_skewed else feature.unit,
        _ATTENTION[feature.risky],
        f"{feature.least:g}",
        ", ".join(feature.needs),
    )


def _rendered() -> dict[Path, str]:
    return {
        Path("docs/features.md"): render_features(),
        Path("docs/rules.md"): render_rules(),
        Path("docs/metrics.md"): render_metrics(),
    }


PAGES: Final = ReferencePages("exporter.feature_reference", __doc__ or "", _rendered)


if __name__ == "__main__":
    sys.exit(PAGES.main(sys.argv[1:]))
