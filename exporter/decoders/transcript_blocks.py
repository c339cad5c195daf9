"""The content of a transcript's records: prompts, replies, tool calls and results, notices.

Each function yields the fields that are the event's own; session, time and project are the record's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from analytics.failures import failure_kind
from exporter.decoders.decoder import NativeRecord
from exporter.decoders.rows import Rows, numbers, read_rows
from exporter.decoders.tool_outcome import failure_fields
from exporter.decoders.values import as_list, as_object, first_line, first_text, json_chars, number, text

Fields = Mapping[str, Any]

_NOT_TYPED: Final = ("isMeta", "isCompactSummary", "isVisibleInTranscriptOnly", "isSidechain")
"""Marks of user records that no person typed; a sub-agent's prompt is its parent's."""
_MACHINE_TEXT: Final = (
    "<local-command-", "<bash-stdout", "<bash-stderr", "<task-notification", "<system-reminder",
    "Caveat: The messages below were generated",
)  # fmt: skip
_INTERRUPTED: Final = "[Request interrupted by user"
_USAGE: Final[Rows] = numbers(
    input_tokens="input_tokens",
    output_tokens="output_tokens",
    cache_read_tokens="cache_read_input_tokens",
    cache_creation_tokens="cache_creation_input_tokens",
)
_SYNTHETIC: Final = "<synthetic>"
"""The model of a reply that Claude Code wrote itself."""


def user_events(fields: Fields) -> Iterator[NativeRecord]:
    """A typed prompt, or one result for each ``tool_result`` block."""
    content = as_object(fields.get("message")).get("content")
    blocks = [{"type": "text", "text": content}] if isinstance(content, str) else as_list(content)
    texts: list[str] = []
    for position, block in enumerate(map(as_object, blocks)):
        if block.get("type") == "tool_result":
            response = fields.get("toolUseResult") if len(blocks) == 1 else None
            yield {**_event_id(fields, position), **_tool_result(block, response)}
        elif block.get("type") == "text" and isinstance(block.get("text"), str):
            texts.append(block["text"])
    yield from ({**_event_id(fields, "prompt"), **event} for event in _prompt(fields, "\n".join(texts)))


def _prompt(fields: Fields, prompt: str) -> Iterator[NativeRecord]:
    if prompt.startswith(_INTERRUPTED):
        yield {"event": "notification", "notification_type": "interrupted"}
    elif (
        prompt
        and not any(fields.get(mark) is True for mark in _NOT_TYPED)
        and not prompt.lstrip().startswith(_MACHINE_TEXT)
    ):
        yield {"event": "user_prompt", "prompt": prompt, "prompt_length": _typed_length(prompt)}


def _typed_length(prompt: str) -> int:
    """Characters a person typed: of a slash command's record, which wraps it in tags, name and arguments."""
    if not prompt.lstrip().startswith(("<command-name>", "<command-message>")):
        return len(prompt)
    return len(f"{_tagged(prompt, 'command-name')} {_tagged(prompt, 'command-args')}".strip())


def _tagged(prompt: str, tag: str) -> str:
    return prompt.partition(f"<{tag}>")[2].partition(f"</{tag}>")[0].strip()


def _tool_result(block: Fields, response: Any) -> NativeRecord:
    content = block.get("content")
    result: NativeRecord = {
        "event": "tool_result",
        "success": True,
        **_known(tool_use_id=text(block.get("tool_use_id"))),
    }
    result.update(_known(tool_output_chars=_characters(content)))
    details = as_object(response)
    duration = number(details.get("durationMs"))
    result.update(_known(duration_ms=number(details.get("totalDurationMs")) if duration is None else duration))
    if block.get("is_error") is True:
        error = first_line(_plain_text(content))
        result.update(success=False, failure_kind=failure_kind(error), **_known(error=error))
    else:
        result.update(failure_fields(response))
    return result


def _plain_text(content: Any) -> str | None:
    """The text of a result's content, which is text or a list of blocks."""
    if isinstance(content, str):
        return content
    found = (as_object(block).get("text") for block in as_list(content))
    return next((piece for piece in found if isinstance(piece, str)), None)


def _characters(content: Any) -> int | None:
    """Characters of a result: of its text, or of the JSON of its blocks."""
    if content is None:
        return None
    return len(content) if isinstance(content, str) else json_chars(content)


def assistant_events(fields: Fields) -> Iterator[NativeRecord]:
    """The request a reply stands for, then its messages and tool calls."""
    message = as_object(fields.get("message"))
    model = text(message.get("model"))
    if fields.get("isApiErrorMessage") is True:
        error = text(fields.get("error")) or first_line(_plain_text(message.get("content")))
        yield {"event": "api_error", **_event_id(fields, "error"), **_known(error=error)}
        return
    if model == _SYNTHETIC:
        return
    reply = first_text(message, ("id",)) or first_text(fields, ("requestId", "uuid"))
    if reply is not None:
        usage = read_rows(as_object(message.get("usage")), _USAGE)
        yield {"event": "api_request", "event_id": f"message:{reply}", "success": True, **_known(model=model), **usage}
    content = message.get("content")
    blocks = [{"type": "text", "text": content}] if isinstance(content, str) else as_list(content)
    for position, block in enumerate(map(as_object, blocks)):
        event = _reply_block(block)
        if event is not None:
            yield {**event, **_event_id(fields, position), **_known(model=model)}


def _reply_block(block: Fields) -> NativeRecord | None:
    """A message or tool call; thinking is neither."""
    if block.get("type") == "text" and isinstance(block.get("text"), str) and block["text"]:
        return {"event": "assistant_message", "message_chars": len(block["text"])}
    if block.get("type") != "tool_use":
        return None
    given = block.get("input")
    return {
        "event": "tool_call",
        **_known(
            tool_use_id=text(block.get("id")),
            tool_name=text(block.get("name")),
            tool_input=given if isinstance(given, (dict, str)) else None,
            tool_input_chars=None if given is None else json_chars(given),
        ),
    }


def system_events(fields: Fields) -> Iterator[NativeRecord]:
    """A compaction or a failed request; other notices tell of nothing."""
    subtype = fields.get("subtype")
    if subtype == "compact_boundary":
        details = as_object(fields.get("compactMetadata"))
        known = _known(trigger=text(details.get("trigger")), pre_tokens=number(details.get("preTokens")))
        yield {"event": "compaction", **_event_id(fields, "compaction"), **known}
    elif subtype == "api_error":
        status = number(as_object(fields.get("error")).get("status"))
        known = _known(
            error=None if status is None else f"http:{int(status)}",
            attempt=number(fields.get("retryAttempt")),
        )
        yield {"event": "api_error", **_event_id(fields, "error"), **known}


def _event_id(fields: Fields, part: int | str) -> NativeRecord:
    uuid = text(fields.get("uuid"))
    return {} if uuid is None else {"event_id": f"{uuid}:{part}"}


def _known(**values: Any) -> NativeRecord:
    """The values that are not None."""
    return {name: value for name, value in values.items() if value is not None}
