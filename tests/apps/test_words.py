from __future__ import annotations

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scimport.apps.words import mask_values, one_line, same_reason, words_of

JWT = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhbm4ifQ.c2lnbmF0dXJl"


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (
            b'{"error":{"code":"BadRequest","message":"Invalid Data Format"}}',
            "BadRequest: Invalid Data Format",
        ),
        (b'{"error":{"code":"","message":"Invalid Data Format"}}', "Invalid Data Format"),
        (b'{"error":{"code":"BadRequest"}}', "BadRequest"),
        (
            b'{"schemas":[],"detail":"no such attribute","scimType":"invalidPath"}',
            "invalidPath: no such attribute",
        ),
        (b'{"title":"Not allowed","detail":"read only"}', "Not allowed: read only"),
        (b'{"error":"invalid_client","error_description":"who?"}', "invalid_client: who?"),
        (b'{"Message":"An error has occurred."}', "An error has occurred."),
        (b'{"reasons": [1]}', '{"reasons": [1]}'),
        (b'["a"]', '["a"]'),
        (b"\xef\xbb\xbf  plain\r\n\ttext ", "plain text"),
        (b"<html><head><title> 502 Bad\nGateway </title></head><body>x</body>", "502 Bad Gateway"),
        (b"<html><style>p{}</style><p>Out &amp; about</p><script>steal()", "Out & about"),
        (b"<!doctype html><title></title><h1>Sign in", "Sign in"),
        (b"", "HTTP 400 Bad Request"),
        (b" \n ", "HTTP 400 Bad Request"),
        (b"\xff\xfe", "\ufffd\ufffd"),
        (b"[" * 60_000, "[" * 299 + "…"),
    ],
)
def test_any_body_gives_its_words(body: bytes, words: str) -> None:
    assert words_of(body, "HTTP 400 Bad Request") == words


@given(st.binary(max_size=2000) | st.text(max_size=2000).map(str.encode))
@settings(max_examples=100, deadline=None)
def test_words_are_short_and_one_line(body: bytes) -> None:
    words = words_of(body, "HTTP 400")
    assert len(words) <= 300
    assert len(words.splitlines()) <= 1
    assert "\x1b" not in words


@pytest.mark.parametrize(
    "text", [f"Bearer {JWT}", f"bearer  {JWT}.", f"token '{JWT}' bad", "Bearer abc.def-123=="]
)
def test_tokens_are_taken_out(text: str) -> None:
    words = one_line(text)
    assert "***" in words
    assert "eyJ" not in words
    assert "abc" not in words


def test_values_of_people_are_masked() -> None:
    user = orjson.dumps(
        {
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
            "externalId": "E1",
            "active": True,
            "name": {"familyName": "Novak", "givenName": "Al"},
            "emails": [{"type": "work", "value": "Maria.Novak@acme.example"}],
            "phoneNumbers": [{"value": "+420 555 0101"}],
            "urn:acme": {"badge": 40117, "note": "a\nb"},
        }
    )
    words = (
        "work email maria.novak@acme.example of E1 (Novak, 40117, tel +420 555 0101), is not true for"
        " urn:ietf:params:scim:schemas:core:2.0:User; Novaks a b"
    )
    assert mask_values(words, [b"{}", user]) == (
        "work email *** of E1 (***, ***, tel ***), is not true for"
        " urn:ietf:params:scim:schemas:core:2.0:User; Novaks ***"
    )
    assert mask_values("as it is", []) == "as it is"


def test_the_same_reason_in_other_particulars() -> None:
    assert same_reason(
        [
            "operation 17 of 'E1' failed, 0f5e2c11-aaaa-bbbb-cccc-000000000001",
            "operation 3 of 'E22' failed, 0f5e2c11-aaaa-bbbb-cccc-000000000002",
        ]
    )
    assert not same_reason(["userName is missing", "active is missing"])
    assert same_reason([])
