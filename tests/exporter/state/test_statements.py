"""However many sessions are asked for, few statements are made: every connection keeps those it has seen prepared."""

from __future__ import annotations

from sqlalchemy import event

from exporter.state import State
from tests.builders import table_of, use


def test_any_number_of_sessions_takes_one_of_few_statements_and_gives_each_session_once(tmp_path):
    names = [f"s{number:03}" for number in range(600)]
    with State.open(tmp_path) as state:
        with state.begin() as transaction:
            transaction.append_events(table_of(*(use(0, session=name) for name in names)))
        seen = set()
        event.listen(
            state._database._engine, "before_cursor_execute", lambda _connection, _cursor, text, *_: seen.add(text)
        )
        for count in (*range(130), 511, 512, 513, 600):
            found = state.events(names[:count]).frame["session_id"]
            assert sorted(found) == names[:count]
        asked = {text for text in seen if "session_id IN" in text}
    assert 2 <= len(asked) <= 10
