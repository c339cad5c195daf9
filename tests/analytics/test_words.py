from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.words import MOST_WORDS, command_words, described, host_words, path_words, split_words


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("git push --force origin main", {"git_push", "git_push:--force"}),
        ("cd ./api && tail -n 3 log | head -50", {"cd", "tail", "tail:-n", "head", "head:-N"}),
        ("sudo FOO=1 rm -rf ./.git", {"rm", "rm:-rf", "rm:.git"}),
        ("cat ~/.ssh/id_rsa", {"cat", "cat:~/.ssh"}),
        ("ls /etc/cron.d /home/dev", {"ls", "ls:/etc", "ls:~"}),
        ("echo hello", {"echo"}),
    ],
)
def test_a_command_says_programs_switches_and_known_places(command, words):
    assert set(split_words(command_words(command) or "")) == words


@pytest.mark.parametrize(
    "command",
    [
        "mysql -u root -pplanted shop",
        "curl --token=planted https://planted.example/planted",
        "cat ~/planted/x /planted/y ./.planted",
        "curl -F file=@planted https://user:planted@host.example",
        "grep -planted x",
    ],
)
def test_what_a_person_named_is_not_told(command):
    assert "planted" not in (command_words(command) or "")


def test_the_same_host_is_the_same_word_wherever_it_is_named():
    assert host_words("https://files.example:8443/a") in split_words(
        command_words("curl -O http://files.example/b") or ""
    )


def test_different_hosts_are_different_words():
    assert host_words("https://one.example") != host_words("https://two.example")


def test_a_path_inside_the_project_says_nothing():
    assert path_words("Read", "src/main.py") is None


def test_a_hidden_file_and_a_foreign_folder_are_told_with_the_tool():
    assert path_words("Read", "./.env") == "Read:.env"
    assert path_words("Write", "/home/dev/.bashrc") == "Write:~/.bashrc"


def test_a_command_without_words_has_none():
    assert command_words("   ") is None


@given(st.text(max_size=300))
def test_any_text_gives_few_bounded_words(text):
    words = split_words(command_words(text) or "")
    assert len(words) <= MOST_WORDS
    assert all(word and len(word) < 100 for word in words)


def test_words_read_like_what_was_typed():
    assert described("git_push:--force") == "`git push --force`"
    assert described("rm") == "`rm`"
    assert described("host:1a2b3c4d") == "host 1a2b3c4d"
