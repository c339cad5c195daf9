"""Lines into records: all at once where all are objects, one by one where something is wrong."""

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.sources.lines import BYTE_ORDER_MARK, parse_lines

KINDS = {
    b'{"a":1}': "record",
    b'  {"a":1}\r': "record",
    BYTE_ORDER_MARK + b'{"a":1}': "record",
    b"[1]": "not_an_object",
    b"null": "not_an_object",
    b'{"a":1': "bad_json",
    b"\xff\xfe": "bad_json",
    b'{"a":"\\ud800"}': "bad_json",
    b"": "blank",
    b" \r": "blank",
}


@given(st.lists(st.sampled_from(sorted(KINDS)), max_size=12))
@settings(deadline=None, max_examples=200)
def test_every_line_is_a_record_or_counted_or_blank_whatever_its_neighbours_are(lines):
    dropped = Counter()
    records = parse_lines(lines, dropped)
    kinds = Counter(KINDS[line] for line in lines)
    assert records == [{"a": 1}] * kinds.pop("record", 0)
    kinds.pop("blank", None)
    assert dropped == kinds
