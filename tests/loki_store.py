"""What the stand-in for Loki keeps: pushed entries, and the little LogQL that finds them again."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

INDEX_LABELS = (
    "service.name", "service.namespace", "service.instance.id", "deployment.environment",
    "deployment.environment.name", "cloud.region", "k8s.cluster.name", "k8s.namespace.name", "container.name",
)  # fmt: skip
"""Resource attributes that become stream labels, in part; the others become structured metadata."""

_TERM = re.compile(r'\s*([a-zA-Z_]\w*)\s*(=~|!~|!=|=)\s*"((?:[^"\\]|\\.)*)"\s*')
_LINE_FILTER = re.compile(r'\s*(\|~|!~)\s*"((?:[^"\\]|\\.)*)"\s*')
_WORD = re.compile(r"\s*(or|and)\b")


class QueryError(Exception):
    """The query cannot be read; the text is Loki's."""


@dataclass(frozen=True)
class Matcher:
    name: str
    operator: str
    value: str

    def matches(self, attributes: dict[str, str]) -> bool:
        found = attributes.get(self.name, "")
        if self.operator in ("=", "!="):
            return (found == self.value) == (self.operator == "=")
        return (re.fullmatch(self.value, found) is not None) == (self.operator == "=~")

    @property
    def could_match_everything(self) -> bool:
        return self.matches({})


@dataclass(frozen=True)
class LineFilter:
    pattern: str
    is_wanted: bool

    def finds(self, entry: StoredEntry) -> bool:
        return (re.search(self.pattern, entry.line) is not None) == self.is_wanted


@dataclass(frozen=True)
class LabelFilter:
    """Matchers joined by ``and``, those groups by ``or``."""

    alternatives: list[list[Matcher]]

    def finds(self, entry: StoredEntry) -> bool:
        attributes = entry.attributes
        return any(all(matcher.matches(attributes) for matcher in group) for group in self.alternatives)


@dataclass(frozen=True)
class Query:
    matchers: list[Matcher]
    filters: list[LineFilter | LabelFilter]

    def finds(self, entry: StoredEntry) -> bool:
        return all(matcher.matches(entry.labels) for matcher in self.matchers) and all(
            one.finds(entry) for one in self.filters
        )


def parse_query(text: str) -> Query:
    """``{a="b", c=~"d"} |~ "x" !~ "y" | e="f" | g=~"h" or (i="" and j="")``."""
    matchers, position = [], 1
    while True:
        term = _TERM.match(text, position)
        if term is None:
            raise QueryError(f"parse error at line 1, col {position + 1}: syntax error")
        matchers.append(_matcher(term))
        position = term.end()
        if position >= len(text):
            column = len(text) + 1
            raise QueryError(f"parse error at line 1, col {column}: syntax error: unexpected $end, expecting }} or ,")
        position += 1
        if text[position - 1] == "}":
            break
    if all(matcher.could_match_everything for matcher in matchers):
        raise QueryError(
            "parse error : queries require at least one regexp or equality matcher that does not have an "
            'empty-compatible value. For instance, app=~".*" does not meet this requirement, but app=~".+" will'
        )
    return Query(matchers, _parse_filters(text, position))


def _parse_filters(text: str, position: int) -> list[LineFilter | LabelFilter]:
    filters: list[LineFilter | LabelFilter] = []
    while text[position:].strip():
        line_filter = _LINE_FILTER.match(text, position)
        if line_filter is not None:
            filters.append(LineFilter(_unescaped(line_filter[2]), line_filter[1] == "|~"))
            position = line_filter.end()
            continue
        alternatives, position = _parse_label_filter(text, _after(text, position, "|"))
        filters.append(LabelFilter(alternatives))
    return filters


def _parse_label_filter(text: str, position: int) -> tuple[list[list[Matcher]], int]:
    """Groups of matchers, each in brackets or a single one; ``and`` is known within brackets only."""
    alternatives: list[list[Matcher]] = []
    while True:
        is_group = text[position:].lstrip().startswith("(")
        position = _after(text, position, "(") if is_group else position
        group: list[Matcher] = []
        while True:
            term = _TERM.match(text, position)
            if term is None:
                raise QueryError(f"parse error at line 1, col {position + 1}: the stand-in knows no such filter")
            group.append(_matcher(term))
            position = term.end()
            word = _WORD.match(text, position)
            if not is_group or word is None or word[1] != "and":
                break
            position = word.end()
        position = _after(text, position, ")") if is_group else position
        alternatives.append(group)
        word = _WORD.match(text, position)
        if word is None:
            return alternatives, position
        if word[1] != "or":
            raise QueryError(f"parse error at line 1, col {position + 1}: the stand-in knows and in brackets only")
        position = word.end()


def _after(text: str, position: int, sign: str) -> int:
    """The position behind a sign that must come next."""
    found = re.compile(r"\s*" + re.escape(sign)).match(text, position)
    if found is None:
        raise QueryError(f"parse error at line 1, col {position + 1}: the stand-in expects {sign!r}")
    return found.end()


def _matcher(term: re.Match[str]) -> Matcher:
    return Matcher(term[1], term[2], _unescaped(term[3]))


def _unescaped(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text)


@dataclass(frozen=True)
class StoredEntry:
    time_ns: int
    labels: dict[str, str]
    metadata: dict[str, str]
    line: str

    @property
    def attributes(self) -> dict[str, str]:
        return {**self.labels, **self.metadata}


@dataclass
class Store:
    """Entries of one tenant in the order pushed."""

    entries: list[StoredEntry] = field(default_factory=list)

    def add(self, time_ns: int, line: str, labels: dict[str, str], metadata: dict[str, str]) -> None:
        self.entries.append(StoredEntry(time_ns, dict(labels), {"detected_level": "unknown", **metadata}, line))

    def find(self, query: Query, span: tuple[int, int], limit: int, *, is_forward: bool) -> list[StoredEntry]:
        found = [entry for entry in self.entries if span[0] <= entry.time_ns < span[1] and query.finds(entry)]
        found.sort(key=lambda entry: entry.time_ns, reverse=not is_forward)
        return found[:limit]

    def label_values(self, name: str) -> list[str]:
        return sorted({entry.labels[name] for entry in self.entries if name in entry.labels})

    def labels(self) -> list[str]:
        return sorted({name for entry in self.entries for name in entry.labels})


def streams_of(entries: list[StoredEntry], *, is_categorized: bool) -> list[dict[str, Any]]:
    """Entries as the streams of a reply, sorted by their labels as Loki sorts them."""
    streams: dict[str, dict[str, Any]] = {}
    for entry in entries:
        labels = entry.labels if is_categorized else entry.attributes
        stream = streams.setdefault(label_text(labels), {"stream": dict(sorted(labels.items())), "values": []})
        value: list[Any] = [str(entry.time_ns), entry.line]
        if is_categorized:
            value.append({"structuredMetadata": entry.metadata})
        stream["values"].append(value)
    return [streams[key] for key in sorted(streams)]


def label_text(labels: dict[str, str]) -> str:
    return "{" + ", ".join(f'{name}="{value}"' for name, value in sorted(labels.items())) + "}"


def otlp_entries(document: dict[str, Any]) -> list[tuple[int, str, dict[str, str], dict[str, str]]]:
    """Time, line, labels and metadata of each record of an OTLP/JSON logs request."""
    found = []
    for resource_logs in document["resourceLogs"]:
        resource = _attributes(resource_logs["resource"]["attributes"])
        indexed = {_underscored(name) for name in INDEX_LABELS}
        labels = {name: value for name, value in resource.items() if name in indexed}
        common = {name: value for name, value in resource.items() if name not in indexed}
        for scope_logs in resource_logs["scopeLogs"]:
            scope = {f"scope_{name}": value for name, value in scope_logs["scope"].items()}
            for record in scope_logs["logRecords"]:
                metadata = {**common, **scope, **_attributes(record["attributes"])}
                metadata["observed_timestamp"] = record["observedTimeUnixNano"]
                found.append((int(record["timeUnixNano"]), _text(record["body"]), labels, metadata))
    return found


def _attributes(pairs: list[dict[str, Any]]) -> dict[str, str]:
    return {_underscored(pair["key"]): _text(pair["value"]) for pair in pairs}


def _underscored(name: str) -> str:
    return re.sub(r"\W", "_", name)


def _text(value: dict[str, Any]) -> str:
    ((kind, content),) = value.items()
    return str(content).lower() if kind == "boolValue" else str(content)


_COUNT = re.compile(r"sum(?: by \((\w+)\))? ?\(count_over_time\((.*)\[(\d+)([sm])\]\)\)")


def counts_of(store: Store, params: dict[str, str]) -> list[dict[str, Any]]:
    """The matrix of ``sum by (label) (count_over_time(query[range]))``; steps are aligned as Loki aligns them."""
    parsed = _COUNT.fullmatch(params["query"])
    if parsed is None:
        raise QueryError(f"parse error at line 1, col 1: the stand-in knows no {params['query']!r}")
    label, query, length, unit = parsed[1], parse_query(parsed[2]), int(parsed[3]), parsed[4]
    range_ns = length * (60 if unit == "m" else 1) * 10**9
    step = int(params["step"].rstrip("s"))
    first, last = (_seconds(params[name]) for name in ("start", "end"))
    series: dict[str, list[list[Any]]] = {}
    found = [entry for entry in store.entries if query.finds(entry)]
    for moment in range(int(first // step) * step, -int(-last // step) * step + 1, step):
        counts: dict[str, int] = {}
        for entry in found:
            if moment * 10**9 - range_ns < entry.time_ns <= moment * 10**9:
                name = entry.attributes.get(label, "") if label else ""
                counts[name] = counts.get(name, 0) + 1
        for name, count in counts.items():
            series.setdefault(name, []).append([moment, str(count)])
    return [{"metric": {label: name} if label else {}, "values": series[name]} for name in sorted(series)]


def _seconds(text: str) -> float:
    """A time of a request as Loki takes it: seconds, or nanoseconds where there are more than ten digits."""
    return float(text) / 1e9 if len(text) > 10 else float(text)
