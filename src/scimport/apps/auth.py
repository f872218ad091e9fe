"""Sign-in: where the value of the ``Authorization`` header comes from.

azure-identity does the OAuth; it is imported when the first token is wanted, since that takes a while.
"""

from __future__ import annotations

import logging
import re
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from scimport.apps.hosts import Cloud
from scimport.apps.words import one_line
from scimport.codes import Code
from scimport.errors import SignInError
from scimport.model import Problem
from scimport.project.config import (
    AuthConfig,
    CertificateAuth,
    ClientSecretAuth,
    ManagedIdentityAuth,
    TokenAuth,
)
from scimport.redaction import hide

if TYPE_CHECKING:
    from azure.core.credentials import AccessToken

_MARGIN = 300.0
_B64TOKEN = re.compile(r"[A-Za-z0-9\-._~+/]+=*")
_AADSTS = re.compile(r"AADSTS\d+")
_TRAILER = re.compile(
    r"\s*(?:Trace ID|Correlation ID|Timestamp|Visit https?|To mitigate this issue).*", re.DOTALL
)
_HINTS = {
    "AADSTS7000215": "The client secret is wrong: use its value, not its secret ID.",
    "AADSTS7000222": "The client secret has expired: make a new one in the app registration.",
    "AADSTS700016": "client_id is not an application of tenant_id: check both.",
    "AADSTS90002": "tenant_id is not a tenant of this cloud: check it, and the endpoint's host.",
    "AADSTS900023": "tenant_id is neither a GUID nor a domain of a tenant: check it.",
    "AADSTS700027": "The certificate is not registered with the application: upload its public part there.",
    "AADSTS70021": "No federated credential of the application fits: check its issuer, subject and audience.",
    "AADSTS700211": "No federated credential of the application fits: check its issuer.",
    "AADSTS700213": "No federated credential of the application fits: check its subject.",
    "AADSTS53003": "A Conditional Access policy blocks this sign-in: ask who keeps the policies.",
}


class Authenticator(Protocol):
    """Gives the value of the ``Authorization`` header. Every method may be called from any thread."""

    def header(self) -> str:
        """Give the header's value, signing in first where that is due; empty for none.

        Raises:
            SignInError: No token is to be had.
        """
        ...

    def renew(self, stale: str) -> None:
        """Get a new token after a 401, unless another thread has replaced the stale one already.

        Args:
            stale: The header's value that the endpoint refused.

        Raises:
            SignInError: No other token is to be had.
        """
        ...


def authenticator(auth: AuthConfig, cloud: Cloud, root: Path) -> Authenticator:
    """Make what signs in as a pipeline's file says.

    Args:
        auth: ``none``, or one of the kinds with its fields.
        cloud: The cloud of the endpoint, which says who issues tokens, and for what.
        root: The project folder, which paths are relative to.

    Raises:
        SignInError: A ``token`` that cannot be one. All else fails with the first token.
    """
    if auth == "none":
        return Anonymous()
    if isinstance(auth, TokenAuth):
        return StaticToken(auth.token.get_secret_value())
    if isinstance(auth, ClientSecretAuth):
        return client_secret(cloud, auth.tenant_id, auth.client_id, auth.client_secret.get_secret_value())
    if isinstance(auth, CertificateAuth):
        password = auth.password.get_secret_value() if auth.password else None
        return certificate(cloud, auth.tenant_id, auth.client_id, str(root / auth.path), password)
    if isinstance(auth, ManagedIdentityAuth):
        return managed_identity(cloud, auth.client_id)
    token_file = str(root / auth.token_file) if auth.token_file else None
    return workload_identity(cloud, auth.tenant_id, auth.client_id, token_file)


class Anonymous:
    """``auth: none``."""

    def header(self) -> str:
        """Give no header."""
        return ""

    def renew(self, stale: str) -> None:  # noqa: ARG002 - the protocol's signature
        """Refuse: there is nothing to renew."""
        raise _error(
            "the endpoint wants a token (401), but the pipeline says auth: none",
            "Give the app an auth: block.",
        )


class StaticToken:
    """``kind: token``: a bearer value that somebody else has fetched.

    Args:
        token: The value, without ``Bearer``.

    Raises:
        SignInError: It cannot be a token (RFC 6750 section 2.1).
    """

    def __init__(self, token: str) -> None:
        if not _B64TOKEN.fullmatch(token.strip()):
            raise _error(
                "the token has characters that no bearer token has", "Check the variable that token: names."
            )
        self._header = f"Bearer {token.strip()}"

    def header(self) -> str:
        """Give the one token there is."""
        return self._header

    def renew(self, stale: str) -> None:  # noqa: ARG002 - the protocol's signature
        """Refuse: only a person can fetch another one."""
        raise _error(
            "the endpoint does not take the token (401): it has expired, or is for another tenant",
            "Fetch a new token and resume, or use a kind of auth that signs in by itself.",
        )


class AzureSignIn:
    """Tokens of Microsoft Entra ID, each kept until five minutes before it ends.

    Args:
        credential: Makes an azure-identity credential. Each token comes from a new one, since a credential
            keeps its token and would give a refused one again.
        scope: What the token is for, as ``https://graph.microsoft.com/.default``.
        secrets: Values to take out of error messages.
        clock: Seconds since 1970.
    """

    def __init__(
        self,
        credential: Callable[[], Any],
        scope: str,
        *,
        secrets: Iterable[str] = (),
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._credential = credential
        self._scope = scope
        self._secrets = tuple(secret for secret in secrets if secret)
        self._clock = clock
        self._lock = threading.Lock()
        self._header = ""
        self._due = 0.0

    def header(self) -> str:
        """Give a token that is good for some minutes yet.

        Raises:
            SignInError: No token is to be had.
        """
        with self._lock:
            if self._clock() >= self._due:
                self._sign_in()
            return self._header

    def renew(self, stale: str) -> None:
        """Replace the stale token, once for all threads that hold it.

        Raises:
            SignInError: No token is to be had.
        """
        with self._lock:
            if self._header == stale:
                self._sign_in()

    def _sign_in(self) -> None:
        token = self._fetch()
        now = self._clock()
        hide(token.token)
        self._header = f"Bearer {token.token}"
        # A token that lives for less than ten minutes is kept for half of its life.
        self._due = max(token.expires_on - _MARGIN, (now + token.expires_on) / 2)

    def _fetch(self) -> AccessToken:
        from azure.core.exceptions import AzureError  # noqa: PLC0415 - slow to import, and not needed without a token

        _quieten()
        try:
            with self._credential() as credential:
                token: AccessToken = credential.get_token(self._scope)
        # A missing or malformed certificate or token file comes out as the plain error that it is.
        except (AzureError, OSError, ValueError) as error:
            raise self._explained(str(error)) from None
        return token

    def _explained(self, message: str) -> SignInError:
        for secret in self._secrets:
            message = message.replace(secret, "***")
        code = _AADSTS.search(message)
        words = one_line(_TRAILER.sub("", message.removeprefix("Authentication failed: ")))
        hint = _HINTS.get(
            code[0] if code else "", "Check auth: in the pipeline's file, and this machine's network."
        )
        return _error(f"no token from Microsoft Entra ID: {words}", hint)


def client_secret(cloud: Cloud, tenant_id: str, client_id: str, secret: str, **options: Any) -> AzureSignIn:
    """Sign in as an application with a client secret."""

    def credential() -> Any:
        from azure.identity import ClientSecretCredential  # noqa: PLC0415 - slow to import

        return ClientSecretCredential(tenant_id, client_id, secret, **_of(cloud, options))

    return AzureSignIn(credential, cloud.scope, secrets=[secret])


def certificate(
    cloud: Cloud, tenant_id: str, client_id: str, path: str, password: str | None = None, **options: Any
) -> AzureSignIn:
    """Sign in as an application with a certificate and its private key, in one PEM or PKCS12 file."""

    def credential() -> Any:
        from azure.identity import CertificateCredential  # noqa: PLC0415 - slow to import

        return CertificateCredential(tenant_id, client_id, path, password=password, **_of(cloud, options))

    return AzureSignIn(credential, cloud.scope, secrets=[password or ""])


def managed_identity(cloud: Cloud, client_id: str | None = None, **options: Any) -> AzureSignIn:
    """Sign in as the identity of the Azure machine; ``client_id`` names one where it has several."""

    def credential() -> Any:
        from azure.identity import ManagedIdentityCredential  # noqa: PLC0415 - slow to import

        return ManagedIdentityCredential(client_id=client_id, **options)

    return AzureSignIn(credential, cloud.scope)


def workload_identity(
    cloud: Cloud,
    tenant_id: str | None = None,
    client_id: str | None = None,
    token_file: str | None = None,
    **options: Any,
) -> AzureSignIn:
    """Sign in with a federated token from a file; what is None comes from the ``AZURE_`` variables."""

    def credential() -> Any:
        from azure.identity import WorkloadIdentityCredential  # noqa: PLC0415 - slow to import

        return WorkloadIdentityCredential(
            tenant_id=tenant_id, client_id=client_id, token_file_path=token_file, **_of(cloud, options)
        )

    return AzureSignIn(credential, cloud.scope)


def _of(cloud: Cloud, options: dict[str, Any]) -> dict[str, Any]:
    # Instance discovery asks the global cloud whether an authority exists; ours come from a fixed list.
    return {"authority": cloud.authority, "disable_instance_discovery": True, **options}


def _quieten() -> None:
    # Without any handler, Python would print their warnings to stderr beside the error that says the same.
    for name in ("azure", "msal"):
        logger = logging.getLogger(name)
        if not logger.handlers:
            logger.addHandler(logging.NullHandler())


def _error(message: str, hint: str) -> SignInError:
    return SignInError(Problem(Code.SIGN_IN_FAILED, message, hint=hint, field="app.auth"))
