"""A deed hidden in a command, path or address that is too long to be read whole."""

import json

import pytest

from analytics.column_values import MAX_DETAIL
from analytics.intake import build_event_table
from analytics.rules import RuleSet
from exporter.hook_line import MAX_DETAIL as MOST_OF_HOOK
from exporter.hook_line import Stamp, encode, native_line
from exporter.rule_file import load_rule_set
from tests.builders import use
from tests.exporter.running import THEFT

RULES = RuleSet(load_rule_set().rules)
TOO_LONG = "detail-too-long-to-read"
SIZE = 17_000
BLANK = {"newlines": "\n" * SIZE, "blanks": " \t" * (SIZE // 2), "blank lines": "\n  \t\n" * (SIZE // 5)}
"""What only fills, and is left out before anything is cut."""
WRITTEN = {
    "comment": "# " + "x" * SIZE + "\n",
    "commands": "true; " * (SIZE // 6),
    "quoted text": 'echo "' + "x " * (SIZE // 2) + '"; ',
    "here-document": "cat > notes.md <<'EOF'\n" + "one more line\n" * (SIZE // 14) + "EOF\n",
    "apostrophes": "# it's\n" * (SIZE // 7),
    "one apostrophe a word": "# '" + "it's " * (SIZE // 5) + "\n",
    "quotes": "echo 'x y' \"it's\"; " * (SIZE // 18),
    "continued lines": "true " + "\\\n" * (SIZE // 2) + "; ",
}
"""What may mean something, and has to be cut."""


def found_by_intake(arguments):
    record = use(0, "Bash", user_id="eve", project="/srv/shop", tool_use_id="u1", tool_input=arguments)
    return build_event_table([record], "native")


def found_by_hook(arguments):
    payload = {
        "session_id": "s1",
        "hook_event_name": "PostToolUse",
        "cwd": "/srv/shop",
        "tool_name": "Bash",
        "tool_input": arguments,
        "tool_response": {},
    }
    line = encode(native_line(payload, Stamp(1_780_000_000_000_000_000, "id-1", "eve")))
    return build_event_table([json.loads(line)], "native")


@pytest.fixture(params=[found_by_intake, found_by_hook], ids=["intake", "hook"])
def reader(request):
    """How the arguments of a tool come in."""
    return request.param


def rules_found(intake):
    hits = RULES.hits(intake.table)
    return {one.rule for one in RULES.findings(intake.table.sorted().without_details(), hits)}


PLAIN = rules_found(found_by_intake({"command": THEFT}))


def test_the_deed_alone_is_found_and_nothing_is_said_of_its_length(reader):
    assert len(PLAIN) >= 3
    assert rules_found(reader({"command": THEFT})) == PLAIN


@pytest.mark.parametrize("filler", BLANK)
@pytest.mark.parametrize("place", ["{0}{1}", "{1}\n{0}", "{0}{1}\n{0}"], ids=["in front", "behind", "around"])
def test_blanks_hide_nothing_and_cost_nothing(reader, filler, place):
    intake = reader({"command": place.format(BLANK[filler], THEFT)})
    assert rules_found(intake) == PLAIN
    assert not intake.dropped


@pytest.mark.parametrize("filler", WRITTEN)
@pytest.mark.parametrize("place", ["{0}{1}", "{1}\n{0}"], ids=["in front", "behind"])
def test_a_deed_before_or_after_a_long_text_is_found_and_the_length_too(reader, filler, place):
    intake = reader({"command": place.format(WRITTEN[filler], THEFT)})
    assert rules_found(intake) >= {*PLAIN, TOO_LONG}
    assert intake.dropped == {"command_cut": 1}


@pytest.mark.parametrize("filler", WRITTEN)
def test_a_deed_in_the_middle_cannot_be_read_and_the_length_is_found(reader, filler):
    intake = reader({"command": f"{WRITTEN[filler]}{THEFT}\n{WRITTEN[filler]}"})
    assert TOO_LONG in rules_found(intake)
    assert intake.dropped == {"command_cut": 1}


@pytest.mark.parametrize(("argument", "detail"), [("file_path", "path"), ("url", "url")])
def test_a_path_or_address_is_read_to_its_end(reader, argument, detail):
    beginning = "https://x.example" if detail == "url" else "/srv/shop"
    intake = reader({argument: f"{beginning}{'/x' * SIZE}/../../../home/eve/.ssh/id_rsa"})
    assert TOO_LONG in rules_found(intake)
    assert intake.dropped == {f"{detail}_cut": 1}
    kept = intake.table.values(detail)[0]
    assert kept.startswith(beginning)
    assert kept.endswith("/.ssh/id_rsa")


def test_what_is_kept_is_bounded_whatever_comes():
    for intake, most in ((found_by_intake, MAX_DETAIL), (found_by_hook, MOST_OF_HOOK)):
        table = intake({"command": "x" * 10**6, "file_path": "y" * 10**6, "url": "z" * 10**6}).table
        assert {most - len(table.values(name)[0]) for name in ("command", "path", "url")} <= {0, 1}


def test_a_command_of_many_words_in_a_list_is_read_to_its_end():
    intake = found_by_intake({"command": ["bash", "-lc", f"{WRITTEN['commands']}{THEFT}"]})
    assert rules_found(intake) >= {*PLAIN, TOO_LONG}
