import json

import pytest

from analytics.column_values import MAX_DETAIL
from analytics.intake import build_event_table
from tests.builders import use


def attributes_of(**fields):
    intake = build_event_table([use(0, **fields)], "native")
    return intake.table.values("attributes")[0], intake.dropped


def test_unknown_fields_are_kept_with_switches_of_the_tool_and_the_names_of_what_was_cut():
    text, lost = attributes_of(
        note="x", tool_input={"command": "x" * 20_000, "dangerouslyDisableSandbox": True}, details_cut=["url"]
    )
    assert json.loads(text) == {"note": "x", "dangerouslyDisableSandbox": True, "details_cut": ["command", "url"]}
    assert lost == {"command_cut": 1, "url_cut": 1}


def test_an_event_with_nothing_unknown_has_none():
    assert attributes_of(tool_input={"command": "ls", "dangerouslyDisableSandbox": False}) == (None, {})


@pytest.mark.parametrize("names", ["command", {"command": 1}, [], ["contents", 7, ["url"], None]])
def test_a_sender_names_only_details_there_are(names):
    assert attributes_of(details_cut=names) == (None, {})


def test_unknown_fields_that_are_too_long_crowd_no_switch_out_and_are_counted():
    text, lost = attributes_of(
        aaa="x" * 100_000, zzz="last", tool_input={"command": "ls", "with_escalated_permissions": "y" * 100_000}
    )
    first, _, rest = text.partition("\n")
    assert json.loads(first) == {"with_escalated_permissions": "y" * 256, "details_cut": ["attributes"]}
    assert rest.startswith('{"aaa":"xxx')
    assert rest.endswith("}")
    assert len(text) <= MAX_DETAIL
    assert lost == {"attributes_cut": 1}
