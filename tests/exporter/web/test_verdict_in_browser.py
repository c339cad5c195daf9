"""A person judges the riskiest session in a real browser, and the judgement outlives the exporter's process."""

from __future__ import annotations

import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.exporter.running import team, thief, write_config, write_lines
from tests.exporter.test_service import serving
from tests.exporter.web.test_browser import CHROMIUM, FLAGS

CHROMEDRIVER = shutil.which("chromedriver")
ELEMENT = "element-6066-11e4-a52e-4f735466cecf"
"""The name that W3C WebDriver gives to the reference of an element."""

NOTE = "sent a key away <script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">"
MARK_UP_IN_NOTE = "return document.querySelectorAll('section[aria-labelledby=verdict] :is(script, img)').length"


class Browser:
    """A browser driven by W3C WebDriver; elements are named by CSS selectors, the first match counts."""

    def __init__(self, session: str) -> None:
        self._session = session

    def call(self, path: str, **body: Any) -> Any:
        reply = requests.post(self._session + path, json=body, timeout=60).json()["value"]
        assert not (isinstance(reply, dict) and "error" in reply), f"{path} {body}: {reply['message']}"
        return reply

    def on(self, selector: str, action: str, **body: Any) -> None:
        element = self.call("/element", using="css selector", value=selector)[ELEMENT]
        self.call(f"/element/{element}/{action}", **body)

    def click(self, selector: str) -> None:
        self.on(selector, "click")

    def write(self, selector: str, text: str) -> None:
        self.on(selector, "value", text=text)

    def go(self, url: str) -> None:
        self.call("/url", url=url)

    def run(self, script: str) -> Any:
        return self.call("/execute/sync", script=script, args=[])

    def text(self, selector: str) -> str:
        return self.run(f"return document.querySelector('{selector}').textContent")


@contextmanager
def browsing(profile: Path) -> Iterator[Browser]:
    """A browser with a profile of its own; it ends with the block."""
    options = {"binary": CHROMIUM, "args": [*FLAGS, f"--user-data-dir={profile}"]}
    wanted = {"capabilities": {"alwaysMatch": {"goog:chromeOptions": options}}}
    with subprocess.Popen([str(CHROMEDRIVER), "--port=0"], stdout=subprocess.PIPE, text=True) as driver:
        try:
            url = f"http://127.0.0.1:{_port_of(driver)}"
            begun = requests.post(f"{url}/session", json=wanted, timeout=60).json()["value"]
            assert "sessionId" in begun, begun["message"]
            session = f"{url}/session/{begun['sessionId']}"
            try:
                yield Browser(session)
            finally:
                requests.delete(session, timeout=60)
        finally:
            driver.kill()


def _port_of(driver: subprocess.Popen[str]) -> str:
    """The port that chromedriver says it chose."""
    assert driver.stdout is not None
    found = (re.search(r"started successfully on port (\d+)", line) for line in driver.stdout)
    port = next((match[1] for match in found if match), None)
    assert port is not None, "chromedriver ended without listening"
    return port


def assert_shows_the_verdict(browser: Browser) -> None:
    shown = browser.text("section[aria-labelledby=verdict] > p")
    assert shown.startswith("Judged malicious on ")
    assert "by Mara" in shown
    assert NOTE in shown
    assert browser.run(MARK_UP_IN_NOTE) == 0
    assert browser.run("return document.title") == "thief · Sigyn"


@pytest.mark.live
@pytest.mark.skipif(CHROMIUM is None, reason="chromium is not on PATH (Debian package chromium)")
@pytest.mark.skipif(CHROMEDRIVER is None, reason="chromedriver is not on PATH (Debian package chromium-driver)")
def test_a_verdict_given_in_a_browser_is_shown_inert_and_is_kept_over_a_restart(tmp_path):
    now = time.time()
    write_lines(tmp_path / "telemetry" / "a.jsonl", [*team(35, now), *thief(now - 600)])
    config = write_config(tmp_path, analyses={"risk": {"trees": 20}})
    with browsing(tmp_path / "profile") as browser:
        with serving(config) as process:
            process.until(lambda: 'sigyn_session_risk_score{agent="claude-code"' in process.get("/metrics").text)
            browser.go(process.url)
            browser.click("main table a.id")
            assert browser.text("h1") == "thief", "the first session of the landing page is not the riskiest"
            browser.click("input[value=malicious]")
            browser.write("#note", NOTE)
            browser.write("#by", "Mara")
            browser.click("section[aria-labelledby=verdict] button")
            assert browser.run("return location.href") == f"{process.url}/sessions/thief#verdict"
            assert_shows_the_verdict(browser)
        with serving(config) as again:
            again.until(lambda: again.get("/-/ready").ok)
            browser.go(f"{again.url}/sessions/thief")
            assert_shows_the_verdict(browser)
