from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from tests.apps.conftest import Reply, Request, Server
from tests.apps.test_entries import AT, FAILURE

from scimport.apps.app import App
from scimport.apps.auth import Anonymous, StaticToken
from scimport.apps.entries import LogPage
from scimport.apps.hosts import check_endpoint
from scimport.apps.logs import LogReader, log_url
from scimport.errors import LogError, ScimportError, SignInError

JOB = f"API2AAD.{'0' * 31}1.11111111-1111-1111-1111-111111111111"


class Renewing:
    """Gives another token after each renewal."""

    def __init__(self) -> None:
        self.count = 1

    def header(self) -> str:
        return f"Bearer t{self.count}"

    def renew(self, stale: str) -> None:
        assert stale == self.header()
        self.count += 1


def _app(server: Server, authenticator: Any = None) -> App:
    return App(check_endpoint(server.url, trusted_hosts=["127.0.0.1"]), authenticator or Anonymous())


def _page(*ids: str, next_link: str | None = None) -> dict[str, Any]:
    entries = [FAILURE | {"jobId": JOB, "sourceIdentity": {"id": one}} for one in ids]
    return {"value": entries} | ({"@odata.nextLink": next_link} if next_link else {})


class Slept(list[float]):
    """What was waited for: not one's turn, which is another thing."""

    def __call__(self, seconds: float) -> None:
        if seconds:
            self.append(seconds)


def _read(app: App, slept: Slept | None = None) -> list[LogPage]:
    return list(LogReader(app, turn=lambda: 0.0, sleep=Slept() if slept is None else slept).pages(AT + 0.9))


def _ids(pages: list[LogPage]) -> list[str]:
    return [entry.external_id for page in pages for entry in page.entries]


def _root(server: Server) -> str:
    return server.url[: server.url.index("/servicePrincipals")]


def test_pages_are_followed_as_the_links_say(server: Server) -> None:
    link = f"{_root(server)}/auditLogs/provisioning?$skiptoken=a%2Bb%3D&$filter=x"
    server.say(200, _page("a", "b", next_link=link))
    server.say(200, _page(next_link=link.replace("a%2Bb", "c")))
    server.say(200, _page("b", "c"))
    assert _ids(_read(_app(server))) == ["a", "b", "b", "c"]
    first, second, _ = server.requests
    parts = urlsplit(first.path)
    assert parts.path == "/v1.0/auditLogs/provisioning"
    assert parse_qs(parts.query) == {
        "$filter": [f"jobId eq '{JOB}' and activityDateTime ge 2026-10-05T09:00:40Z"],
        "$orderby": ["activityDateTime asc"],
        "$top": ["1000"],
    }
    assert second.path == "/v1.0/auditLogs/provisioning?$skiptoken=a%2Bb%3D&$filter=x"


def test_the_root_has_the_endpoints_version() -> None:
    endpoint = check_endpoint(
        f"https://graph.microsoft.us/beta/servicePrincipals/sp/synchronization/jobs/{JOB}/bulkUpload"
    )
    assert log_url(endpoint, 0.0).startswith(
        "https://graph.microsoft.us/beta/auditLogs/provisioning?$filter=jobId%20"
    )
    with pytest.raises(LogError, match="no job"):
        log_url(check_endpoint("https://scim.example/bulk"), 0.0)


@pytest.mark.parametrize(
    "link",
    [
        "https://127.0.0.1:1/x",
        "http://localhost:{port}/v1.0/x",
        "http://127.0.0.1:{port}@evil.example/x",
        "http://me@127.0.0.1:{port}/x",
        "http://127.0.0.1/x",
        "https://graph.microsoft.com/v1.0/auditLogs/provisioning",
        "//127.0.0.1:{port}/x",
        "/v1.0/x",
        "ftp://127.0.0.1:{port}/x",
        "http://[::1",
    ],
)
def test_a_token_never_leaves_the_host(server: Server, link: str) -> None:
    server.say(200, _page("a", next_link=link.format(port=server.server_address[1])))
    with pytest.raises(LogError, match="another host"):
        _read(_app(server, StaticToken("dG9rZW4")))
    assert len(server.requests) == 1
    assert server.requests[0].headers["authorization"] == "Bearer dG9rZW4"


def test_redirects_are_not_followed(server: Server) -> None:
    server.say(302, Location=f"{_root(server)}/elsewhere")
    with pytest.raises(LogError, match="HTTP 302"):
        _read(_app(server))
    assert len(server.requests) == 1


def test_pages_in_a_circle_end(server: Server) -> None:
    link = f"{_root(server)}/auditLogs/provisioning?$skiptoken=x"
    server.answering = lambda _request: Reply(200, json.dumps(_page("a", next_link=link)).encode())
    with pytest.raises(LogError, match="circle"):
        _read(_app(server))
    assert len(server.requests) == 2


def test_a_throttled_reader_waits_as_long_as_asked(server: Server) -> None:
    server.say(429, Retry_After="7")
    server.say(429)
    server.say(503)
    server.cut()
    server.say(200, _page("a"))
    slept = Slept()
    assert _ids(_read(_app(server), slept)) == ["a"]
    assert slept == [7.0, 10.0, 4.0, 8.0]


def test_each_request_waits_for_its_turn(server: Server) -> None:
    server.say(503)
    server.say(200, _page("a"))
    slept = Slept()
    turns = iter([1.5, 2.5])
    list(LogReader(_app(server), turn=lambda: next(turns), sleep=slept).pages(AT))
    assert slept == [1.5, 1.0, 2.5]


def test_what_passes_does_not_pass_for_ever(server: Server) -> None:
    server.answering = lambda _request: 503
    with pytest.raises(LogError, match="6 tries: HTTP 503"):
        _read(_app(server))
    assert len(server.requests) == 6


def test_nobody_there(serve: Callable[..., AbstractContextManager[Server]]) -> None:
    with serve() as server:
        app = _app(server)
    with pytest.raises(LogError) as caught:
        _read(app)
    assert [problem.code for problem in caught.value.problems] == ["endpoint-unreachable"]


def test_a_token_is_renewed_once(server: Server) -> None:
    server.say(401)
    server.say(200, _page("a"))
    assert _ids(_read(_app(server, Renewing()))) == ["a"]
    assert [one.headers["authorization"] for one in server.requests] == ["Bearer t1", "Bearer t2"]
    server.answering = lambda _request: 401
    with pytest.raises(SignInError):
        _read(_app(server, Renewing()))


def test_a_service_that_takes_no_order_is_asked_without(server: Server) -> None:
    def answering(request: Request) -> Reply:
        if "orderby" in request.path:
            return Reply(400, b'{"error": {"code": "BadRequest", "message": "no $orderby here"}}')
        return Reply(200, json.dumps(_page("a")).encode())

    server.answering = answering
    assert _ids(_read(_app(server))) == ["a"]
    server.answering = lambda _request: 400
    with pytest.raises(LogError, match="HTTP 400"):
        _read(_app(server))


@pytest.mark.parametrize(
    ("status", "code"), [(403, "permission-missing"), (404, "log-unreadable"), (418, "log-unreadable")]
)
def test_what_does_not_pass_says_what_to_do(server: Server, status: int, code: str) -> None:
    server.say(status, {"error": {"code": "Authorization_RequestDenied", "message": "no"}})
    with pytest.raises(ScimportError) as caught:
        _read(_app(server))
    (problem,) = caught.value.problems
    assert problem.code == code
    assert problem.hint
    assert len(server.requests) == 1


@pytest.mark.parametrize("body", [b"<html>", b"{}", b""])
def test_an_answer_that_is_no_page(server: Server, body: bytes) -> None:
    server.say(200, body)
    with pytest.raises(LogError, match="not a page"):
        _read(_app(server))


def test_the_servers_time_is_known(server: Server) -> None:
    server.say(200, _page("a"), Date="Mon, 05 Oct 2026 09:00:40 GMT")
    (page,) = _read(_app(server))
    assert page.server_time is not None
