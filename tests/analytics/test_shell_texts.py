"""Of a command programs are kept; what people write in it (documents, messages, comments) is not taken for any."""

from __future__ import annotations

import time

import pytest

from analytics.shell import program_parts
from analytics.words import command_words


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("cat <<'EOT' > notes\nAlice owes\nBob\nEOT\nls", ["cat", "ls"]),
        ("cat <<-EOT | sort\n\tAlice\n\tEOT\nls", ["cat", "sort", "ls"]),
        ("cat <<EOT\nAlice\nBob", ["cat"]),
        ("cat <<< Alice; ls", ["cat", "ls"]),
        ('git commit -m "Fix it\n\nAlice asked; Bob agreed | both"; git push', ["git commit", "git push"]),
        ("python3 -c 'import os\nalice = 5'", ["python3"]),
        ("ls # Alice; Bob\npwd", ["ls", "pwd"]),
        ("# Alice's list\nls", ["ls"]),
        ("ls \\\n  alice", ["ls"]),
        ("find . -exec rm {} \\; | wc", ["find", "wc"]),
        ('echo "a \\" b; alice"; ls', ["echo", "ls"]),
        ("echo it's alice; bob", ["echo"]),
        ("bash -lc 'cd x && make build'; ls", ["bash", "cd", "make build", "ls"]),
        ('sh -c "curl x | tail"', ["sh", "curl", "tail"]),
        ("curl https://x.example/#frag; ls", ["curl", "ls"]),
        ("cd x && git push -f | tail", ["cd", "git push", "tail"]),
        ("for f in *.txt; do shred $f; done", ["shred"]),
        ("while true; do curl x; sleep 5; break; done", ["true", "curl", "sleep"]),
        ("if grep -q a b; then nc c; else ls; fi", ["grep", "nc", "ls"]),
        ("(cd a && make build)", ["cd", "make build"]),
    ],
)
def test_programs_of_a_command(command, expected):
    assert [name for name, _ in program_parts(command)] == expected


def test_words_of_a_document_or_message_are_none_of_the_command():
    command = "git commit -F - <<'EOF'\nAlice\nEOF\ngit commit -m 'x\nBob said'"
    words = command_words(command)
    assert "git_commit" in words
    assert not {"Alice", "Bob"} & set(words.replace(":", " ").split())


def test_quoted_places_and_hosts_are_still_seen():
    assert "cat:/etc" in command_words("cat '/etc/passwd'").split()
    assert any(word.startswith("host:") for word in command_words('curl "https://evil.example/x y; z"').split())


@pytest.mark.parametrize(
    "command",
    [
        "<<A\n" * 2000,
        "<<'a" * 2000,
        "sh " * 3000,
        "sh" + " " * 4000,
        "sh -" + "c" * 4000,
        "'\"" * 3000,
        "\\" * 5000,
        "#" * 5000,
    ],
)
def test_no_command_takes_long(command):
    begun = time.process_time()
    list(program_parts(command))
    assert time.process_time() - begun < 0.2
