"""The entries of a rule file: what each key may hold, and the ``analytics.rules`` object it becomes.

Wrong values raise pydantic's ``ValidationError``, which ``exporter.rule_file`` turns into lines.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Final, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    model_validator,
)

from analytics.events import DETAILS, TOTAL_COLUMNS
from analytics.findings import SEVERITIES
from analytics.rule_counts import Count, Total
from analytics.rule_matching import FLAG_COLUMNS, PATTERN_COLUMNS, TEXT_COLUMNS, Match, TextPattern
from analytics.rule_runs import Run
from analytics.rule_sequences import Sequence
from analytics.rules import Condition, Rule

_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_CONDITIONS: Final = ("match", "count", "run", "total", "sequence")


def _pattern(text: Any) -> re.Pattern[str]:
    if not isinstance(text, str) or not text:
        raise ValueError("must be a regular expression in quotes")
    try:
        return re.compile(text, re.MULTILINE)
    except re.error as error:
        raise ValueError(f"{text!r} is no regular expression: {error}") from error


def _duration(text: Any) -> int:
    found = re.fullmatch(r"(\d{1,6})([smhd])", text) if isinstance(text, str) else None
    if found is None:
        raise ValueError(f"{text!r} is no duration; write a whole number and s, m, h or d, such as 10m")
    return int(found[1]) * _UNITS[found[2]] * 1_000_000_000


def _listed(value: Any) -> Any:
    """One value where a list belongs stands for a list of one."""
    return value if isinstance(value, list) else [value]


def _known_level(level: str) -> str:
    if level not in SEVERITIES:
        raise ValueError(f"{level!r} is no severity; one of {', '.join(SEVERITIES)}")
    return level


Pattern = Annotated[re.Pattern[str], BeforeValidator(_pattern)]
Nanoseconds = Annotated[int, BeforeValidator(_duration)]
Text = Annotated[str, StringConstraints(min_length=1, strip_whitespace=True)]
Texts = Annotated[tuple[Text, ...], BeforeValidator(_listed), Field(min_length=1)]
RuleId = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$", max_length=60)]
RuleIds = Annotated[tuple[RuleId, ...], BeforeValidator(_listed), Field(min_length=1)]
Severity = Annotated[str, AfterValidator(_known_level)]
Times = Annotated[int, Field(ge=2, le=1_000_000)]
Examples = Annotated[tuple[Any, ...], BeforeValidator(_listed)]


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)


class _MatchEntry(_Entry):
    event: Texts | None = None
    agent: Texts | None = None
    tool_category: Texts | None = None
    permission_mode: Texts | None = None
    decision: Texts | None = None
    decision_source: Texts | None = None
    failure_kind: Texts | None = None
    tool_name: Pattern | None = None
    program: Pattern | None = None
    error: Pattern | None = None
    outside: bool | None = None
    success: bool | None = None
    command: Pattern | None = None
    command_contains: Texts | None = None
    not_command: Pattern | None = None
    path: Pattern | None = None
    path_contains: Texts | None = None
    not_path: Pattern | None = None
    url: Pattern | None = None
    url_contains: Texts | None = None
    not_url: Pattern | None = None
    attributes: Pattern | None = None
    attributes_contains: Texts | None = None
    not_attributes: Pattern | None = None

    @model_validator(mode="after")
    def _asks_for_something(self) -> Self:
        if not self.model_fields_set:
            raise ValueError("asks for nothing; give at least one condition")
        return self

    def condition(self) -> Match:
        """The condition on one event."""
        given = {name: value for name, value in self if value is not None}
        return Match(
            one_of={name: frozenset(given[name]) for name in TEXT_COLUMNS if name in given},
            patterns={name: given[name] for name in PATTERN_COLUMNS if name in given},
            flags={name: given[name] for name in FLAG_COLUMNS if name in given},
            details={
                name: TextPattern(
                    matches=given.get(name),
                    words=tuple(word.lower() for word in given.get(f"{name}_contains", ())),
                    unless=given.get(f"not_{name}"),
                )
                for name in DETAILS
                if not given.keys().isdisjoint((name, f"{name}_contains", f"not_{name}"))
            },
        )


_Matches = Annotated[tuple[_MatchEntry, ...], BeforeValidator(_listed), Field(min_length=1)]


class _CountEntry(_Entry):
    at_least: Times
    match: _Matches
    within: Nanoseconds | None = None


class _RunEntry(_Entry):
    at_least: Times
    outcome: Literal["any", "failed", "rejected"] = "any"
    gaps: bool = False
    not_tool_name: Pattern | None = None
    not_program: Pattern | None = None


class _TotalEntry(_Entry):
    of: Annotated[tuple[Literal[TOTAL_COLUMNS], ...], BeforeValidator(_listed), Field(min_length=1)]  # type: ignore[valid-type]  # the one list of columns
    at_least: Annotated[float, Field(gt=0)]


class _SequenceEntry(_Entry):
    rules: Annotated[tuple[RuleIds, ...], Field(min_length=2)]
    within: Nanoseconds


class RuleEntry(_Entry):
    """One rule."""

    id: RuleId
    severity: Severity
    title: Text
    description: Text
    reference: Annotated[
        str, StringConstraints(pattern=r"^(ATT&CK T\d{4}(\.\d{3})?|ATLAS AML\.T\d{4}(\.\d{3})?) \S.*$")
    ]
    step_only: bool = False
    match: _Matches | None = None
    count: _CountEntry | None = None
    run: _RunEntry | None = None
    total: _TotalEntry | None = None
    sequence: _SequenceEntry | None = None
    examples: dict[bool, Examples] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _has_one_condition(self) -> Self:
        given = [name for name in _CONDITIONS if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(f"needs exactly one of {', '.join(_CONDITIONS)}; has {', '.join(given) or 'none'}")
        return self

    def condition(self) -> Condition:
        """What the rule looks for."""
        if self.match is not None:
            return tuple(entry.condition() for entry in self.match)
        if self.count is not None:
            matches = tuple(entry.condition() for entry in self.count.match)
            return Count(matches, self.count.at_least, self.count.within)
        if self.run is not None:
            run = self.run
            return Run(run.at_least, run.outcome, run.gaps, run.not_tool_name, run.not_program)
        if self.total is not None:
            return Total(self.total.of, self.total.at_least)
        assert self.sequence is not None
        return Sequence(self.sequence.rules, self.sequence.within)

    def rule(self) -> Rule:
        """The rule of this entry."""
        return Rule(
            id=self.id,
            severity=self.severity,
            title=self.title,
            description=" ".join(self.description.split()),
            reference=self.reference,
            condition=self.condition(),
            is_reported=not self.step_only,
            positives=self.examples.get(True, ()),
            negatives=self.examples.get(False, ()),
        )


class FileEntry(_Entry):
    """A whole rule file."""

    rules: tuple[RuleEntry, ...] = ()
    disable: tuple[RuleId, ...] = ()
    severity: dict[RuleId, Severity] = Field(default_factory=dict)
