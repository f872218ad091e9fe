"""The endpoint's own words, made fit to be shown and kept: short, one line, no token, no person."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

MAX_LENGTH = 300
"""Characters of the server's words that are kept."""

_BEARER = re.compile(r"\b(Bearer|Basic)\s+[\w\-.~+/=]+", re.IGNORECASE)
_TOKEN = re.compile(r"\beyJ[\w-]{5,}(?:\.[\w-]*)*")
_TITLE = re.compile(r"<title[^>]*>(.*?)</title", re.IGNORECASE | re.DOTALL)
_UNSEEN = re.compile(r"<(script|style|head)\b.*?(?:</\1\s*>|\Z)", re.IGNORECASE | re.DOTALL)
_TAG = re.compile(r"<[^>]*>?")
_BLANKS = re.compile(r"[\s\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_PARTICULARS = re.compile(r"'[^']*'|\"[^\"]*\"|[0-9a-f]{8}[0-9a-f-]{9,}|\d+", re.IGNORECASE)
_MASK = "***"
_PUBLIC_NAMES = frozenset({"schemas", "type", "externalId"})


def words_of(body: bytes, reason: str = "") -> str:
    """Say in one line what the body of an answer says, whatever its format.

    Args:
        body: The first bytes of the body: Graph's error envelope, a SCIM error (RFC 7644 section 3.12), a
            problem document (RFC 9457), any other JSON, HTML, text, or nothing.
        reason: What to say where the body says nothing.

    Returns:
        At most 300 characters without line breaks, control characters or tokens.
    """
    text = body.decode("utf-8", "replace").strip().lstrip("\ufeff")
    return one_line(_from_json(text) or _from_markup(text) or reason)


def one_line(text: str) -> str:
    """Take tokens, line breaks and length out of a text."""
    text = _BLANKS.sub(" ", text).strip()
    text = _TOKEN.sub(_MASK, _BEARER.sub(rf"\1 {_MASK}", text))
    return text if len(text) <= MAX_LENGTH else text[: MAX_LENGTH - 1].rstrip() + "…"


def mask_values(text: str, users: Iterable[bytes]) -> str:
    """Take people's values out of a text: servers like to quote what they refuse.

    Args:
        text: The server's words.
        users: The SCIM users (JSON) that the words may quote. Schemas, types and ``externalId`` (the key,
            which every report names anyway) stay.

    Returns:
        The words with ``***`` in place of each value of three characters or more.
    """
    values = {value for user in users for value in _values(json.loads(user)) if len(value) > 2}
    if not values:
        return text
    longest_first = "|".join(re.escape(value) for value in sorted(values, key=len, reverse=True))
    return re.sub(rf"(?<!\w)(?:{longest_first})(?!\w)", _MASK, text, flags=re.IGNORECASE)


def same_reason(messages: Iterable[str]) -> bool:
    """Whether messages say the same, apart from quoted values, ids and numbers."""
    return len({_PARTICULARS.sub("", message) for message in messages}) <= 1


def _values(node: Any, name: str = "") -> Iterator[str]:
    if isinstance(node, dict):
        for key, value in node.items():
            yield from _values(value, key)
    elif isinstance(node, list):
        for value in node:
            yield from _values(value, name)
    elif isinstance(node, str | int | float) and not isinstance(node, bool) and name not in _PUBLIC_NAMES:
        yield _BLANKS.sub(" ", str(node)).strip()


def _from_json(text: str) -> str:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return ""
    if isinstance(document, dict) and isinstance(document.get("error"), dict):
        return _from_members(document["error"])
    return _from_members(document) if isinstance(document, dict) else ""


def _from_members(members: dict[str, Any]) -> str:
    code = _first(members, "code", "scimType", "error", "title")
    message = _first(members, "message", "Message", "error_description", "detail")
    return f"{code}: {message}" if code and message and code != message else message or code


def _first(members: dict[str, Any], *names: str) -> str:
    found = (members.get(name) for name in names)
    return next((value.strip() for value in found if isinstance(value, str) and value.strip()), "")


def _from_markup(text: str) -> str:
    if not text.startswith("<"):
        return text
    title = _TITLE.search(text)
    plain = title[1] if title and title[1].strip() else _TAG.sub(" ", _UNSEEN.sub(" ", text))
    return html.unescape(plain).strip()
