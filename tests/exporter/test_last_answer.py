from __future__ import annotations

from exporter.last_answer import LastAnswer, are_same


def test_an_answer_is_worked_out_again_only_on_other_objects():
    asked = []
    memory = LastAnswer()

    def work_out():
        asked.append(1)
        return len(asked)

    one, other = [1], [1]
    assert [memory.on((one,), work_out), memory.on((one,), work_out)] == [1, 1]
    assert memory.on((other,), work_out) == 2
    assert memory.on((other, one), work_out) == 3


def test_equal_objects_are_not_the_same():
    one, other = [1], [1]
    assert are_same([one, other], (one, other))
    assert not are_same([one], [other])
    assert not are_same([one], [one, one])
    assert are_same((), [])
