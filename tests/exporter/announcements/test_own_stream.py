"""The exporter's own lines are no telemetry, whichever way they might be met again."""

from __future__ import annotations

import json
import re

import pytest

from exporter.announcements import SERVICE_NAME
from exporter.announcements.lines import event_line, finding_line, session_line
from exporter.config_sources import DEFAULT_SELECTOR
from exporter.decoders import decode_to_table
from exporter.decoders.decoder import RawRecord
from tests.exporter.announcements.tellings import NOW_NS, finding, verdict

OWN = (
    session_line(verdict(), None, NOW_NS),
    finding_line(finding(), verdict(), None, None, NOW_NS),
    event_line("trained", "models trained on 45 sessions", NOW_NS),
)


@pytest.mark.parametrize(("service", "is_read"), [(SERVICE_NAME, False), ("sigyn-events", True), ("claude-code", True)])
def test_the_default_selector_leaves_the_own_stream_out(service, is_read):
    pattern = re.fullmatch(r'\{service_name=~"(.+)"\}', DEFAULT_SELECTOR)[1]
    # Loki anchors a matcher's expression at both ends.
    assert (re.fullmatch(pattern, service) is not None) is is_read


@pytest.mark.parametrize("own", OWN, ids=lambda line: line.kind)
def test_a_selector_that_reads_everything_makes_no_event_of_an_own_line(own):
    labels = {"service_name": SERVICE_NAME, "kind": own.kind, **own.metadata}
    record = RawRecord(json.loads(own.line), labels=labels, time_ns=own.time_ns)
    assert len(decode_to_table([record]).table) == 0
