"""The form in which a person judges a session."""

from __future__ import annotations

from urllib.parse import parse_qs

from pydantic import ValidationError

from exporter.web.api_models import VerdictBody
from exporter.web.session_detail import HumanVerdictInput

FORM_TOKEN = "token"  # noqa: S105 - the name of a field, no secret
_FIELDS = ("verdict", "note", "by")
_MAX_FIELDS = 10


def read_form(body: bytes) -> dict[str, str]:
    """The fields of a URL-encoded form, the first value of each; {} for what is no such form."""
    try:
        fields = parse_qs(body.decode("ascii"), keep_blank_values=True, max_num_fields=_MAX_FIELDS)
    except ValueError:
        return {}
    return {name: values[0] for name, values in fields.items()}


def verdict_of(fields: dict[str, str]) -> HumanVerdictInput | None:
    """The verdict in a form, None where it is not one."""
    given = {name: fields[name].replace("\r\n", "\n").strip() for name in _FIELDS if name in fields}
    try:
        body = VerdictBody.model_validate(given)
    except ValidationError:
        return None
    return HumanVerdictInput(body.verdict, body.note, body.by)
