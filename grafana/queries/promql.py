"""Selectors and the few shapes that PromQL queries here are made of."""

from __future__ import annotations

from collections.abc import Mapping

from grafana.metric_names import metric


def series(
    name: str,
    matchers: Mapping[str, str] | None = None,
    *,
    exact: Mapping[str, str] | None = None,
    by_instance: bool = False,
) -> str:
    """A selector of the chosen job's series.

    Args:
        name: of a metric the exporter exposes.
        matchers: label → regular expression, or a variable with several values.
        exact: label → value, or a variable with one value.
        by_instance: also filter by the chosen instances.
    """
    patterns = {"job": "$job"} | ({"instance": "$instance"} if by_instance else {}) | dict(matchers or {})
    values = exact or {}
    inner = [f'{label}=~"{pattern}"' for label, pattern in patterns.items()]
    inner += [f'{label}="{value}"' for label, value in values.items()]
    return f"{metric(name, *patterns, *values)}{{{', '.join(inner)}}}"


def summed(expression: str, *labels: str) -> str:
    """Sum over everything but the labels."""
    return f"sum by ({', '.join(labels)}) ({expression})" if labels else f"sum({expression})"


def growth(selector: str, *labels: str) -> str:
    """By how much counters grew around each point in time, by labels."""
    return summed(f"increase({selector}[$__rate_interval])", *labels)


def growth_in_range(selector: str, *labels: str) -> str:
    """By how much counters grew in the time range, by labels, with what a series was born with.

    ``increase`` takes a series' first value for where it began, so it misses the first use of anything and all of a
    history that the exporter read before its first scrape. These counters live in the exporter's state and survive
    restarts, so the difference of the totals is right; only deleting the state turns them back.
    """
    now = summed(selector, *labels)
    return f"clamp_min({now} - ({summed(f'{selector} offset $__range', *labels)} or {now} * 0), 0)"


def rate(selector: str, *labels: str) -> str:
    """How fast counters grow a second, by labels."""
    return summed(f"rate({selector}[$__rate_interval])", *labels)
