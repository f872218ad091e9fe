from __future__ import annotations

import base64
import json
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

import pytest
from azure.core.pipeline.transport import RequestsTransport
from pydantic import TypeAdapter

from scimport.apps import auth
from scimport.apps.auth import Anonymous, AzureSignIn, StaticToken, authenticator
from scimport.apps.hosts import CLOUDS, GLOBAL_CLOUD
from scimport.codes import Code
from scimport.errors import SignInError
from scimport.project.config import AuthConfig

if TYPE_CHECKING:
    from tests.apps.conftest import Reply, Request, Server

TENANT = "aaaaaaaa-0000-0000-0000-000000000001"
CLIENT = "bbbbbbbb-0000-0000-0000-000000000002"
SECRET = "s3cr3t-value"


class Detour(RequestsTransport):  # type: ignore[misc] # azure-core imports it too lazily for mypy
    """azure-core's transport, but every request goes to a server of the test; it remembers the real host."""

    def __init__(self, base: str) -> None:
        super().__init__(use_env_settings=False)
        self.base = base
        self.hosts: list[str] = []

    def close(self) -> None:
        """Stay open: each token comes through a new credential, which closes what it was given."""

    def send(self, request: Any, **options: Any) -> Any:
        _, _, rest = request.url.partition("//")
        host, _, path = rest.partition("/")
        self.hosts.append(host)
        request.url = f"{self.base}/{path}"
        return super().send(request, **options)


@pytest.fixture
def tokens(server: Server, reply: type[Reply]) -> Server:
    """A token endpoint: each token is new, and lives for an hour."""
    issued = iter(range(1, 1000))

    def answer(request: Request) -> Reply:
        if "openid-configuration" in request.path:
            root = "https://login.microsoftonline.com/" + TENANT
            found = {"issuer": f"{root}/v2.0", "authorization_endpoint": f"{root}/oauth2/v2.0/authorize",
                     "token_endpoint": f"{root}/oauth2/v2.0/token"}  # fmt: skip
            return reply(200, json.dumps(found).encode(), {"Content-Type": "application/json"})
        token = {"token_type": "Bearer", "expires_in": 3600, "access_token": f"token-{next(issued)}"}
        # Managed identities get these two beside, from the machine.
        token |= {"expires_on": int(time.time()) + 3600, "resource": "https://graph.microsoft.com"}
        return reply(200, json.dumps(token).encode(), {"Content-Type": "application/json"})

    server.answering = answer
    return server


@pytest.fixture
def detour(server: Server) -> Iterator[Detour]:
    transport = Detour(f"http://127.0.0.1:{server.server_address[1]}")
    yield transport
    RequestsTransport.close(transport)


def form(server: Server) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(server.requests[-1].body.decode()).items()}


def refusal(server: Server, reply: type[Reply], description: str) -> None:
    answering = server.answering
    assert answering

    def answer(request: Request) -> Reply | int:
        if "openid-configuration" in request.path:
            return answering(request)
        error = {"error": "invalid_client", "error_description": description, "error_codes": [7000215]}
        return reply(401, json.dumps(error).encode(), {"Content-Type": "application/json"})

    server.answering = answer


def sign_in(detour: Detour, **changes: Any) -> AzureSignIn:
    return auth.client_secret(
        GLOBAL_CLOUD, TENANT, CLIENT, SECRET, transport=detour, retry_total=0, **changes
    )


def test_a_client_secret_gets_a_token_for_graph(tokens: Server, detour: Detour) -> None:
    signed_in = sign_in(detour)
    assert signed_in.header() == "Bearer token-1"
    assert signed_in.header() == "Bearer token-1"
    assert set(detour.hosts) == {"login.microsoftonline.com"}
    sent = form(tokens)
    assert sent["grant_type"] == "client_credentials"
    assert sent["scope"] == "https://graph.microsoft.com/.default"
    assert (sent["client_id"], sent["client_secret"]) == (CLIENT, SECRET)


@pytest.mark.parametrize("cloud", CLOUDS, ids=lambda cloud: cloud.graph)
def test_every_cloud_has_its_own_authority(tokens: Server, detour: Detour, cloud: Any) -> None:
    auth.client_secret(cloud, TENANT, CLIENT, SECRET, transport=detour).header()
    assert detour.hosts[0] == cloud.authority
    assert form(tokens)["scope"] == f"https://{cloud.graph}/.default"


def test_a_certificate_signs_an_assertion(tokens: Server, detour: Detour, self_signed: Path) -> None:
    signed_in = auth.certificate(GLOBAL_CLOUD, TENANT, CLIENT, str(self_signed), transport=detour)
    assert signed_in.header() == "Bearer token-1"
    header, claims, _ = form(tokens)["client_assertion"].split(".")
    assert json.loads(base64.urlsafe_b64decode(claims + "==="))["iss"] == CLIENT
    assert json.loads(base64.urlsafe_b64decode(header + "==="))["alg"] in {"PS256", "RS256"}


def test_a_certificate_that_is_missing_or_none(tmp_path: Path, tokens: Server) -> None:
    missing = auth.certificate(GLOBAL_CLOUD, TENANT, CLIENT, str(tmp_path / "no.pem"))
    with pytest.raises(SignInError, match=r"no\.pem"):
        missing.header()
    wrong = tmp_path / "wrong.pem"
    wrong.write_text("not a certificate")
    with pytest.raises(SignInError, match="no token"):
        auth.certificate(GLOBAL_CLOUD, TENANT, CLIENT, str(wrong)).header()
    assert not tokens.requests


def test_a_managed_identity_asks_the_machine(
    tokens: Server, detour: Detour, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IDENTITY_ENDPOINT", f"{detour.base}/msi/token")
    monkeypatch.setenv("IDENTITY_HEADER", "the-machine")
    assert auth.managed_identity(GLOBAL_CLOUD, CLIENT).header() == "Bearer token-1"
    (request,) = tokens.requests
    assert request.headers["x-identity-header"] == "the-machine"
    assert "resource=https://graph.microsoft.com&" in request.path
    assert CLIENT in request.path


def test_a_workload_identity_shows_its_file(
    tokens: Server, detour: Detour, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "federated").write_text("federated-token")
    monkeypatch.setenv("AZURE_TENANT_ID", TENANT)
    monkeypatch.setenv("AZURE_CLIENT_ID", CLIENT)
    file = str(tmp_path / "federated")
    assert (
        auth.workload_identity(GLOBAL_CLOUD, token_file=file, transport=detour).header() == "Bearer token-1"
    )
    assert form(tokens)["client_assertion"] == "federated-token"
    missing = auth.workload_identity(GLOBAL_CLOUD, token_file=str(tmp_path / "no"), transport=detour)
    with pytest.raises(SignInError):
        missing.header()


def test_a_workload_identity_without_its_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_FEDERATED_TOKEN_FILE"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(SignInError, match="tenant_id"):
        auth.workload_identity(GLOBAL_CLOUD).header()


def test_a_token_is_renewed_shortly_before_it_ends(tokens: Server, detour: Detour) -> None:
    now = [time.time()]
    signed_in = sign_in(detour)
    signed_in._clock = lambda: now[0]
    assert signed_in.header() == "Bearer token-1"
    now[0] += 3200
    assert signed_in.header() == "Bearer token-1"
    now[0] += 200
    assert signed_in.header() == "Bearer token-2"
    assert tokens.requests


def test_a_stale_token_is_renewed_once_for_all_threads(tokens: Server, detour: Detour) -> None:
    signed_in = sign_in(detour)
    stale = signed_in.header()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(signed_in.renew, [stale] * 8))
    assert signed_in.header() == "Bearer token-2"
    assert sum("token" in request.path.rpartition("/")[2] for request in tokens.requests) == 2


@pytest.mark.parametrize(
    ("description", "hint"),
    [
        ("AADSTS7000215: Invalid client secret provided.", "use its value"),
        ("AADSTS7000222: The provided client secret keys are expired.", "has expired"),
        ("AADSTS700016: Application was not found in the directory.", "check both"),
        ("AADSTS99999: Something else.", "Check auth:"),
    ],
)
def test_a_refusal_keeps_the_code_and_loses_the_secret(
    tokens: Server,
    detour: Detour,
    reply: type[Reply],
    description: str,
    hint: str,
    capfd: pytest.CaptureFixture[str],
) -> None:
    refusal(tokens, reply, f"{description} You sent {SECRET}. Trace ID: 1 Correlation ID: 2\r\nTimestamp: 3")
    with pytest.raises(SignInError) as refused:
        sign_in(detour).header()
    (problem,) = refused.value.problems
    assert problem.code is Code.SIGN_IN_FAILED
    assert problem.message == f"no token from Microsoft Entra ID: {description} You sent ***."
    assert hint in problem.hint
    assert refused.value.__cause__ is None
    assert refused.value.__suppress_context__
    assert capfd.readouterr() == ("", "")


def test_an_authority_that_cannot_be_reached(detour: Detour) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        detour.base = f"http://127.0.0.1:{closed.getsockname()[1]}"
    with pytest.raises(SignInError) as refused:
        sign_in(detour).header()
    assert "network" in refused.value.problems[0].hint
    assert SECRET not in str(refused.value)


def test_the_file_chooses(tmp_path: Path) -> None:
    def of(config: object) -> Any:
        checked: Any = TypeAdapter(AuthConfig).validate_python(config)
        return authenticator(checked, GLOBAL_CLOUD, tmp_path)

    ids = {"tenant_id": TENANT, "client_id": CLIENT}
    assert isinstance(of("none"), Anonymous)
    assert of("none").header() == ""
    assert of({"kind": "token", "token": " abc.def \n"}).header() == "Bearer abc.def"
    assert isinstance(of({"kind": "client_secret", "client_secret": SECRET, **ids}), AzureSignIn)
    assert isinstance(of({"kind": "managed_identity"}), AzureSignIn)
    assert isinstance(of({"kind": "workload_identity", "token_file": "federated"}), AzureSignIn)
    with pytest.raises(SignInError, match=str(tmp_path / "keys.pem")):
        of({"kind": "certificate", "path": "keys.pem", "password": "x", **ids}).header()


@pytest.mark.parametrize("token", ["", "two words", "line\nbreak", "t\u00f6ken", "Bearer abc"])
def test_what_cannot_be_a_token(token: str) -> None:
    with pytest.raises(SignInError) as refused:
        StaticToken(token)
    assert not token or token not in str(refused.value)


@pytest.mark.parametrize(("fixed", "words"), [(Anonymous(), "auth: none"), (StaticToken("abc"), "expired")])
def test_what_cannot_be_renewed(fixed: Any, words: str) -> None:
    with pytest.raises(SignInError, match=words):
        fixed.renew(fixed.header())
