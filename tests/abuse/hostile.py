"""Texts that try to be more than text, each for another reader of what the exporter writes."""

from __future__ import annotations

import unicodedata
from typing import Any

from analytics.column_values import clean_text
from tests.builders import START
from tests.exporter.running import THEFT

HOSTILE = {
    "html": "<script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">",
    "attribute": "\" autofocus onfocus=document.title='owned' x='",
    "svg": "</title></svg><svg onload=document.title='owned'><style>*{display:none}</style>",
    "address": "javascript:document.title='owned'//",
    "template": "{{ 7 * 7 }}${7*7}{% raw %}<%= 7*7 %>#{7*7}",
    "markdown": "[click](https://evil.example/) ![x](https://evil.example/pixel) **bold** `code`\n# heading",
    "slack": "<!channel> <@U012AB3CD> <https://evil.example/|click here> &lt;!here&gt;",
    "logql": '"} |= `x` or {job=~".+"} | line_format "{{.password}}" #',
    "promql": 'x"} or vector(1) or sigyn_session_risk_score{session_id!="',
    "label": 'a"} 9\nsigyn_sessions{level="critical"} 1e9\n# HELP sigyn_owned x\n\\',
    "lines": "one\r\ntwo\u2028three\u2029four\x85five\x0bsix",
    "terminal": "\x1b]0;owned\x07\x1b[2J\x1b[31mred\x9b31m\x1bP$q\x1b\\\x08\x08\x7f",
    "bidi": "user\u202egnp.exe\u202c\u2066hidden\u2069\u200b\ufeff\u061c",
    "yaml": "a: {b: !!python/object/apply:os.system [id]}\n- &x *x\n--- %YAML",
    "json": '"},"risk":0,"level":"low","x":{"',
    "prototype": "__proto__",
    "constructor": "constructor",
    "path": "../../-/reload?x=%2e%2e%2f%00#y",
    "csv": '=HYPERLINK("https://evil.example/","click")',
    "nothing": "\x00\x01\x02",
    "surrogate": "a\ud800b\udfffc",
    "percent": "%s%n%(levelname)s{0.__class__}",
    "astral": "\U0010ffff\U000e0041\U000e007f",
    "long": "A\u0301" * 3000,
}
"""By what they aim at; each is the session's id, user, project, agent and tool of a session of its own."""

READ = {name: clean_text(text) for name, text in HOSTILE.items() if name != "surrogate"}
"""What reading telemetry makes of them: control characters replaced, long ones cut; what is no JSON text is skipped."""


def hostile_sessions(begun: float) -> list[dict[str, Any]]:
    """A session for every hostile text, with a theft in it so that it has findings; begun at Unix seconds."""
    return [
        record
        for number, text in enumerate(HOSTILE.values())
        for record in _session(text, begun + 60 * number - START.timestamp())
    ]


def _session(text: str, start: float) -> list[dict[str, Any]]:
    who = {"session_id": text, "user_id": text, "project": text, "agent": text, "model": text, "team": text}
    stamp = START.timestamp() + start
    prompt = {"timestamp": stamp, "event": "user_prompt", "prompt_length": 10, **who}
    uses = [
        {
            "timestamp": stamp + second, "event": "tool_result", "tool_name": text, "success": second % 3 > 0,
            "error": text, "tool_use_id": f"u{second}", "tool_input": {"command": THEFT, text: text}, **who,
        }
        for second in range(1, 15)
    ]  # fmt: skip
    return [prompt, *uses, {"timestamp": stamp + 20, "event": text, **who}]


STEERING = ("Cc", "Cf", "Cs", "Zl", "Zp")
"""Unicode categories of characters that steer what shows a text instead of being shown."""


def steering(text: str, allowed: str = "\n") -> set[str]:
    """The steering characters in a text, but for those that belong there."""
    return {one for one in text if unicodedata.category(one) in STEERING and one not in allowed}
