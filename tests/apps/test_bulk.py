from __future__ import annotations

import json

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scimport.apps.bulk import bulk_request
from scimport.apps.outbox import Operation

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
USERS = st.lists(st.dictionaries(st.text(), JSON, max_size=4), min_size=1, max_size=50)


def test_the_bytes_are_exactly_these() -> None:
    people = [Operation(7, "E1", b'{"externalId":"E1"}'), Operation(8, "E2", b'{"externalId": "E2"}')]
    assert bulk_request(people) == (
        b'{"schemas":["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],"Operations":['
        b'{"method":"POST","bulkId":"7","path":"/Users","data":{"externalId":"E1"}},'
        b'{"method":"POST","bulkId":"8","path":"/Users","data":{"externalId": "E2"}}'
        b'],"failOnErrors":null}'
    )


@given(USERS, st.integers(0, 2**63))
@settings(max_examples=60, deadline=None)
def test_any_users_make_the_documented_shape(users: list[dict[str, object]], first: int) -> None:
    people = [Operation(first + n, str(n), orjson.dumps(user)) for n, user in enumerate(users)]
    request = json.loads(bulk_request(people))
    assert list(request) == ["schemas", "Operations", "failOnErrors"]
    assert request["schemas"] == ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"]
    assert request["failOnErrors"] is None
    assert [operation["data"] for operation in request["Operations"]] == users
    for operation in request["Operations"]:
        assert list(operation) == ["method", "bulkId", "path", "data"]
        assert (operation["method"], operation["path"]) == ("POST", "/Users")
        assert isinstance(operation["bulkId"], str)
    assert len({operation["bulkId"] for operation in request["Operations"]}) == len(users)


@given(st.text().map(lambda text: text.replace("%", "%%s")))
@settings(max_examples=30, deadline=None)
def test_users_are_copied_byte_for_byte(text: str) -> None:
    body = json.dumps({"displayName": text}, ensure_ascii=True, indent=1).encode()
    assert body in bulk_request([Operation(1, "E1", body)])


@pytest.mark.parametrize("count", [0, 51])
def test_one_to_fifty(count: int) -> None:
    with pytest.raises(ValueError, match=f"1 to 50 operations, not {count}"):
        bulk_request([Operation(n, str(n), b"{}") for n in range(count)])


def test_a_bulk_id_twice_is_refused() -> None:
    with pytest.raises(ValueError, match="bulkId"):
        bulk_request([Operation(1, "E1", b"{}"), Operation(1, "E2", b"{}")])
