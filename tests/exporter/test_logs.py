"""The exporter's own log: one safe line a record."""

import io
import json
import logging
import warnings

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.logs import QUIET, JsonFormatter, TextFormatter, configure_logging, describe_error, one_line

HOSTILE = "a\nlevel=error forged=1\r\x1b[31m\u2028\u202eb\x00"


@pytest.fixture
def restored():
    """The root logger as it was, after the test."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    logging.captureWarnings(capture=False)
    root.handlers[:] = handlers
    root.setLevel(level)
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.NOTSET)


def record(message, *args, error=None, **extra):
    exc_info = (type(error), error, error.__traceback__) if error is not None else None
    made = logging.LogRecord("exporter.cycle", logging.WARNING, "cycle.py", 1, message, args, exc_info)
    made.created = 1_700_000_000.25
    vars(made).update(extra)
    return made


def raised():
    try:
        try:
            raise OSError("no route\nto host")  # noqa: TRY301 - a cause is the point
        except OSError as error:
            raise ValueError("cannot read") from error
    except ValueError as error:
        return error


def test_text_is_logfmt():
    line = TextFormatter().format(record("cycle %s", "done", sessions=12, path="a b", ratio=0.5, ok=True, none=None))
    assert line == (
        'time=2023-11-14T22:13:20.250Z level=warning logger=exporter.cycle message="cycle done" '
        'sessions=12 path="a b" ratio=0.5 ok=true none=null'
    )


def test_json_is_one_object():
    fields = json.loads(JsonFormatter().format(record("cycle done", sessions=12, kinds=("a", "b"))))
    assert fields == {
        "time": "2023-11-14T22:13:20.250Z",
        "level": "warning",
        "logger": "exporter.cycle",
        "message": "cycle done",
        "sessions": 12,
        "kinds": "('a', 'b')",
    }


@pytest.mark.parametrize("formatter", [TextFormatter(), JsonFormatter()])
def test_hostile_values_cannot_begin_a_line_or_steer_a_terminal(formatter):
    line = formatter.format(record(HOSTILE, name_=HOSTILE, error_=ValueError(HOSTILE), error=ValueError(HOSTILE)))
    assert line.isprintable()


@pytest.mark.parametrize("formatter", [TextFormatter(), JsonFormatter()])
def test_hostile_logger_name_is_escaped(formatter):
    made = record("m")
    made.name = HOSTILE
    assert formatter.format(made).isprintable()


def test_json_escapes_even_what_json_allows_in_a_string():
    made = record("m")
    made.name = "a\u2028b"
    assert json.loads(JsonFormatter().format(made))["logger"] == "a\\u2028b"


def test_quotes_and_equals_signs_cannot_forge_a_logfmt_field():
    line = TextFormatter().format(record('x" level=error y="', user='a" b=c', empty="", slash="\\"))
    assert line.endswith(r'message="x\" level=error y=\"" user="a\" b=c" empty="" slash="\\"')


def test_field_names_are_made_safe_and_never_replace_the_standard_ones():
    fields = json.loads(JsonFormatter().format(record("m", **{"level": "x", "a b\nc": 1})))
    assert fields["level"] == "warning"
    assert fields["level_"] == "x"
    assert fields["a_b_c"] == 1


def test_long_values_are_cut():
    fields = json.loads(JsonFormatter().format(record("m" * 100_000, value="v" * 100_000)))
    assert fields["message"] == "m" * 8192 + "…"
    assert fields["value"] == "v" * 2048 + "…"


@pytest.mark.parametrize("formatter", [TextFormatter(), JsonFormatter()])
def test_exception_is_folded_into_the_line_with_its_cause_and_place(formatter):
    line = formatter.format(record("failed", error=raised()))
    assert line.isprintable()
    assert "ValueError: cannot read from OSError: no route" in line
    assert "(test_logs.py:" in line
    assert "Traceback" not in line


def test_text_shows_the_stack_trace_on_indented_lines_under_debug():
    first, *trace = TextFormatter(debug=True).format(record("failed", error=raised())).split("\n")
    assert first.startswith("time=")
    assert any("Traceback" in line for line in trace)
    assert all(line.startswith("    ") for line in trace)


def test_json_keeps_the_stack_trace_on_the_line_under_debug():
    line = JsonFormatter(debug=True).format(record("failed", error=raised()))
    assert "\n" not in line
    assert json.loads(line)["stack_trace"][-1] == "ValueError: cannot read"


def test_error_without_text_or_place_is_named():
    assert describe_error(KeyError()) == "KeyError"


@settings(max_examples=100, deadline=None)
@given(
    message=st.text(),
    value=st.one_of(st.text(), st.integers(), st.floats(), st.binary(), st.lists(st.text()), st.none()),
)
def test_any_value_is_one_printable_line_in_either_format(message, value):
    made = record("%s", message, value=value)
    assert TextFormatter().format(made).isprintable()
    assert json.loads(JsonFormatter().format(made))["logger"] == "exporter.cycle"


@settings(max_examples=100, deadline=None)
@given(st.text())
def test_one_line_keeps_what_is_printable_and_escapes_the_rest(text):
    line = one_line(text, limit=10_000)
    assert line.isprintable()
    if text.isprintable():
        assert line == text


def test_lone_surrogate_is_escaped():
    assert one_line("a\ud800") == "a\\ud800"


@pytest.mark.usefixtures("restored")
def test_records_below_the_level_are_left_out():
    stream = io.StringIO()
    configure_logging("warning", "text", stream)
    logging.getLogger("exporter.cycle").info("quiet")
    logging.getLogger("exporter.cycle").warning("loud")
    (line,) = stream.getvalue().splitlines()
    assert line.endswith("message=loud")


@pytest.mark.usefixtures("restored")
def test_configuring_again_replaces_the_stream():
    first, second = io.StringIO(), io.StringIO()
    configure_logging("info", "text", first)
    configure_logging("info", "json", second)
    logging.getLogger("exporter").info("once", extra={"sessions": 3})
    assert first.getvalue() == ""
    assert json.loads(second.getvalue())["sessions"] == 3


@pytest.mark.usefixtures("restored")
def test_log_goes_to_standard_error_by_default(capsys):
    configure_logging("info", "text")
    logging.getLogger("exporter").info("hello")
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.endswith("message=hello\n")


@pytest.mark.usefixtures("restored")
@pytest.mark.parametrize(("level", "lines"), [("info", 0), ("debug", 1)])
def test_routine_records_of_libraries_are_heard_at_debug_only(level, lines):
    stream = io.StringIO()
    configure_logging(level, "text", stream)
    logging.getLogger("apscheduler.executors.default").info("job ran")
    assert len(stream.getvalue().splitlines()) == lines


@pytest.mark.usefixtures("restored")
def test_python_warnings_become_records():
    stream = io.StringIO()
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        configure_logging("info", "text", stream)
        warnings.warn("one\ntwo", UserWarning, stacklevel=1)
        logging.captureWarnings(capture=False)
    (line,) = stream.getvalue().splitlines()
    assert "logger=py.warnings" in line
    assert "UserWarning: one" in line
