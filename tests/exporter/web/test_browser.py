"""The pages in a real browser, with names that try to run a script."""

import shutil
import socket
import subprocess
import threading
from contextlib import contextmanager
from urllib.parse import quote

import pytest
import uvicorn

from tests.exporter.web.test_pages import hostile_house

CHROMIUM = shutil.which("chromium")
FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip
ATTACK = "<script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">"


@contextmanager
def serving(app):
    """The app on a free port of the loopback interface."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="error"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(10)
        listener.close()


def dumped(url, profile):
    """The page as the browser has it after loading."""
    command = [str(CHROMIUM), *FLAGS, f"--user-data-dir={profile}", "--dump-dom", url]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout


@pytest.mark.live
@pytest.mark.skipif(CHROMIUM is None, reason="chromium is not on PATH")
@pytest.mark.parametrize("path", ["/", "/sessions/" + quote(ATTACK, safe="")], ids=["sessions", "session"])
def test_no_script_in_a_name_runs_in_a_browser(tmp_path, path):
    with serving(hostile_house(ATTACK).client().app) as address:
        dom = dumped(address + path, tmp_path)
    title = dom[dom.index("<title>") + 7 : dom.index("</title>")]
    assert title.endswith("· Sigyn")
    assert "owned" not in title.removeprefix("&lt;script&gt;document.title='owned'")
    assert "&lt;script&gt;" in dom
    assert "<script" not in dom
    assert '<img src="x"' not in dom


@pytest.mark.live
@pytest.mark.skipif(CHROMIUM is None, reason="chromium is not on PATH")
def test_the_same_attack_does_run_where_nothing_is_escaped(tmp_path):
    (tmp_path / "page.html").write_text(f"<title>calm</title>{ATTACK}", encoding="utf-8")
    dom = dumped((tmp_path / "page.html").as_uri(), tmp_path / "profile")
    assert "<title>owned</title>" in dom
