from analytics.verdicts import SessionVerdict
from exporter.publisher import Publisher
from exporter.snapshot import Snapshot

VERDICT = SessionVerdict("s", 0, 1, 5, None, None, None, "scored", risk=0.5, level="medium")
SNAPSHOT = Snapshot(10.0, (VERDICT,), {"sigyn_tool_calls_total": {("Bash", "success"): 3.0}}, readings={"g": {(): 1.0}})


def test_nothing_is_published_before_the_first_snapshot():
    publisher = Publisher()
    assert publisher.snapshot is None
    assert not publisher.restored
    assert publisher.withdrawn is None


def test_withdrawing_takes_scores_and_readings_and_keeps_counters_and_the_reason():
    publisher = Publisher()
    publisher.publish(SNAPSHOT)
    publisher.withdraw("too old")
    assert publisher.snapshot is not None
    assert publisher.snapshot.sessions == ()
    assert publisher.snapshot.readings == {}
    assert publisher.snapshot.counters == SNAPSHOT.counters
    assert publisher.withdrawn == "too old"


def test_withdrawing_before_the_first_snapshot_keeps_the_reason():
    publisher = Publisher()
    publisher.withdraw("too old")
    assert publisher.snapshot is None
    assert publisher.withdrawn == "too old"


def test_a_new_snapshot_ends_withdrawal_and_restoration():
    publisher = Publisher()
    publisher.publish(SNAPSHOT, restored=True)
    assert publisher.restored
    publisher.withdraw("too old")
    assert publisher.restored
    publisher.publish(SNAPSHOT)
    assert publisher.snapshot is SNAPSHOT
    assert publisher.withdrawn is None
    assert not publisher.restored


def test_watchers_hear_of_the_present_and_of_every_swap_before_readers_see_it():
    publisher = Publisher()
    publisher.publish(SNAPSHOT)
    heard = []
    publisher.watch(lambda publication: heard.append((publication.withdrawn, publisher.withdrawn)))
    publisher.withdraw("too old")
    assert heard == [(None, None), ("too old", None)]
