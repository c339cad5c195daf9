"""The tables of the state, in words both SQLite and PostgreSQL understand, and the version of their schema.

All names begin with ``sigyn_``, because a PostgreSQL database may be shared. Times are nanoseconds since the epoch
unless a column says otherwise.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
)

from exporter.state.json_text import JsonText

SCHEMA_VERSION: Final = 2
"""Grows with every change of a table, of the chunk format or of what a stored verdict is made of."""

PREFIX: Final = "sigyn_"
FAMILIAR_SINCE: Final = "familiar_since_ns"
"""Key in ``meta`` of the time from which on something can be new."""
TABLES: Final = MetaData()

# SQLite counts rows up by itself only in a key of exactly this type.
_ROW_NUMBER: Final = BigInteger().with_variant(Integer(), "sqlite")

meta = Table("sigyn_meta", TABLES, Column("key", String, primary_key=True), Column("value", Text, nullable=False))

positions = Table(
    "sigyn_positions",
    TABLES,
    Column("source", String, primary_key=True),
    Column("position", JsonText, nullable=False),
)

counters = Table(
    "sigyn_counters",
    TABLES,
    Column("metric", String, primary_key=True),
    Column("labels", JsonText, primary_key=True),
    Column("value", Float, nullable=False),
)

sessions = Table(
    "sigyn_sessions",
    TABLES,
    Column("session_id", String, primary_key=True),
    Column("started_ns", BigInteger, nullable=False),
    Column("last_ns", BigInteger, nullable=False),
    Column("events", BigInteger, nullable=False),
    Column("is_open", Boolean, nullable=False),
    Column("closed_ns", BigInteger),
    Column("has_events", Boolean, nullable=False),
    Column("feature_schema", String),
    Column("features", LargeBinary),
    Column("checkpoints", LargeBinary),
    Column("verdict", Text),
    Index("sigyn_sessions_by_last", "last_ns"),
    # Holds the id too: without it the open sessions are found by reading every session's features.
    Index("sigyn_sessions_by_open", "is_open", "session_id"),
)

event_chunks = Table(
    "sigyn_event_chunks",
    TABLES,
    Column("chunk_id", _ROW_NUMBER, primary_key=True, autoincrement=True),
    Column("session_id", String, nullable=False),
    Column("payload", LargeBinary, nullable=False),
    Index("sigyn_event_chunks_by_session", "session_id", "chunk_id"),
)

hits = Table(
    "sigyn_hits",
    TABLES,
    Column("hit_id", _ROW_NUMBER, primary_key=True, autoincrement=True),
    Column("session_id", String, nullable=False),
    Column("hit", JsonText, nullable=False),
    Index("sigyn_hits_by_session", "session_id", "hit_id"),
)

traces = Table(
    "sigyn_traces",
    TABLES,
    Column("session_id", String, primary_key=True),
    Column("trace", LargeBinary, nullable=False),
)

human_verdicts = Table(
    "sigyn_human_verdicts",
    TABLES,
    Column("session_id", String, primary_key=True),
    Column("verdict", String, nullable=False),
    Column("note", JsonText, nullable=False),
    Column("at", Float, nullable=False),  # Unix seconds
    Column("by", JsonText),
)

outbox = Table(
    "sigyn_outbox",
    TABLES,
    Column("announcement_id", _ROW_NUMBER, primary_key=True, autoincrement=True),
    Column("kind", String, nullable=False),
    Column("time_ns", BigInteger, nullable=False),
    Column("line", Text, nullable=False),
    Column("metadata", JsonText, nullable=False),
)

announced = Table(
    "sigyn_announced",
    TABLES,
    Column("session_id", String, primary_key=True),
    Column("risk", Float),
    Column("level", String),
    Column("is_final", Boolean, nullable=False),
    Column("findings", JsonText, nullable=False),
)

models = Table(
    "sigyn_models",
    TABLES,
    Column("analysis", String, primary_key=True),
    Column("version", String, primary_key=True),
    Column("sha256", String, nullable=False),
)

familiar = Table(
    "sigyn_familiar",
    TABLES,
    Column("digest", String, primary_key=True),
    Column("kind", String, nullable=False),
    Column("name", JsonText, nullable=False),
    Column("first_ns", BigInteger, nullable=False),
    Column("last_ns", BigInteger, nullable=False),
    Column("sessions", BigInteger, nullable=False),
    Column("user", JsonText, nullable=False),
    Column("is_shared", Boolean, nullable=False),
    Column("arrival", JsonText),
)

ADDED: Final = {2: (familiar,)}
"""Tables by the version of the schema that they came with; a state of an earlier one gets them when it is opened."""

OF_A_SESSION: Final = (event_chunks, hits, traces, human_verdicts, announced)
"""Tables whose rows belong to a session and go with it."""
