import json
from pathlib import Path

import pytest

from exporter.loki.entry import LokiEntry, identity
from exporter.loki.errors import LokiBadReply
from exporter.loki.reply import parse_entries, parse_names
from exporter.loki.transport import LokiReply

RECORDINGS = Path(__file__).parents[4] / "shared" / "recordings" / "loki-3.7.6"
needs_recordings = pytest.mark.skipif(not RECORDINGS.is_dir(), reason="needs the recordings in ../shared/recordings")
JSON = "application/json; charset=UTF-8"
URL = "http://loki:3100/loki/api/v1/query_range"


def parse(document, content_type=JSON):
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    return parse_entries(LokiReply(200, content_type, body), URL)


def streams(*result):
    return {"status": "success", "data": {"resultType": "streams", "result": list(result)}}


def recorded(name):
    return parse(json.loads((RECORDINGS / f"{name}.json").read_text())["response"]["body"])


CATEGORIZED = streams(
    {
        "stream": {"service_name": "a"},
        "values": [["20", "later", {"structuredMetadata": {"k": "v"}}], ["10", "sooner", {}]],
    }
)
DEFAULT = streams(
    {"stream": {"service_name": "a", "k": "v"}, "values": [["20", "later"]]},
    {"stream": {"service_name": "a"}, "values": [["10", "sooner"]]},
)


def test_both_encodings_give_the_same_entries_oldest_first():
    categorized, default = parse(CATEGORIZED), parse(DEFAULT)
    assert categorized == [
        LokiEntry(10, {"service_name": "a"}, {}, "sooner"),
        LokiEntry(20, {"service_name": "a"}, {"k": "v"}, "later"),
    ]
    assert [entry.attributes for entry in default] == [entry.attributes for entry in categorized]
    assert list(map(identity, default)) == list(map(identity, categorized))


@needs_recordings
def test_recorded_replies_in_both_encodings_hold_the_same_entries():
    categorized, default = recorded("query_range_streams_categorized"), recorded("query_range_streams_default")
    key = lambda entry: (entry.time_ns, identity(entry))  # noqa: E731 - short and used twice
    assert sorted(map(key, categorized)) == sorted(map(key, default))
    assert len({key(entry) for entry in default}) == 9


@needs_recordings
def test_what_a_parser_stage_extracted_counts_as_metadata():
    entry = recorded("query_range_parsed_json")[0]
    assert entry.metadata["tool_name"] == "Write"
    assert entry.metadata["session_id"] == "3f0c2c6e-6f0f-4a6e-9a53-0d8f6f1f2a10"


@needs_recordings
@pytest.mark.parametrize("name", ["metric_query_matrix", "instant_vector"])
def test_the_answer_to_a_metric_query_is_refused(name):
    with pytest.raises(LokiBadReply, match="give a log query"):
        recorded(name)


@pytest.mark.parametrize("change", ["time", "line", "label", "metadata"])
def test_entries_that_differ_in_anything_but_time_differ_in_identity(change):
    one = LokiEntry(1, {"a": "b"}, {"c": "d"}, "line")
    other = {
        "time": one._replace(time_ns=2),
        "line": one._replace(line="line2"),
        "label": one._replace(labels={"a": "x"}),
        "metadata": one._replace(metadata={"c": "d", "e": ""}),
    }[change]
    assert (identity(one) == identity(other)) == (change == "time")


def test_identity_is_the_same_in_every_process():
    # blake2b-64 of {"a":"b"} followed by the line, worked out with b2sum -l 64
    assert identity(LokiEntry(1, {"a": "b"}, {}, "line")) == "a9eabf809b4d09d1"


@pytest.mark.parametrize(
    ("document", "content_type", "said"),
    [
        (CATEGORIZED, "text/html", "'text/html', not JSON"),
        (CATEGORIZED, "", "'', not JSON"),
        (b'{"status":"succ', JSON, "no whole JSON document"),
        ([], JSON, "does not say success"),
        ({"status": "error"}, JSON, "does not say success"),
        ({"status": "success", "data": None}, JSON, "no log lines"),
        ({"status": "success", "data": {"resultType": "streams"}}, JSON, "not in Loki's form"),
        (streams({"stream": {}, "values": [["soon", "x"]]}), JSON, "not in Loki's form"),
        (streams({"stream": {}, "values": [["1"]]}), JSON, "not in Loki's form"),
        (streams({"stream": {}, "values": [["1", 7]]}), JSON, "not in Loki's form"),
        (streams({"stream": {}, "values": [["1", "x", "y"]]}), JSON, "not in Loki's form"),
        (streams({"stream": "x", "values": []}), JSON, "not in Loki's form"),
        (streams("x"), JSON, "not in Loki's form"),
    ],
)
def test_what_is_not_loki_s_form_is_refused(document, content_type, said):
    with pytest.raises(LokiBadReply, match=said):
        parse(document, content_type)


def test_bytes_that_are_no_utf8_are_replaced_and_do_not_block_the_reading():
    body = json.dumps(streams({"stream": {"a": "b"}, "values": [["1", "x?y"]]})).encode().replace(b"?", b"\xff")
    assert parse(body)[0].line == "x\ufffdy"


def test_names_may_be_missing_but_not_of_another_kind():
    assert parse_names(LokiReply(200, JSON, b'{"status":"success"}'), URL) == []
    with pytest.raises(LokiBadReply, match="no list of names"):
        parse_names(LokiReply(200, JSON, b'{"status":"success","data":{"a":1}}'), URL)
