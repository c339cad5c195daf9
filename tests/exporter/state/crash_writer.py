"""A process that commits batch after batch and says so, until it is killed; run by ``test_crash``."""

from __future__ import annotations

import sys
from pathlib import Path

from exporter.state import State, StoredSession
from tests.builders import table_of, use

EVENTS_A_BATCH = 5


def main(directory: Path) -> None:
    state = State.open(directory)
    done = state.positions().get("source", {"batches": 0})["batches"]
    table = table_of(*(use(second, "Read") for second in range(EVENTS_A_BATCH)))
    while True:
        done += 1
        with state.begin() as transaction:
            transaction.append_events(table)
            transaction.add_counts("sigyn_tool_calls_total", {("Read", "success"): EVENTS_A_BATCH})
            transaction.put_sessions([StoredSession("s1", 1, done, done * EVENTS_A_BATCH, is_open=True)])
            transaction.set_position("source", {"batches": done})
        print(done, flush=True)  # noqa: T201 - how the parent knows what is committed


if __name__ == "__main__":
    main(Path(sys.argv[1]))
