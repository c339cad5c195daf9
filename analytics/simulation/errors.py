"""What can go wrong in this package.

SimulationError
├── SettingsError         settings that cannot be met; the message names the field
├── UnknownKindError      a kind of misbehaviour that is not in the table
└── UnusableSessionError  records that misbehaviour cannot be spliced into
"""

from __future__ import annotations


class SimulationError(ValueError):
    """Telemetry cannot be simulated as asked."""


class SettingsError(SimulationError):
    """A setting is out of its range; the message names it and the range."""


class UnknownKindError(SimulationError):
    """No misbehaviour has this name; the message lists those that exist."""


class UnusableSessionError(SimulationError):
    """A session without records, or with one whose time cannot be read."""
