"""Which URL may be an app's endpoint, and which of them may see a token.

A token that reaches the wrong host lets its owner rewrite a directory, and the body of a request is a file
of people. So a URL must have one plain form that no two parsers read differently, and a token goes to two
kinds of hosts only: Microsoft Graph in one of its clouds, and those that the pipeline's file names in
``trusted_hosts``.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

from scimport.codes import Code
from scimport.errors import ConfigError
from scimport.model import Problem


@dataclass(frozen=True, slots=True)
class Cloud:
    """One of Microsoft's clouds: the host of its Graph, and the host that issues tokens for it."""

    graph: str
    authority: str

    @property
    def scope(self) -> str:
        """The OAuth scope of an application that calls this cloud's Graph."""
        return f"https://{self.graph}/.default"


GLOBAL_CLOUD = Cloud("graph.microsoft.com", "login.microsoftonline.com")

# https://learn.microsoft.com/graph/deployments; the sovereign clouds of France, Germany and Singapore are
# the built-in environments of the Microsoft Graph PowerShell module.
CLOUDS: tuple[Cloud, ...] = (
    GLOBAL_CLOUD,
    Cloud("graph.microsoft.us", "login.microsoftonline.us"),
    Cloud("dod-graph.microsoft.us", "login.microsoftonline.us"),
    Cloud("microsoftgraph.chinacloudapi.cn", "login.chinacloudapi.cn"),
    Cloud("graph.svc.sovcloud.fr", "login.sovcloud-identity.fr"),
    Cloud("graph.svc.sovcloud.de", "login.sovcloud-identity.de"),
    Cloud("graph.svc.sovcloud.sg", "login.sovcloud-identity.sg"),
)
_CLOUD_OF_HOST = {cloud.graph: cloud for cloud in CLOUDS}

# Stricter than RFC 3986 on purpose: no userinfo, no backslash, no blank, no fragment, nothing outside ASCII.
_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9])?"
_URL = re.compile(
    rf"(?P<scheme>https?)://(?P<host>{_LABEL}(?:\.{_LABEL})*|\[[0-9a-f:.]+\])(?::(?P<port>[0-9]{{1,5}}))?"
    r"(?P<path>/[a-z0-9._~!$&'()*+,;=:@%/-]*)?(?:\?[a-z0-9._~!$&'()*+,;=:@%/?-]*)?",
    re.IGNORECASE | re.ASCII,
)
_BULK_UPLOAD = re.compile(
    r"/(?:v1\.0|beta)/servicePrincipals/(?P<service_principal>[a-z0-9-]+)"
    r"/synchronization/jobs/(?P<job>[a-z0-9][a-z0-9._-]*)/bulkUpload",
    re.IGNORECASE | re.ASCII,
)
_JOB_TENANT = re.compile(r"API2(?:AAD|AD)\.(?P<tenant>[0-9a-f]{32})\.", re.IGNORECASE | re.ASCII)
_DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A bulkUpload URL that has passed :func:`check_endpoint`.

    Attributes:
        url: The URL as it is called.
        scheme: ``http`` (loopback only) or ``https``.
        host: Host in lower case, without port; an IPv6 address without its brackets.
        port: Port, also where the URL leaves it out.
        service_principal: Object id of the app's service principal; empty where the path has none.
        job: Id of the provisioning job; empty where the path has none.
        trusted: Whether a token may be sent to it.
    """

    url: str
    scheme: str
    host: str
    port: int
    service_principal: str = ""
    job: str = ""
    trusted: bool = False

    @property
    def bare(self) -> bool:
        """Whether it is a host alone, where there is no app yet."""
        return urlsplit(self.url).path in ("", "/")

    @property
    def on_graph(self) -> bool:
        """Whether it is Microsoft's own."""
        return self.host in _CLOUD_OF_HOST

    @property
    def loopback(self) -> bool:
        """Whether it is on this machine."""
        return _is_loopback(self.host)

    @property
    def cloud(self) -> Cloud:
        """The cloud whose tokens it takes; the global one where the host is not Graph itself."""
        return _CLOUD_OF_HOST.get(self.host, GLOBAL_CLOUD)

    @property
    def tenant(self) -> str:
        """What shares one pace and one day's calls, see :func:`tenant_of`."""
        found = _JOB_TENANT.match(self.job)
        return f"{self.host}/{found['tenant'].lower()}" if found else f"{self.host}:{self.port}"


def check_endpoint(
    url: str,
    *,
    trusted_hosts: Iterable[str] = (),
    token: bool = False,
    file: str = "",
    line: int | None = None,
) -> Endpoint:
    """Refuse every URL that people's records, or a token, must not be sent to.

    Args:
        url: The endpoint as the pipeline's file has it.
        trusted_hosts: Hosts (``name`` or ``name:port``) that the file trusts with a token, beside Graph's.
        token: Whether requests will carry a token, so that the host must be Graph's or a trusted one.
        file: File to name in a problem.
        line: Line to name in a problem.

    Returns:
        The parts of the URL, and whether it may see a token.

    Raises:
        ConfigError: With one problem, ``unsafe-endpoint``.
    """
    try:
        endpoint = _parse(url, frozenset(host.strip().lower() for host in trusted_hosts))
        _check_place(endpoint, token=token)
    except _UnsafeError as unsafe:
        problem = Problem(
            Code.UNSAFE_ENDPOINT, unsafe.message, hint=unsafe.hint, file=file, line=line, field="app.endpoint"
        )
        raise ConfigError(problem) from None
    return endpoint


def tenant_of(url: str) -> str:
    """Say what the calls to a URL count against: Graph's limits are the tenant's, whatever the app.

    Returns:
        ``host/tenant`` where the job id names its tenant (``API2AAD.{tenant}.{guid}``, ``API2AD...``), as
        Graph's do, else ``host:port``.

    Raises:
        ConfigError: The URL cannot be an endpoint.
    """
    return check_endpoint(url).tenant


class _UnsafeError(Exception):
    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


def _parse(url: str, trusted_hosts: frozenset[str]) -> Endpoint:
    found = _URL.fullmatch(url)
    if found is None:
        raise _UnsafeError(
            "the endpoint is not a plain URL of the form https://host/path",
            "Copy the Provisioning API Endpoint from the app's page; it has no user name, blank or '#'.",
        )
    scheme, host = found["scheme"].lower(), found["host"].lower().strip("[]")
    port = int(found["port"] or _DEFAULT_PORTS[scheme])
    # A name that ends in a number would be an address to one parser and a name to another.
    numeric = ":" in host or host.rpartition(".")[2].isdigit()
    if not 0 < port < 65536 or (numeric and _address(host) is None):
        raise _UnsafeError(
            "the endpoint has no valid host and port", "Correct the part between '//' and the next '/'."
        )
    job = _BULK_UPLOAD.fullmatch(found["path"] or "")
    graph = host in _CLOUD_OF_HOST
    return Endpoint(
        url=url,
        scheme=scheme,
        host=host,
        port=port,
        service_principal=job["service_principal"] if job else "",
        job=job["job"] if job else "",
        trusted=graph
        or not trusted_hosts.isdisjoint((host, f"{host}:{port}", f"[{host}]", f"[{host}]:{port}")),
    )


def _check_place(endpoint: Endpoint, *, token: bool) -> None:
    if endpoint.scheme == "http" and not endpoint.loopback:
        raise _UnsafeError(
            f"the endpoint on {endpoint.host} is plain http, which anybody on the way can read",
            "Write https://. Plain http is for this machine only (127.0.0.1, ::1, localhost).",
        )
    if endpoint.on_graph:
        _check_graph(endpoint)
    if token and not endpoint.trusted:
        raise _UnsafeError(
            f"the endpoint's host {endpoint.host} is not one of Microsoft Graph, so it gets no token",
            f"If it is yours, name it in the pipeline: trusted_hosts: [{endpoint.host}]; or set auth: none.",
        )


def _check_graph(endpoint: Endpoint) -> None:
    if endpoint.scheme != "https" or endpoint.port != 443:
        raise _UnsafeError(
            f"{endpoint.host} is called on port 443 only", "Leave the port out of the endpoint."
        )
    if not (endpoint.job or endpoint.bare) or "?" in endpoint.url:
        raise _UnsafeError(
            "the endpoint on Microsoft Graph is not a bulkUpload URL",
            f"It looks like https://{endpoint.host}/v1.0/servicePrincipals/{{id}}/synchronization/jobs/{{job}}"
            "/bulkUpload; copy the Provisioning API Endpoint from the app's page.",
        )


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    address = _address(host)
    if isinstance(address, ipaddress.IPv4Address):
        return address.is_loopback
    return address == ipaddress.IPv6Address("::1")


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None
