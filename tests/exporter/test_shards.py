"""Whose a session is: every id has one shard, and it is the same one wherever it is asked."""

import uuid

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from exporter.config import Config, ConfigError, load_config
from exporter.shards import ALPHABET, KEYS, MOST_SHARDS, OTHER, WHOLE, Shard, key_of
from tests.exporter.running import write_config

COUNTS = (1, 2, 3, 5, MOST_SHARDS)


def shards(count):
    return [Shard(number, count) for number in range(1, count + 1)]


ODD = "\u212a"
"""The sign of the kelvin, which is a k in lower case."""


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=40), st.sampled_from(COUNTS))
@example("", 3)
@example("/", 5)
@example("\n", 2)
@example(ODD, 5)
@example("1234567" + ODD, 5)
@example("😀" * 9, 3)
def test_every_id_is_of_exactly_one_shard(session_id, count):
    assert sum(shard.has(session_id) for shard in shards(count)) == 1


@pytest.mark.parametrize("count", range(1, MOST_SHARDS + 1))
def test_the_keys_of_all_shards_are_all_keys_and_none_twice(count):
    dealt = [key for shard in shards(count) for key in shard.keys]
    assert sorted(dealt) == sorted(KEYS)
    assert [OTHER in shard.keys for shard in shards(count)] == [True] + [False] * (count - 1)


@pytest.mark.parametrize(
    ("session_id", "key"),
    [
        ("5f0c8a52-9a58-4d0e-8d5f-6d6a1f6f0001", "2"),
        ("5F0C8A5B-9A58-4D0E-8D5F-6D6A1F6F0001", "b"),
        ("5f0c8a52-9a58-4d0e-8d5f-6d6a1f6f0001/agent-7", "2"),
        ("s7", "7"),
        ("s7/agent-3", "7"),
        ("12345678", "8"),
        ("12345678/9", "8"),
        ("session-0001", OTHER),
        ("/agent", OTHER),
        ("", OTHER),
        ("é", OTHER),
        (ODD, OTHER),
    ],
)
def test_the_last_of_the_first_eight_characters_before_a_slash_decides(session_id, key):
    assert key_of(session_id) == key


@settings(max_examples=100, deadline=None)
@given(st.text(st.characters(exclude_characters="/"), min_size=1, max_size=40), st.text(max_size=20))
def test_a_sub_agent_named_after_its_parent_stays_with_it(parent, agent):
    assert key_of(f"{parent}/{agent}") == key_of(parent)


def version_7(milliseconds, rng):
    bits = milliseconds << 80 | 7 << 76 | int(rng.integers(2**12)) << 64 | 2 << 62 | int(rng.integers(2**62))
    return str(uuid.UUID(int=bits))


@pytest.mark.parametrize("version", [4, 7])
def test_uuids_are_spread_evenly_whatever_their_version(version):
    rng = np.random.default_rng(4)
    begin = 1_790_000_000_000
    month = np.sort(rng.integers(0, 30 * 86_400_000, 4000))
    if version == 4:
        ids = [str(uuid.UUID(bytes=rng.bytes(16), version=4)) for _ in month]
    else:
        ids = [version_7(begin + int(at), rng) for at in month]
        assert len({one[:2] for one in ids}) == 1  # what makes the first characters useless
    for count in (2, 4, 8):
        sizes = [sum(shard.has(one) for one in ids) for shard in shards(count)]
        assert min(sizes) > 0.8 * 4000 / count


@pytest.mark.parametrize("count", [3, 5, 7])
def test_hexadecimal_ids_are_split_as_evenly_as_sixteen_digits_can_be(count):
    sizes = [len(shard.keys & set("0123456789abcdef")) for shard in shards(count)]
    assert max(sizes) - min(sizes) == 1
    assert len(ALPHABET) == 36


@pytest.mark.parametrize(
    "text", ["", "1", "0/3", "4/3", "1/0", "1/17", "-1/3", "1/3/5", "a/b", "1 / 3", "1.0/3", "٣/٣"]
)
def test_what_names_no_shard_is_refused(text):
    with pytest.raises(ValueError, match="must"):
        Shard.parse(text)


def test_the_key_of_the_configuration_names_a_shard(tmp_path):
    assert Config().shard == WHOLE
    config = load_config(write_config(tmp_path, shard="2/3"), {})
    assert config.shard == Shard(2, 3)
    assert config.redacted()["shard"] == "2/3"


@pytest.mark.parametrize("value", ["0/3", "4/3", "3", 3, 0.5, ["1/3"], "1/20", None])
def test_an_error_says_how_a_shard_is_counted(tmp_path, value):
    with pytest.raises(ConfigError) as caught:
        load_config(write_config(tmp_path, shard=value), {})
    (line,) = caught.value.errors
    assert "sigyn.yml: shard: " in line
    if value is not None:
        assert line.endswith(
            "must be I/N, the I-th of N exporters, counted from 1 and N at most 16 (write 2/3 for the second of three)"
        )
