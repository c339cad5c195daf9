"""What the exporter says of itself while there are no scores yet, or a cycle hangs."""

from exporter.course import Course
from tests.exporter.running import Clock


def test_a_source_that_is_asked_and_says_nothing_is_named():
    course = Course(Clock(100.0))
    course.begin()
    course.ask("local", 1.0)
    assert course.last_problem == "reading local: 100% of the first read done"
    course.ask("loki", 0.0)
    assert course.last_problem == "waiting for loki: nothing of the first read has come yet"


def test_a_failure_says_more_than_waiting():
    course = Course(Clock(100.0))
    course.fail("loki: connection refused")
    course.ask("loki", 0.0)
    assert course.last_problem == "loki: connection refused"


def test_after_a_first_success_reading_is_no_problem():
    course = Course(Clock(100.0))
    course.succeed(5.0)
    before = course.last_problem
    course.ask("loki", 0.5)
    assert course.last_problem == before


def test_a_cycle_that_hangs_is_the_present_problem_until_it_ends():
    clock = Clock(100.0)
    course = Course(clock)
    course.fail("loki: 500")
    course.begin()
    course.ask("loki", 0.0)
    clock.now += 90
    assert course.present_problem == (
        "a cycle has been running for 90 s, the last source asked is loki; look at it and the disk"
    )
    assert course.end() == 90
    assert course.present_problem == "loki: 500"
