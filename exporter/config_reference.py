"""The configuration reference and the example file, rendered from the tree so that they cannot drift from it.

``python -m exporter.config_reference --write`` writes both, ``--check`` fails when one is stale.
"""

from __future__ import annotations

import json
import re
import sys
import textwrap
from pathlib import Path
from typing import Any, Final

from exporter.config_keys import KEYS, Key
from exporter.config_models import Config
from exporter.reference_pages import ReferencePages, markdown_table

_WIDTH: Final = 100
_PLAIN: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")

_HEADER: Final = """\
# Every key of Sigyn's configuration with its default: delete what you do not change.
# An empty file is valid. docs/configuration.md says how values are written.
# This file is written by `python -m exporter.config_reference --write`."""

_INTRODUCTION: Final = """\
# Configuration

<!-- Written by `python -m exporter.config_reference --write`; edit the descriptions in the tree instead. -->

Sigyn reads one YAML file.
Every key has a default, so an empty file is valid: it reads local event lines from `./telemetry`.
[`exporter/config.example.yml`](../exporter/config.example.yml) holds every key with its default.
`sigyn check-config FILE` reports every error at once, each with its dotted path; unknown keys are errors.

## How values are written

- **Durations** are written as in Prometheus, `30s`, `5m`, `1h30m`, `30d`, or as plain seconds; the longest is `3650d`.
- **Sizes and counts** are plain whole numbers.
- **Paths** are relative to the working directory of the process, not to the configuration file; `~` is not expanded.
- **YAML** follows version 1.2: only `true` and `false` are booleans.
  Anchors, aliases and tags are refused, and so are keys given twice.
  The file is UTF-8 and no larger than 256 KiB.
- **A section without keys** is as good as one that is not there.

## Values from the environment

`${NAME}` anywhere in a text value is replaced by that environment variable; one that is not set is an error.
`${NAME:-default}` uses the default when the variable is not set or empty; the default holds no braces.
`$$` is one dollar sign.
Replacement happens after the file is parsed, so a variable can change a value but never add a key.
A key whose default is *not set* counts as not set when its text is empty, which is what `${NAME:-}` gives.

## Secrets

`sources.loki.password`, `sources.loki.bearer_token`, `state.url`, `privacy.key`, `web.read_token` and
`web.verdict_token` are secrets: they may not stand in the file.
Write `${NAME}` and nothing else, or put the secret into a file of its own, on one line, and name it with the key
that ends in `_file`.
Secrets are never printed: not in errors, not in the log, and as asterisks on the pages.
"""


def render_reference() -> str:
    """The reference page, Markdown: every key with its default and meaning, a table for each part of the tree."""
    lines = [_INTRODUCTION]
    for key in KEYS.values():
        if len(key.location) == 1:
            inner = (_cells(one) for one in KEYS.values() if _is_value_below(one, key))
            told = [] if key.section is None else [_meaning(key), ""]
            lines += [f"## `{key.path}`", "", *told, *markdown_table(("key", "default", "meaning"), inner), ""]
    return "\n".join(lines)


def render_example() -> str:
    """The example file, YAML: every key with its default, below a comment with its meaning."""
    lines = [_HEADER]
    for key in KEYS.values():
        if len(key.location) == 1:
            lines.append("")
        indent = "  " * (len(key.location) - 1)
        lines += textwrap.wrap(_meaning(key), _WIDTH, initial_indent=f"{indent}# ", subsequent_indent=f"{indent}# ")
        value = "" if key.section is not None else " " + _yaml(_default(key))
        lines.append(f"{indent}{key.location[-1]}:{value}")
    return "\n".join(lines) + "\n"


def _rendered() -> dict[Path, str]:
    return {
        Path("docs/configuration.md"): render_reference(),
        Path("exporter/config.example.yml"): render_example(),
    }


PAGES: Final = ReferencePages("exporter.config_reference", __doc__ or "", _rendered)


def _is_value_below(key: Key, section: Key) -> bool:
    return key.section is None and key.location[0] == section.location[0]


def _meaning(key: Key) -> str:
    """A key's description; of a section, what its class says it is."""
    return (key.section.__doc__ if key.section is not None else key.info.description) or ""


def _default(key: Key) -> Any:
    value: Any = Config().redacted()
    for name in key.location:
        value = value[name]
    return value


def _cells(key: Key) -> tuple[str, str, str]:
    default = _default(key)
    return f"`{key.path}`", "not set" if default is None else f"`{_yaml(default)}`", _meaning(key)


def _yaml(value: Any) -> str:
    """A default as YAML writes it on one line."""
    if isinstance(value, list):
        return "[" + ", ".join(_yaml(item) for item in value) + "]"
    if not isinstance(value, str):
        return json.dumps(value)
    return value if _PLAIN.fullmatch(value) else "'" + value.replace("'", "''") + "'"


if __name__ == "__main__":
    sys.exit(PAGES.main(sys.argv[1:]))
