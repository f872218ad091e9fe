from __future__ import annotations

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scimport.errors import StateError
from scimport.state.vault import Values, Vault, is_blind, unwrap, vault_of, wrap

BODY = orjson.dumps(
    {
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
        "externalId": "K1",
        "userName": "zoe@acme.example",
        "active": True,
        "name": {"familyName": "Quirky", "givenName": None},
        "emails": [{"type": "work", "value": "zoe@acme.example", "primary": True}],
    }
)


def vault(values: Values, number: int = 1, data_key: bytes = b"k" * 32) -> Vault:
    return vault_of(values, number, data_key)


@given(st.text(), st.binary(max_size=200), st.text())
def test_what_is_sealed_opens_for_its_person_alone(key: str, body: bytes, other: str) -> None:
    encrypt = vault(Values.ENCRYPT)
    sealed = encrypt.seal("staff", key, body)
    assert encrypt.open("staff", key, sealed) == body
    assert len(body) < 4 or body not in sealed
    if body and other != key:
        with pytest.raises(StateError):
            encrypt.open("staff", other, sealed)
        with pytest.raises(StateError):
            encrypt.open("guests", key, sealed)


@given(st.text(min_size=1))
def test_values_of_problems_are_sealed_too(text: str) -> None:
    encrypt = vault(Values.ENCRYPT)
    sealed = encrypt.seal_text("staff", "K1", text)
    assert encrypt.open_text("staff", "K1", sealed) == text
    with pytest.raises(StateError):
        encrypt.open_text("staff", "K2", sealed)
    assert vault(Values.DIGEST).seal_text("staff", "K1", text) == "***"


def test_each_seal_has_a_nonce_of_its_own() -> None:
    encrypt = vault(Values.ENCRYPT)
    assert len({encrypt.seal("staff", "K1", BODY) for _ in range(100)}) == 100


@pytest.mark.parametrize("stored", [BODY, b"\x01\0\0\0\x01", b"\x02{}", b"\x01\0\0\0\x02" + b"x" * 40])
def test_what_was_put_there_by_somebody_else_is_refused(stored: bytes) -> None:
    with pytest.raises(StateError) as caught:
        vault(Values.ENCRYPT).open("staff", "K1", stored)
    assert caught.value.problems[0].code == "state-damaged"
    assert "K1" not in str(caught.value)


def test_keep_refuses_what_is_sealed() -> None:
    with pytest.raises(StateError):
        Vault().open("staff", "K1", vault(Values.ENCRYPT).seal("staff", "K1", BODY))


def test_after_it_was_sent_digests_stand_for_the_values() -> None:
    digest = vault(Values.DIGEST)
    assert digest.open("staff", "K1", digest.seal("staff", "K1", BODY)) == BODY
    rest = digest.rest("staff", "K1", BODY)
    assert is_blind(rest)
    assert b"zoe" not in rest
    assert b"Quirky" not in rest
    blind = orjson.loads(digest.open("staff", "K1", rest))
    assert (blind["externalId"], blind["active"]) == ("K1", True)
    assert blind["emails"][0]["type"] == "work"
    assert blind["name"]["givenName"] is None
    assert blind["userName"].startswith("digest:")
    assert digest.rest("staff", "K1", BODY) == rest


def test_digests_do_not_tell_what_people_have_in_common() -> None:
    digest = vault(Values.DIGEST)
    first, second = (orjson.loads(digest.rest("staff", key, BODY)[1:]) for key in ("K1", "K2"))
    assert first["userName"] != second["userName"]
    other = orjson.loads(vault(Values.DIGEST, data_key=b"o" * 32).rest("staff", "K1", BODY)[1:])
    assert first["userName"] != other["userName"]


def test_what_a_minimal_user_leaves_out_is_no_change() -> None:
    digest = vault(Values.DIGEST)
    known = digest.open("staff", "K1", digest.rest("staff", "K1", BODY))
    leaver = digest.comparable("staff", "K1", known, b'{"externalId":"K1","active":false}')
    assert orjson.loads(leaver) == orjson.loads(known) | {"active": False}


def test_digests_are_keyed_unless_values_are_kept() -> None:
    assert Vault.digest_key == b""
    keys = {vault(values).digest_key for values in (Values.ENCRYPT, Values.DIGEST)}
    assert len(keys.pop()) == 32
    assert vault(Values.ENCRYPT).digest(BODY) != Vault().digest(BODY)


def test_a_data_key_comes_out_with_one_of_the_keys() -> None:
    wrapped = wrap(b"a" * 32, 1, b"d" * 32)
    assert unwrap((b"b" * 32, b"a" * 32), 1, wrapped, "f") == b"d" * 32
    for keys in ((), (b"b" * 32,)):
        with pytest.raises(StateError) as caught:
            unwrap(keys, 1, wrapped, "f")
        assert caught.value.problems[0].code == "state-key"
    with pytest.raises(StateError):
        unwrap((b"a" * 32,), 2, wrapped, "f")
