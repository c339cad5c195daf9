"""A shard's part of a stream, as queries that Loki answers: what other shards judge is not even sent.

Two queries a selector. What agents send as OpenTelemetry has its session id in structured metadata (or in a label,
where an operator made it one), and the filter is exact but for ids that are not plain ASCII: those go to every shard,
because bytes that are no UTF-8 count differently there and here. A JSON line may have its id anywhere, under several
names and behind escapes; whoever writes lines could make a filter look at another id than the one that is decoded, and
so be judged by nobody. Lines that begin with a brace therefore go to every shard too. What arrives is sorted out after
decoding (``exporter.sources.sharded``).
"""

from __future__ import annotations

from typing import Final

from exporter.shards import ALPHABET, HEAD_CHARACTERS, OTHER, Shard

SESSION_FIELDS: Final = ("session_id", "conversation_id")
"""Where the decoders of OpenTelemetry records find a session's id, as Loki names the attributes."""

_JSON_LINE: Final = '"^[{]"'


def shard_queries(selector: str, shard: Shard) -> tuple[str, ...]:
    """The queries that together find a shard's part of a stream selector's entries; the selector itself for a whole."""
    if shard.is_whole:
        return (selector,)
    chosen = [f'{field}=~"{_escaped(id_pattern(shard))}"' for field in SESSION_FIELDS]
    if shard.is_first:
        chosen.append("(" + " and ".join(f'{field}=""' for field in SESSION_FIELDS) + ")")
    return f"{selector} !~ {_JSON_LINE} | {' or '.join(chosen)}", f"{selector} |~ {_JSON_LINE}"


def id_pattern(shard: Shard) -> str:
    """A regular expression that matches, as a whole, every id of a shard and those that are not plain ASCII.

    It is written in what RE2 and Python share, and never matches an empty id.
    """
    deciding = _deciding(shard)
    before = HEAD_CHARACTERS - 1
    alternatives = [
        f"[^/]{{{before}}}{deciding}.*",
        f"[^/]{{0,{before - 1}}}{deciding}(/.*)?",
        f"[^/]{{0,{before}}}[^\\x00-\\x7f].*",
    ]
    if shard.is_first:
        alternatives.append("/.*")
    return "(?s)(" + "|".join(alternatives) + ")"


def _deciding(shard: Shard) -> str:
    """The class of the deciding characters; the first shard's is what the others leave, so that none is forgotten."""
    if OTHER not in shard.keys:
        return "[" + _both_cases("".join(sorted(shard.keys))) + "]"
    return "[^/" + _both_cases("".join(key for key in ALPHABET if key not in shard.keys)) + "]"


def _both_cases(keys: str) -> str:
    letters = "".join(key for key in keys if key.isalpha())
    return keys + letters.upper()


def _escaped(pattern: str) -> str:
    """A pattern as LogQL writes it between double quotes."""
    return pattern.replace("\\", "\\\\")
