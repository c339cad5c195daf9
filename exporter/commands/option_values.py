"""Callbacks of options that the configuration knows too: its parsers read them, so both refuse in the same words."""

# ruff: noqa: PLC0415 - the parsers are imported when there is a value to read, so that --help answers at once
from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, TypeVar

import click

if TYPE_CHECKING:
    from exporter.config_values import ListenAddress

Value = TypeVar("Value")


def address(_context: click.Context, _option: click.Parameter, given: str | None) -> ListenAddress | None:
    """An address to listen on."""
    from exporter.config_values import parse_listen

    return _parsed(parse_listen, given)


def step(_context: click.Context, _option: click.Parameter, given: str | None) -> timedelta | None:
    """A length of time that is not zero."""
    from exporter.config_values import parse_duration

    parsed = _parsed(parse_duration, given)
    if parsed is not None and not parsed:
        raise click.BadParameter(f"{given!r} must be longer than 0 (write a duration such as 1m).")
    return parsed


def http_url(_context: click.Context, _option: click.Parameter, given: str | None) -> str | None:
    """An http or https URL."""
    from exporter.config_values import check_http_url

    return _parsed(check_http_url, given)


def _parsed(parse: Callable[[str], Value], given: str | None) -> Value | None:
    if given is None:
        return None
    try:
        return parse(given)
    except ValueError as error:
        raise click.BadParameter(f"{given!r} {error}.") from error
