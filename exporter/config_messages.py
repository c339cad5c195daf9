"""What pydantic finds wrong with a value, in the words of people who write YAML; no message repeats the value."""

from __future__ import annotations

from typing import Final

from pydantic_core import ErrorDetails

UNKNOWN_KEY: Final = "extra_forbidden"
"""Type of the error of a key that there is not."""

_NUMBER: Final = "must be a number"
_BOOLEAN: Final = "must be true or false"
_LIST: Final = "must be a list (write each item after a dash)"
_SECTION: Final = "must be a section (put its keys below it, indented)"
_TEXT: Final = "must be text (put it in quotes)"
_MESSAGES: Final = {
    UNKNOWN_KEY: "unknown key (remove it)",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_parsing_size": "must be a whole number of fewer digits",
    "int_from_float": "must be a whole number",
    "float_type": _NUMBER,
    "float_parsing": _NUMBER,
    "finite_number": "must be a finite number",
    "bool_type": _BOOLEAN,
    "bool_parsing": _BOOLEAN,
    "missing": "is missing (add it)",
    "string_type": _TEXT,
    "string_unicode": "must be valid UTF-8 text",
    "string_too_short": "must not be empty",
    "string_too_long": "must not be longer than {max_length} characters",
    "path_type": _TEXT,
    "tuple_type": _LIST,
    "dict_type": _SECTION,
    "model_type": _SECTION,
    "greater_than": "must be greater than {gt:g}",
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
    "literal_error": "must be one of {expected}",
}


def describe(detail: ErrorDetails) -> str:
    """What is wrong with a value or key."""
    kind, context = detail["type"], detail.get("ctx", {})
    if kind == UNKNOWN_KEY:
        return _MESSAGES[UNKNOWN_KEY]
    if detail["input"] is None:
        return "has no value (give one or remove the key)"
    if kind == "value_error":
        return str(context["error"])
    return _MESSAGES.get(kind, "is not valid (see the documentation of the file)").format_map(context)
