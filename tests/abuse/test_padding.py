"""Thousands of harmless calls before or after a bad deed, strong or mild, do not lower its risk."""

from itertools import cycle, product

import pytest

from analytics.simulation.stamps import microseconds_of, restamped
from tests.abuse.training_window import bad, halves, judged, team

KINDS = ("exfiltration", "reconnaissance", "destruction", "loop")
STRENGTHS = ("strong", "mild")
PADDING = 2_000
"""Harmless tool calls."""
PAUSE = 20_000_000
"""Microseconds between one piece of work and the next."""
MOST_LOWER = {"strong": 0.02, "mild": 0.05}
"""What padding may take off a risk: of strong deeds nothing that shows, of mild ones the shortfall that is told."""
CASES = 6
"""Sessions a kind, strength and place of the padding."""


def moved(records, begin, mark):
    """The records in the pace they had, from a time (microseconds) on, with tool ids of their own."""
    delay = begin - microseconds_of(records[0]["timestamp"])
    for one in records:
        changed = {"tool_use_id": f"{one['tool_use_id']}-{mark}"} if one.get("tool_use_id") else {}
        yield {**one, **changed, "timestamp": restamped(one["timestamp"], microseconds_of(one["timestamp"]) + delay)}


def padding_from(begin, ordinary):
    """Ordinary work from a time on, one session's after another's."""
    made, calls = [], 0
    sessions = enumerate(cycle(ordinary))
    while calls < PADDING:
        number, session = next(sessions)
        work = [one for one in session if one["event"] not in ("session_start", "session_end")]
        made += moved(work, begin, number)
        begin = microseconds_of(made[-1]["timestamp"]) + PAUSE
        calls += sum(one["event"] == "tool_call" for one in work)
    return made


def padded_after(records, ordinary):
    body = [one for one in records if one["event"] != "session_end"]
    return body + padding_from(microseconds_of(body[-1]["timestamp"]) + PAUSE, ordinary)


def padded_before(records, ordinary):
    first = [one for one in records[:1] if one["event"] == "session_start"]
    made = padding_from(microseconds_of(records[0]["timestamp"]) + PAUSE, ordinary)
    end = microseconds_of(made[-1]["timestamp"]) + PAUSE
    return [*first, *made, *moved(records[len(first) :], end, "deed")]


PLACES = {"after": padded_after, "before": padded_before}


def numbered(records, session_id):
    return [{**one, "session_id": session_id, "sequence": number} for number, one in enumerate(records)]


@pytest.fixture(scope="module")
def all_results():
    """Bad sessions as they are, and padded: pairs of what was judged, by the strength of the deed."""
    training, unseen = halves(team())
    by_user = {}
    for records in training.values():
        by_user.setdefault(records[0]["user_id"], []).append(records)
    chosen = dict(list(unseen.items())[:: max(len(unseen) // CASES, 1)][:CASES])
    cases, pairs = {}, {strength: [] for strength in STRENGTHS}
    for kind, strength in product(KINDS, STRENGTHS):
        for name, records in bad(chosen, kind, 3, strength).items():
            plain = f"{name}-{kind}-{strength}"
            cases[plain] = numbered(records, plain)
            for place, pad in PLACES.items():
                cases[f"{plain}-{place}"] = numbered(pad(records, by_user[records[0]["user_id"]]), f"{plain}-{place}")
                pairs[strength].append((plain, f"{plain}-{place}"))
    verdicts = judged(training, cases)
    return {strength: [(verdicts[one], verdicts[other]) for one, other in named] for strength, named in pairs.items()}


@pytest.fixture(params=STRENGTHS)
def strength(request):
    """Of the deed."""
    return request.param


@pytest.fixture
def results(all_results, strength):
    """The pairs of one strength."""
    return all_results[strength]


def test_every_kind_is_there_with_padding_before_and_after(results):
    assert len(results) == len(KINDS) * len(PLACES) * CASES


def test_findings_persist_under_padding(results):
    for plain, padded in results:
        assert {rule for rule in plain.parts if rule != "anomaly"} <= set(padded.parts)


def test_padding_does_not_lower_the_risk(results, strength):
    assert max(plain.risk - padded.risk for plain, padded in results) <= MOST_LOWER[strength]
