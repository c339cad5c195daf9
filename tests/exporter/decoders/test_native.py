from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.decoders import recognise
from exporter.decoders.decoder import RawRecord
from exporter.decoders.native import DECODER, whole

LINE = {"timestamp": "2026-09-01T10:00:00Z", "session_id": "s-1", "event": "tool_call", "tool_name": "Bash"}
TIME_NS = 1_788_256_803_250_000_000


def test_a_whole_line_passes_as_the_very_same_object():
    (native,) = DECODER.decode(RawRecord(LINE, "", TIME_NS, {"session_id": "other"}))
    assert native is LINE


def test_a_line_from_loki_without_time_or_session_takes_them_from_its_entry():
    line = {"event": "user_prompt", "timestamp": None}
    (native,) = DECODER.decode(RawRecord(line, "", TIME_NS, {"session_id": "s-2"}))
    assert native == {"event": "user_prompt", "timestamp": 1_788_256_803.25, "session_id": "s-2"}
    assert line == {"event": "user_prompt", "timestamp": None}


def test_a_local_line_that_lacks_something_passes_for_the_intake_to_count():
    line = {"event": "user_prompt"}
    (native,) = DECODER.decode(RawRecord(line))
    assert native is line


def test_an_event_nobody_knows_is_native_all_the_same():
    assert recognise(RawRecord({**LINE, "event": "my_framework_event"})) is DECODER


def test_hook_names_log_lines_and_events_that_are_no_text_are_not_native():
    assert not DECODER.recognises(RawRecord({**LINE, "event": "PreToolUse"}))
    assert not DECODER.recognises(RawRecord({**LINE, "hook_event_name": "PreToolUse"}))
    assert not DECODER.recognises(RawRecord({**LINE, "event": ["tool_call"]}))
    assert not DECODER.recognises(RawRecord(LINE, "claude_code.tool_result"))


FIELDS = st.fixed_dictionaries(
    {},
    optional={
        "event": st.sampled_from(["tool_call", "PreToolUse", "Stop", 7, None]),
        "session_id": st.sampled_from(["s", "", None, 3]),
        "timestamp": st.sampled_from(["2026-09-01T10:00:00Z", None, 5]),
        "sequence": st.sampled_from([None, 0, "x"]),
        "hook_event_name": st.sampled_from(["PreToolUse", None]),
        "event_id": st.sampled_from(["e", None]),
    },
)


@settings(max_examples=200, deadline=None)
@given(fields=FIELDS, line=st.sampled_from(["", "claude_code.tool_result"]))
def test_what_passes_as_whole_is_what_the_decoder_makes_of_it(fields, line):
    record = RawRecord(fields, line, TIME_NS, {"session_id": "s-9"}, lambda: "id")
    passed = whole(record)
    if passed is not None:
        assert recognise(record) is DECODER
        assert list(DECODER.decode(record)) == [passed]
        assert passed["sequence"] is not None


def test_a_complete_line_passes_as_whole():
    line = {**LINE, "sequence": 0}
    assert whole(RawRecord(line)) is line
    assert whole(RawRecord(LINE)) is None
