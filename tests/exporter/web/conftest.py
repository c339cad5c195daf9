import pytest

from tests.exporter.web.deployment import SNAPSHOT, House


@pytest.fixture
def house():
    """A deployment after its first cycle."""
    found = House()
    found.publisher.publish(SNAPSHOT)
    return found


@pytest.fixture
def client(house):
    """Its web application."""
    return house.client()
