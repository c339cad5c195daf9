"""What errors of Loki tell people to change is there to be changed."""

import ast
import re
from dataclasses import fields
from pathlib import Path

import pytest

from exporter import loki
from exporter.config_keys import KEYS
from exporter.loki.settings import LokiSettings

ROOM = Path(loki.__file__).parent
OWN_NAMES = {field.name for field in fields(LokiSettings)} - {key[-1] for key in KEYS if key[:2] == ("sources", "loki")}
"""Names of the client's settings that the configuration does not know."""


def told(module):
    """Every text of a module that has words, but for its documentation."""
    tree = ast.parse((ROOM / module).read_text(encoding="utf-8"))
    documentation = {id(one.value) for one in ast.walk(tree) if isinstance(one, ast.Expr)}
    constants = [one for one in ast.walk(tree) if isinstance(one, ast.Constant) and id(one) not in documentation]
    return [one.value for one in constants if isinstance(one.value, str) and " " in one.value]


@pytest.mark.parametrize("module", ["failures.py", "paging.py", "refusals.py", "reply.py", "transport.py", "client.py"])
def test_messages_name_keys_of_the_configuration_and_no_others(module):
    assert "slice_seconds" in OWN_NAMES
    texts = told(module)
    assert texts
    for text in texts:
        assert not OWN_NAMES & set(re.findall(r"\w+", text)), text
        for key in re.findall(r"sources\.loki(?:\.[a-z_]+)+", text):
            assert tuple(key.split(".")) in KEYS, text
