import pytest

from exporter.loki.settings import LokiSettings


def test_secrets_are_not_shown():
    shown = repr(LokiSettings("http://loki:3100", basic=("ann", "hunter2")))
    shown += repr(LokiSettings("http://loki:3100", bearer_token="t0ken"))
    assert "hunter2" not in shown
    assert "t0ken" not in shown
    assert "http://loki:3100" in shown


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"url": "loki:3100"}, "url: 'loki:3100' is no base address"),
        ({"url": "ftp://loki"}, "url: "),
        ({"url": "http://loki?x=1"}, "url: "),
        ({"url": "http://ann:hunter2@loki"}, "url: holds a user name or password"),
        ({"selectors": ()}, "selectors: none given"),
        ({"selectors": ('sum(rate({a="b"}[1m]))',)}, "selectors: .* must start with a stream selector"),
        ({"basic": ("ann", "x"), "bearer_token": "y"}, "basic: bearer_token is given as well"),
        ({"tenant": "a\r\nX-Evil: 1"}, "tenant: must be one line"),
        ({"bearer_token": "hunter2\n"}, "bearer_token: must be one line"),
        ({"page_limit": 0}, "page_limit: must be above 0"),
        ({"threads": 0}, "threads: must be above 0"),
        ({"overlap_seconds": -1}, "overlap_seconds: must not be below 0"),
        ({"timeout_seconds": (0, 1)}, "timeout_seconds: must be above 0"),
    ],
)
def test_what_cannot_work_is_refused_by_name_and_without_secrets(settings, said):
    with pytest.raises(ValueError, match=said) as caught:
        LokiSettings(**{"url": "http://loki:3100", **settings})
    assert "hunter2" not in str(caught.value)
