"""Telemetry with planted truth: a team's ordinary sessions, some of which misbehave in known ways.

Pure and seeded: the same settings and generator state give the same records, whatever process they are made in.
What ordinary means was measured on recorded sessions (lengths, gaps, durations, tokens, tool mixes, transitions,
error shares), and ordinary work is as alarming to look at here as it is there.

How it fits together, from the bottom up:
    ``dice``, ``stamps``, ``errors``    randomness in blocks, times, what can go wrong
    ``agents``, ``prices``              agent products with their tools; what their models cost
    ``stacks``, ``people``, ``tasks``   projects and commands; habits; the order in which tools follow each other
    ``arguments``, ``reduction``        tool arguments in each agent's words; the same without content
    ``recorder``                        the pen: writes tool uses, model calls and messages in a session's manner
    ``session``                         one ordinary session and its sub-agents'
    ``vocabulary``, ``scene``           what a given session looks like; the stage on which it goes wrong
    ``deeds``, ``repetition``, ``attacks``, ``takeover``
                                        what goes wrong, one small function a kind
    ``splice``, ``misbehaviours``       puts it into any session's records; the table of kinds and ``inject``
    ``team``                            the whole team over some weeks: ``simulate_team``
    ``labels``, ``otlp``                the truth as rows, the sessions as one stream, the agent's own wire format
"""

from analytics.simulation.errors import SettingsError, SimulationError, UnknownKindError, UnusableSessionError
from analytics.simulation.labels import LABEL_COLUMNS, labels_rows, merge_in_time
from analytics.simulation.misbehaviours import MISBEHAVIOURS, STRENGTHS, Misbehaviour, inject
from analytics.simulation.otlp import as_otlp
from analytics.simulation.splice import Injection
from analytics.simulation.team import SimulatedSession, SimulationSettings, simulate_team

__all__ = [
    "LABEL_COLUMNS",
    "MISBEHAVIOURS",
    "STRENGTHS",
    "Injection",
    "Misbehaviour",
    "SettingsError",
    "SimulatedSession",
    "SimulationError",
    "SimulationSettings",
    "UnknownKindError",
    "UnusableSessionError",
    "as_otlp",
    "inject",
    "labels_rows",
    "merge_in_time",
    "simulate_team",
]
