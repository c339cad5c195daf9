"""Selectors and the few shapes that PromQL queries here are made of."""

from __future__ import annotations

from collections.abc import Mapping

from grafana.metric_names import metric


def series(name: str, matchers: Mapping[str, str] | None = None, *, by_instance: bool = False) -> str:
    """A selector of the chosen job's series, with further regular-expression matchers by label.

    Args:
        name: of a metric the exporter exposes.
        matchers: label → regular expression or Grafana variable.
        by_instance: also filter by the chosen instances.
    """
    every = {"job": "$job"} | ({"instance": "$instance"} if by_instance else {}) | dict(matchers or {})
    inner = ", ".join(f'{label}=~"{pattern}"' for label, pattern in every.items())
    return f"{metric(name, *every)}{{{inner}}}"


def summed(expression: str, *labels: str) -> str:
    """Sum over everything but the labels."""
    return f"sum by ({', '.join(labels)}) ({expression})" if labels else f"sum({expression})"


def growth(selector: str, *labels: str, over: str = "$__rate_interval") -> str:
    """By how much counters grew within a range, by labels."""
    return summed(f"increase({selector}[{over}])", *labels)


def rate(selector: str, *labels: str) -> str:
    """How fast counters grow a second, by labels."""
    return summed(f"rate({selector}[$__rate_interval])", *labels)
