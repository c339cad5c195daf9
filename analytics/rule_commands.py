"""Commands and paths in the form rules are written for: ``.`` the project, ``~`` the home folder, one command a line.

A logged command hides what runs inside quotes, substitutions and here-documents, and holds text that never runs
(messages, search patterns, documents). ``command_lines`` undoes that far enough for patterns that begin with ``^``
and a program's name to mean "this program runs", whatever stands before or around it:

    cd /srv/shop && sudo /bin/rm -rf "$HOME/x" | tee log   ->   cd .
                                                                sudo
                                                                rm -rf ~/x |
                                                                tee log

It is no shell: what is too deep or too odd stays plain text. Work is linear in the length of the command.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Final

MAX_DEPTH: Final = 3
"""How deep scripts inside scripts are read, as in ``bash -c "ssh host 'rm -rf /'"``."""

SHELLS: Final = frozenset(["sh", "bash", "zsh", "dash", "ksh", "fish", "ssh", "eval", "su"])
"""Programs whose quoted arguments are scripts."""
TEXT_PROGRAMS: Final = frozenset(
    [
        "echo",
        "printf",
        "cat",
        "tee",
        "grep",
        "egrep",
        "fgrep",
        "rg",
        "ag",
        "ack",
        "sed",
        "awk",
        "jq",
        "git",
        "gh",
        "glab",
        "logger",
        "cowsay",
        "say",
    ]
)
"""Programs whose quoted arguments and here-documents are text that does not run."""

_HOME: Final = re.compile(
    r"(?:/home/[\w.-]+|/Users/[\w.-]+|/root|\$HOME|\$\{HOME\}|[A-Za-z]:[\\/]Users[\\/][\w.-]+)(?![\w.-])"
)
_HEREDOC: Final = re.compile(r"(?<!<)<<-?[ \t]*(['\"]?)(\w+)\1")
_PIPED_TO_SHELL: Final = re.compile(r"\|[ \t]*(?:sudo[ \t]+)?(?:ba|z|da|k)?sh\b")
_COMMAND_START: Final = re.compile(r"\$\(|[|;&\n`(]")
_TOKEN: Final = re.compile(
    r"""(?P<single>'[^']*'?)
    | (?P<double>"[^"\\]*(?:\\.[^"\\]*)*"?)
    | (?P<escaped>\\.)
    | (?P<redirect>\d?<>|\d?>>?&?|&>>?|<<<|<)
    | (?P<open>\$\(|<\(|`|\(|\))
    | (?P<operator>\|\||\|&?|&&|&|;|\n)
    | (?P<blank>[ \t\r]+)
    | (?P<comment>(?<!\S)\#[^\n]*)
    | (?P<word>[^\s'"\\<>$`()|&;]+|.)""",
    re.VERBOSE | re.DOTALL,
)
_PLAIN: Final = re.compile(r"""(?:[^\s'"\\<>$`()|&;#]|[ \t\r])*""")
"""A script of nothing but words and the blanks between them."""
_SUBSTITUTION: Final = re.compile(r"\$\(([^()]*)|`([^`]*)`")
_ASSIGNMENT: Final = re.compile(r"[A-Za-z_]\w*=")
_SYSTEM_FOLDER: Final = re.compile(r"^(?:/usr/local|/usr|/opt/homebrew)?/s?bin/")
_KEYWORDS: Final = frozenset(
    [
        "then",
        "do",
        "else",
        "elif",
        "if",
        "while",
        "until",
        "!",
        "{",
        "time",
        "nohup",
        "command",
        "exec",
        "builtin",
    ]
)
_WRAPPERS: Final = frozenset(["env", "timeout", "nice", "ionice", "stdbuf", "xargs"])
_PRIVILEGE: Final = frozenset(("sudo", "doas"))
_VALUED: Final = frozenset(("-u", "-g", "-n", "-s", "-k", "-I", "-P", "-L", "-d"))
"""Options of wrappers that take the next word."""


def normal_path(path: str, project: str | None) -> str:
    """A path with the project's folder as ``.``, the home folder as ``~`` and forward slashes."""
    text = _relative_to(path, project)
    if "\\" in text:
        text = text.replace("\\", "/")
    return _HOME.sub("~", text, count=1) if text.startswith(("/", "$")) or text[1:2] == ":" else text


def command_lines(command: str, project: str | None) -> str:
    """A command as lines of one simple command each; a line whose output is piped on ends in ``|``."""
    text = _HOME.sub("~", _relative_to(command, project)).replace("\\\n", " ")
    return "\n".join(_script_lines(text, MAX_DEPTH))


def _relative_to(text: str, project: str | None) -> str:
    """The text with the project's folder, absolute or under the home folder, as ``.``."""
    for form, pattern in _forms_of(project) if project else ():
        if form in text:
            text = pattern.sub(".", text)
    return text


@lru_cache(maxsize=1024)
def _forms_of(project: str) -> tuple[tuple[str, re.Pattern[str]], ...]:
    """How a command may write the project's folder, each with the pattern that finds it; none of a mere name."""
    if len(project) < 4 or not project.startswith(("/", "~")):
        return ()
    root = project.rstrip("/")
    tail = _HOME.sub("", root, count=1) if root.startswith("/") else root[1:]
    forms = [root] if tail == root else [root, "~" + tail, "$HOME" + tail]
    return tuple((form, re.compile(re.escape(form) + r"(?![\w.-])")) for form in forms if len(form) > 2)


def _script_lines(script: str, depth: int) -> Iterator[str]:
    """The lines of one script, then those of its here-documents, which are read by who gets them."""
    if _PLAIN.fullmatch(script):  # half of all commands; reading them token by token takes three times as long
        yield from _SimpleCommand(script.split()).lines("")
        return
    kept, documents, start = [], [], 0
    while heredoc := _HEREDOC.search(script, start):
        line_end = script.find("\n", heredoc.end())
        if line_end < 0:
            break
        body_end = script.find("\n" + heredoc[2], line_end)
        body_end = len(script) if body_end < 0 else body_end
        opening, rest_of_line = script[start : heredoc.start()], script[heredoc.end() : line_end]
        kept += [opening, rest_of_line]
        documents.append((opening, rest_of_line, script[line_end + 1 : body_end]))
        start = body_end + 1 + len(heredoc[2])
    yield from _simple_commands("".join([*kept, script[start:]]), depth)
    for opening, rest_of_line, body in documents:
        yield from _document_lines(opening, rest_of_line, body, depth)


def _document_lines(opening: str, rest_of_line: str, body: str, depth: int) -> Iterator[str]:
    """What a here-document contributes: a script's lines, nothing for mere text, else the text as one line."""
    reader = _program(_COMMAND_START.split(opening)[-1].split())
    if reader in SHELLS or _PIPED_TO_SHELL.search(rest_of_line):
        if depth > 0:
            yield from _script_lines(body, depth - 1)
    elif reader not in TEXT_PROGRAMS:
        yield f"{reader} {' '.join(body.split())}"


class _SimpleCommand:
    """The words of one simple command while they are being read."""

    def __init__(self, words: list[str] | None = None) -> None:
        self.words = words or []
        self.scripts: list[str] = []
        self.is_glued = False

    def add(self, text: str) -> None:
        if self.is_glued and self.words:
            self.words[-1] += text
        else:
            self.words.append(text)
        self.is_glued = True

    def add_quoted(self, content: str, *, is_double: bool) -> None:
        """Quoted text: a script for a shell, nothing for a program that only handles text, else a word."""
        program = _program(self.words)
        if is_double and ("$(" in content or "`" in content):
            self.scripts += [match[1] or match[2] or "" for match in _SUBSTITUTION.finditer(content)]
        if program in SHELLS:
            self.scripts.append(content)
        elif program in TEXT_PROGRAMS and not content.startswith(("/", "~", ".")):
            self.add("''")
        else:
            self.add(content.replace("\n", " "))

    def lines(self, end: str) -> Iterator[str]:
        words = self.words
        while words and (first := words[0]):
            if first in _PRIVILEGE:
                yield " ".join([first, *_options(words)])
                words = _without_wrapper(words)
            elif first in _WRAPPERS and len(_without_wrapper(words)):
                words = _without_wrapper(words)
            elif _ASSIGNMENT.match(first):
                yield first
                words = words[1:]
            elif first in _KEYWORDS:
                words = words[1:]
            else:
                break
        if words:
            yield " ".join([_SYSTEM_FOLDER.sub("", words[0]), *words[1:]]) + end


def _program(words: list[str]) -> str:
    """The program of a command that is still being read, without wrappers; looked for near its beginning."""
    words = words[:16]
    while words and (words[0] in _PRIVILEGE or words[0] in _WRAPPERS):
        words = _without_wrapper(words)
    for word in words:
        if word not in _KEYWORDS and not _ASSIGNMENT.match(word):
            return _SYSTEM_FOLDER.sub("", word)
    return ""


def _options(words: list[str]) -> list[str]:
    """The options directly after a wrapper."""
    rest = _without_wrapper(words)
    return words[1 : len(words) - len(rest)]


def _without_wrapper(words: list[str]) -> list[str]:
    """The words after a wrapper, its options, assignments and a duration."""
    position = 1
    while position < len(words):
        word = words[position]
        if word in _VALUED:
            position += 2
        elif word.startswith("-") or _ASSIGNMENT.match(word) or re.fullmatch(r"\d+[smhd]?", word):
            position += 1
        else:
            break
    return words[position:]


def _simple_commands(script: str, depth: int) -> Iterator[str]:
    """The lines of a script without here-documents, each followed by the lines of the scripts inside it."""
    command = _SimpleCommand()
    for token in _TOKEN.finditer(script):
        kind, text = token.lastgroup, token[0]
        if kind == "word":
            command.add(text)
        elif kind == "blank":
            command.is_glued = False
        elif kind == "single":
            command.add_quoted(text[1:].removesuffix("'"), is_double=False)
        elif kind == "double":
            command.add_quoted(text[1:].removesuffix('"'), is_double=True)
        elif kind == "escaped":
            command.add(text[1])
        elif kind == "redirect":
            command.is_glued = False
            command.add(text)
            command.is_glued = text.endswith("&")
        elif kind != "comment":
            if text in ("$(", "`") and not command.words:
                yield "eval"  # what the substitution prints is run
            end = " |" if text in ("|", "|&") else ""
            yield from _finished(command, end, depth)
            command = _SimpleCommand()
    yield from _finished(command, "", depth)


def _finished(command: _SimpleCommand, end: str, depth: int) -> Iterator[str]:
    yield from command.lines(end)
    if depth > 0:
        for script in command.scripts:
            yield from _script_lines(script, depth - 1)
