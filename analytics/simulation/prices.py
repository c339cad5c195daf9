"""What the simulated models cost: made-up round prices, so that cost and tokens agree with each other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Price:
    """US dollars a million tokens."""

    input: float
    output: float
    cache_read: float
    cache_creation: float


@dataclass(frozen=True, slots=True)
class Tokens:
    """Tokens of one model call; ``cache_creation`` is None where the agent reports none."""

    input: int
    output: int
    cache_read: int
    cache_creation: int | None


PRICES: Final = {
    "claude-opus-4-5": Price(5.0, 25.0, 0.5, 6.0),
    "claude-sonnet-4-5": Price(3.0, 15.0, 0.3, 4.0),
    "claude-haiku-4-5": Price(1.0, 5.0, 0.1, 1.2),
    "gpt-5.5": Price(2.0, 10.0, 0.2, 0.0),
    "gpt-5.5-mini": Price(0.5, 2.0, 0.05, 0.0),
    "gemini-3-pro": Price(2.0, 12.0, 0.2, 0.0),
    "gemini-3-flash": Price(0.5, 3.0, 0.05, 0.0),
}


def cost_usd(model: str | None, tokens: Tokens) -> float | None:
    """Cost of one model call in US dollars, None for a model without a price."""
    price = PRICES.get(model or "")
    if price is None:
        return None
    total = (
        tokens.input * price.input
        + tokens.output * price.output
        + tokens.cache_read * price.cache_read
        + (tokens.cache_creation or 0) * price.cache_creation
    )
    return round(total / 1e6, 6)
