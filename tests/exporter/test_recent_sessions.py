"""What is kept of the sessions of the last day is bounded, however many there were."""

import numpy as np

from analytics.features import FEATURE_NAMES
from exporter.recent_sessions import MOST_SESSIONS, remember_recent
from tests.exporter.worlds import open_world


def test_the_rows_of_the_sessions_judged_last_are_kept_and_not_the_blocks_they_came_in(tmp_path):
    world = open_world(tmp_path)
    for first in range(0, MOST_SESSIONS + 500, 500):
        block = np.full((500, len(FEATURE_NAMES)), float(first))
        remember_recent(world, {f"s{first + number}": row for number, row in enumerate(block)})
    remember_recent(world, {"s500": np.ones(len(FEATURE_NAMES))})
    assert len(world.recent) == MOST_SESSIONS
    assert next(iter(world.recent)) == "s501"
    assert list(world.recent)[-1] == "s500"
    assert all(row.base is None for row in world.recent.values())
    world.state.close()
