"""The simulated team, made once for the tests on real servers."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.grafana.simulated_team import Team, simulated_team


@pytest.fixture(scope="session")
def team(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Team]:
    with simulated_team(tmp_path_factory.mktemp("team")) as made:
        yield made
