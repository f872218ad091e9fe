from __future__ import annotations

import subprocess
import sys

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scimport.apps.hosts import CLOUDS, check_endpoint, tenant_of
from scimport.codes import Code
from scimport.errors import ConfigError

TENANT = "0123456789abcdef0123456789ABCDEF"
JOB = f"API2AAD.{TENANT}.22222222-2222-2222-2222-222222222222"
PATH = f"/v1.0/servicePrincipals/11111111-1111-1111-1111-111111111111/synchronization/jobs/{JOB}/bulkUpload"
GRAPH = f"https://graph.microsoft.com{PATH}"

UNSAFE = {
    "user name": f"https://graph.microsoft.com@evil.example{PATH}",
    "password": f"https://me:secret@graph.microsoft.com{PATH}",
    "backslash": f"https://evil.example\\@graph.microsoft.com{PATH}",
    "encoded at": f"https://graph.microsoft.com%40evil.example{PATH}",
    "blank": f"https://graph.microsoft.com {PATH}",
    "tab": f"https://graph.\tmicrosoft.com{PATH}",
    "line break": f"{GRAPH}\n",
    "fragment": f"{GRAPH}#part",
    "full stop at the end": f"https://graph.microsoft.com.{PATH}",
    "other alphabet": f"https://gr\u0430ph.microsoft.com{PATH}",
    "wide full stop": f"https://graph\u3002microsoft.com{PATH}",
    "no scheme": f"graph.microsoft.com{PATH}",
    "another scheme": f"ftp://graph.microsoft.com{PATH}",
    "file": "file:///etc/passwd",
    "plain http on Graph": f"http://graph.microsoft.com{PATH}",
    "plain http elsewhere": f"http://gateway.acme.example{PATH}",
    "plain http on a private address": f"http://10.0.0.1{PATH}",
    "plain http on a short loopback": f"http://127.1{PATH}",
    "plain http on every address": f"http://0.0.0.0{PATH}",
    "plain http on a mapped loopback": f"http://[::ffff:127.0.0.1]{PATH}",
    "plain http on a name like it": f"http://127.0.0.1.evil.example{PATH}",
    "another port of Graph": f"https://graph.microsoft.com:8443{PATH}",
    "port 0": f"https://gateway.acme.example:0{PATH}",
    "port too high": f"https://gateway.acme.example:65536{PATH}",
    "not an address": f"https://[::1::2]{PATH}",
    "a short address": f"https://10.1{PATH}",
    "an address out of range": f"https://10.0.0.256{PATH}",
    "two full stops": f"https://gateway..example{PATH}",
    "nothing": "",
    "Graph, another call": "https://graph.microsoft.com/v1.0/users",
    "Graph, a query": f"{GRAPH}?x=1",
    "Graph, dots": GRAPH.replace("/v1.0/", "/v1.0/../v1.0/"),
    "Graph, dots for an id": GRAPH.replace(JOB, ".."),
    "Graph, a slash in an id": GRAPH.replace(JOB, "a%2fb"),
}


@pytest.mark.parametrize("url", UNSAFE.values(), ids=UNSAFE)
def test_unsafe_endpoints_are_refused_with_or_without_a_token(url: str) -> None:
    for token in (True, False):
        with pytest.raises(ConfigError) as refused:
            check_endpoint(url, token=token, file="pipelines/employees.yml", line=7)
        (problem,) = refused.value.problems
        assert problem.code is Code.UNSAFE_ENDPOINT
        assert problem.place == "pipelines/employees.yml:7"
        assert problem.hint
        assert "secret" not in problem.message + problem.hint


@pytest.mark.parametrize("cloud", CLOUDS, ids=lambda cloud: cloud.graph)
def test_graph_of_every_cloud_gets_its_own_token(cloud: object) -> None:
    host = cloud.graph  # type: ignore[attr-defined]
    endpoint = check_endpoint(f"https://{host}{PATH}", token=True)
    assert endpoint.trusted
    assert endpoint.cloud is cloud
    assert endpoint.cloud.scope == f"https://{host}/.default"
    assert endpoint.service_principal == "11111111-1111-1111-1111-111111111111"
    assert endpoint.job == JOB


def test_a_host_alone_has_no_app_yet() -> None:
    endpoint = check_endpoint("https://graph.microsoft.com", token=True)
    assert (endpoint.bare, endpoint.job) == (True, "")
    assert not check_endpoint(GRAPH, token=True).bare


@pytest.mark.parametrize("host", ["evil.example", "graph.microsoft.com.evil.example", "xgraph.microsoft.com"])
def test_another_host_gets_people_only_without_a_token(host: str) -> None:
    url = f"https://{host}{PATH}"
    assert not check_endpoint(url).trusted
    with pytest.raises(ConfigError, match="gets no token") as refused:
        check_endpoint(url, token=True, trusted_hosts=["acme.example", f"{host}:8443", f"https://{host}"])
    assert f"trusted_hosts: [{host}]" in refused.value.problems[0].hint


@pytest.mark.parametrize(
    ("url", "trusted"),
    [
        ("https://gateway.acme.example/scim", "gateway.acme.example"),
        ("https://GATEWAY.acme.example:8443/scim?key=1", "Gateway.Acme.Example"),
        ("https://gateway.acme.example:8443/scim", "gateway.acme.example:8443"),
        ("http://127.0.0.1:8000/scim", "127.0.0.1"),
        ("http://[::1]:8000/scim", "[::1]"),
        ("http://[::1]:8000/scim", "[::1]:8000"),
        ("http://[::1]:8000/scim", "::1"),
    ],
)
def test_a_trusted_host_gets_the_token(url: str, trusted: str) -> None:
    endpoint = check_endpoint(url, token=True, trusted_hosts=[trusted])
    assert endpoint.trusted
    assert endpoint.cloud.graph == "graph.microsoft.com"


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.10", "localhost", "[::1]"])
def test_plain_http_stays_on_this_machine(host: str) -> None:
    endpoint = check_endpoint(f"http://{host}:8000{PATH}")
    assert endpoint.loopback
    with pytest.raises(ConfigError, match="gets no token"):
        check_endpoint(f"http://{host}:8000{PATH}", token=True)


def test_calls_count_against_the_tenant() -> None:
    tenant = f"graph.microsoft.com/{TENANT.lower()}"
    assert tenant_of(GRAPH) == tenant
    assert tenant_of(GRAPH.replace("API2AAD", "API2AD").replace("/v1.0/", "/beta/")) == tenant
    assert tenant_of(GRAPH.replace("microsoft.com", "microsoft.us")) != tenant
    assert tenant_of("https://gateway.acme.example/scim") == "gateway.acme.example:443"
    assert tenant_of("http://localhost:8000/x") == "localhost:8000"


HOSTS = ("graph.microsoft.com", "evil.example", "127.0.0.1", "[::1]", "256.0.0.1", "scim", "xn--", "443", "0")
SIGNS = (":", "@", "\\", "/", "?", "#", ".", "..", "-", "%2e", "%40", "\u3002", "\uff0f", " ", "\t", "\n")
PIECES = st.sampled_from(["https://", "http://", PATH, *HOSTS, *SIGNS])


@given(
    st.lists(PIECES, max_size=8).map("".join)
    | st.lists(PIECES, max_size=6).map("".join).map("https://".__add__)
    | st.text(max_size=20).map("https://".__add__)
)
@settings(max_examples=300, deadline=None)
def test_what_is_accepted_means_the_same_to_httpx(url: str) -> None:
    try:
        endpoint = check_endpoint(url, trusted_hosts=["127.0.0.1", "::1"])
    except ConfigError:
        return
    sent = httpx.URL(url)
    assert sent.raw_host.decode() == endpoint.host
    assert (sent.port or {"http": 80, "https": 443}[sent.scheme]) == endpoint.port
    assert sent.scheme == endpoint.scheme
    assert not sent.userinfo
    if endpoint.trusted:
        assert endpoint.host in {"graph.microsoft.com", "127.0.0.1", "::1"}


def test_the_package_loads_nothing_slow() -> None:
    code = "import sys, scimport.apps; print({'httpx', 'azure', 'requests'} & set(sys.modules))"
    assert subprocess.check_output([sys.executable, "-c", code], text=True) == "set()\n"
