import gc

import pytest

from exporter.garbage_collection import made_at_rest


@pytest.fixture(autouse=True)
def _awake():
    gc.enable()
    yield
    gc.enable()


def test_items_are_made_at_rest_and_used_awake():
    def steps():
        for _ in range(3):
            yield gc.isenabled()

    seen = [(while_made, gc.isenabled()) for while_made in made_at_rest(steps())]
    assert seen == [(False, True)] * 3
    assert gc.isenabled()


def test_an_error_and_an_early_end_leave_the_collector_awake():
    def steps():
        yield 1
        raise OSError("planted")

    made = made_at_rest(steps())
    assert next(made) == 1
    with pytest.raises(OSError, match="planted"):
        next(made)
    assert gc.isenabled()
    abandoned = made_at_rest(iter([1, 2]))
    next(abandoned)
    abandoned.close()
    assert gc.isenabled()
