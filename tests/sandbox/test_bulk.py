from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote
from uuid import UUID

import httpx
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scimport.sandbox.bulk import BULK_REQUEST, CORE, ENTERPRISE, read_users
from scimport.sandbox.graph import GraphError
from scimport.sandbox.settings import Settings

if TYPE_CHECKING:
    from tests.sandbox.conftest import Lab

Spoil = Callable[[dict[str, Any]], None]


def _set(*path: str | int, value: Any) -> Spoil:
    """Something that sets (or, with the value ..., removes) a part of a request."""

    def spoil(request: dict[str, Any]) -> None:
        place: Any = request
        for step in path[:-1]:
            place = place[step]
        if value is ...:
            del place[path[-1]]
        else:
            place[path[-1]] = value

    return spoil


def _operation(*path: str, value: Any) -> Spoil:
    return _set("Operations", 1, *path, value=value)


ENVELOPE_BREACHES = {
    "no schemas": (_set("schemas", value=...), "schemas"),
    "schemas a string": (_set("schemas", value=BULK_REQUEST), "schemas"),
    "other schema": (_set("schemas", value=["urn:other"]), "schemas"),
    "no operations": (_set("Operations", value=...), "Operations must be an array"),
    "operations an object": (_set("Operations", value={}), "Operations must be an array"),
    "empty operations": (_set("Operations", value=[]), "0 operations"),
    "failOnErrors text": (_set("failOnErrors", value="1"), "failOnErrors"),
}
OPERATION_BREACHES = {
    "operation a string": (_set("Operations", 1, value="x"), "must be an object"),
    "method": (_operation("method", value="PATCH"), "method must be 'POST'"),
    "no method": (_operation("method", value=...), "method"),
    "path": (_operation("path", value="/users"), "path must be '/Users'"),
    "no bulkId": (_operation("bulkId", value=...), "bulkId"),
    "empty bulkId": (_operation("bulkId", value=""), "bulkId"),
    "number as bulkId": (_operation("bulkId", value=7), "bulkId"),
    "same bulkId": (_operation("bulkId", value="b0"), "unique"),
    "no data": (_operation("data", value=...), "data must be an object"),
    "data a list": (_operation("data", value=[]), "data must be an object"),
    "no data.schemas": (_operation("data", "schemas", value=...), "data.schemas"),
    "data.schemas a string": (_operation("data", "schemas", value=CORE), "data.schemas"),
    "core only": (_operation("data", "schemas", value=[CORE]), "data.schemas"),
    "enterprise only": (_operation("data", "schemas", value=[ENTERPRISE]), "data.schemas"),
    "no externalId": (_operation("data", "externalId", value=...), "externalId"),
    "empty externalId": (_operation("data", "externalId", value=""), "externalId"),
    "number as externalId": (_operation("data", "externalId", value=7), "externalId"),
    "active a string": (_operation("data", "active", value="true"), "data.active"),
    "emails an object": (_operation("data", "emails", value={"type": "work"}), "data.emails"),
    "emails of strings": (_operation("data", "emails", value=["a@b.example"]), "data.emails"),
    "name a string": (_operation("data", "name", value="Per Son"), "data.name"),
    "number in a name": (_operation("data", "name", value={"givenName": 1}), "data.name"),
    "number as title": (_operation("data", "title", value=3), "data.title"),
    "manager a string": (_operation("data", ENTERPRISE, value={"manager": "E1"}), f"data.{ENTERPRISE}"),
    "number as department": (_operation("data", ENTERPRISE, value={"department": 1}), f"data.{ENTERPRISE}"),
}


def _assert_error(answer: httpx.Response, status: int, code: str) -> str:
    assert answer.status_code == status
    error = answer.json()["error"]
    assert error["code"] == code
    assert error["innerError"]["request-id"] == answer.headers["request-id"]
    return str(error["message"])


@pytest.mark.parametrize("version", ["v1.0", "beta"])
def test_an_upload_is_answered_with_202_and_the_documented_headers(entra: Lab, version: str) -> None:
    ident = "0f5e0f5e-0000-4000-8000-000000000001"
    url = entra.app["endpoint"].replace("/v1.0/", f"/{version}/")
    headers = {"content-type": "application/scim+json; charset=utf-8", "client-request-id": ident}
    answer = entra.http.post(url, json=entra.request([entra.user(1)]), headers=headers)
    assert (answer.status_code, answer.content) == (202, b"")
    assert answer.headers["client-request-id"] == ident
    assert str(UUID(answer.headers["request-id"])) == answer.headers["request-id"]
    location = answer.headers["location"]
    assert f"/{version}/auditLogs/provisioning/?$filter=jobid%20eq%20'" in location
    assert unquote(location).endswith(f"jobid eq '{entra.app['jobId']}'")
    assert len(entra.http.get(location).json()["value"]) == 1


@pytest.mark.parametrize(("spoil", "words"), ENVELOPE_BREACHES.values(), ids=ENVELOPE_BREACHES.keys())
def test_a_breach_of_the_envelope_is_a_400(entra: Lab, spoil: Spoil, words: str) -> None:
    request = entra.request([entra.user(1), entra.user(2)])
    spoil(request)
    assert words in _assert_error(entra.post(request), 400, "BadRequest")


@pytest.mark.parametrize(("spoil", "words"), OPERATION_BREACHES.values(), ids=OPERATION_BREACHES.keys())
def test_a_breach_of_an_operation_is_a_400_that_names_it(entra: Lab, spoil: Spoil, words: str) -> None:
    request = entra.request([entra.user(1), entra.user(2)])
    spoil(request)
    message = _assert_error(entra.post(request), 400, "BadRequest")
    assert message.startswith("Invalid Data Format: Operations[1]")
    assert words in message
    assert entra.people() == {}


@pytest.mark.parametrize("content_type", ["", "application/json", "text/plain"])
def test_another_media_type_is_a_400(entra: Lab, content_type: str) -> None:
    answer = entra.post(entra.request([entra.user(1)]), **{"content-type": content_type})
    assert "Content-Type" in _assert_error(answer, 400, "BadRequest")


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'"x"', b"\xff"])
def test_what_is_no_json_object_is_a_400(entra: Lab, body: bytes) -> None:
    answer = entra.http.post(
        entra.app["endpoint"], content=body, headers={"content-type": "application/scim+json"}
    )
    _assert_error(answer, 400, "BadRequest")


def test_51_operations_are_too_many_and_50_are_not(entra: Lab) -> None:
    users = [entra.user(number) for number in range(51)]
    assert "51 operations" in _assert_error(entra.post(entra.request(users)), 400, "BadRequest")
    entra.upload(*users[:50])
    assert len(entra.people()) == 50


def test_unknown_attributes_namespaces_and_nulls_never_fail(entra: Lab) -> None:
    extra = {
        "shoeSize": 43,
        "urn:acme:x": {"a": [1]},
        "title": None,
        ENTERPRISE: {"badge": 7, "manager": None},
    }
    entra.upload({**entra.user(1), **extra})
    assert entra.person(1)["displayName"] == entra.user(1)["displayName"]


def test_leniency_takes_what_can_be_read(entra: Lab) -> None:
    entra.settings(strict=False)
    user = {**entra.user(1), "schemas": [ENTERPRISE], "active": "True"}
    request = {"Operations": [{"method": "post", "path": "/users", "data": user}] * 2}
    assert entra.post(request).status_code == 202
    unreadable: list[dict[str, Any]] = [
        {"schemas": CORE},
        {"Operations": {}},
        {"Operations": [1]},
        {"Operations": [{"data": 1}]},
        {"Operations": [{"data": {"schemas": CORE}}]},
    ]
    for spoil in unreadable:
        assert entra.post({**request, **spoil}).status_code == 400


def test_the_size_of_a_request_can_be_limited(entra: Lab) -> None:
    entra.settings(max_payload_bytes=500)
    _assert_error(entra.post(entra.request([entra.user(1)])), 413, "RequestEntityTooLarge")


def test_codes_of_errors_can_be_chosen(entra: Lab) -> None:
    entra.settings(error_codes={"invalid": "InvalidDataFormat"})
    _assert_error(entra.post({}), 400, "InvalidDataFormat")


def test_only_post_is_supported(entra: Lab) -> None:
    answer = entra.http.get(entra.app["endpoint"])
    _assert_error(answer, 405, "MethodNotAllowed")
    assert answer.headers["allow"] == "POST"


def test_unknown_paths_are_answered_as_graph_does(http: httpx.Client) -> None:
    _assert_error(http.get("/v1.0/users"), 404, "ResourceNotFound")


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
_DATA = st.dictionaries(
    st.sampled_from(["schemas", "externalId", "active", "name", "emails", "userName", ENTERPRISE]), _JSON
)
_OPERATIONS = st.fixed_dictionaries(
    {}, optional={"method": _JSON, "path": _JSON, "bulkId": _JSON, "data": _JSON | _DATA}
)


@given(
    request=_JSON
    | st.fixed_dictionaries({"schemas": st.just([BULK_REQUEST]), "Operations": st.lists(_OPERATIONS)}),
    strict=st.booleans(),
)
@settings(max_examples=60, deadline=None)
def test_any_json_is_either_users_or_a_graph_error(request: Any, strict: bool) -> None:
    try:
        users = read_users(orjson.dumps(request), "application/scim+json", Settings(strict=strict))
    except GraphError as error:
        users = [{}] if error.status == 400 else []
    assert users
    assert all(isinstance(user, dict) for user in users)
