"""The answers that end a delivery, as errors that say what to look at."""

from __future__ import annotations

from scimport.apps.answer import Answer, Cause
from scimport.apps.hosts import Endpoint
from scimport.apps.outbox import DeliveryResult
from scimport.codes import Code
from scimport.errors import DeliveryError, SignInError
from scimport.model import Problem

_RESUME = "Then scimport resume: whoever was not accepted is still staged."


def denied(answer: Answer, endpoint: Endpoint) -> DeliveryError:
    """Explain an answer that says the endpoint, or the way to it, is wrong for every request alike."""
    if answer.status == 403:
        return _stop(
            Code.PERMISSION_MISSING,
            f"the endpoint denies permission (403): {_quoted(answer)}",
            "Grant the signed-in application SynchronizationData-User.Upload (Microsoft Graph, application"
            f" permission) with admin consent. {_RESUME}",
        )
    if answer.status == 404:
        return _stop(
            Code.ENDPOINT_NOT_FOUND, f"there is no such endpoint (404): {_quoted(answer)}", _ids(endpoint)
        )
    return _stop(
        Code.ENDPOINT_REFUSES,
        f"the endpoint cannot be used (HTTP {answer.status}): {_quoted(answer)}",
        f"Compare app.endpoint with the app's page, and see what stands between. {_RESUME}",
    )


def fresh_token_refused(answer: Answer) -> SignInError:
    """Explain a 401 to a token that has just been issued."""
    problem = Problem(
        Code.SIGN_IN_FAILED,
        f"the endpoint does not take a fresh token (401): {_quoted(answer)}",
        hint="Sign in to the endpoint's own tenant and cloud: compare tenant_id and app.endpoint.",
        field="app.auth",
    )
    return SignInError(problem)


def certificate(answer: Answer) -> DeliveryError:
    """Explain a certificate that does not verify; nothing was sent."""
    return _stop(
        Code.CERTIFICATE,
        answer.words,
        "If a proxy of yours opens TLS, set SSL_CERT_FILE to a file with its authority's certificate;"
        " otherwise do not go on.",
    )


def no_authorities(error: OSError) -> DeliveryError:
    """Explain that the file of trusted authorities cannot be used."""
    reason = error.strerror or type(error).__name__
    return _stop(
        Code.CERTIFICATE,
        f"the trusted authorities cannot be loaded: {reason}",
        "Correct or unset SSL_CERT_FILE and SSL_CERT_DIR: a PEM file, or a folder of them.",
    )


def no_proxy() -> DeliveryError:
    """Explain that the proxy of the environment cannot be used; its URL may hold a password."""
    return _stop(
        Code.ENDPOINT_UNREACHABLE,
        "the proxy that the environment names cannot be used",
        "Correct or unset HTTPS_PROXY and ALL_PROXY (http://host:port), or name the host in NO_PROXY.",
    )


def given_up(answer: Answer, tries: int, pipeline: str) -> DeliveryError:
    """Explain why a request is not tried again, after so many tries while nothing else went through."""
    resume = f"Then scimport resume {pipeline}: whoever was not accepted is still staged."
    if answer.cause is Cause.UNREACHABLE:
        return _stop(
            Code.ENDPOINT_UNREACHABLE,
            f"the endpoint cannot be reached: {answer.words} ({tries} tries)",
            f"Check app.endpoint, this machine's network and proxy. {_RESUME}",
        )
    if answer.result is DeliveryResult.THROTTLED:
        return _stop(
            Code.ENDPOINT_FAILING,
            f"throttled (429) {tries} times in a row, after longer and longer pauses: the endpoint's limits"
            f" are passed: {_quoted(answer)}",
            "Entra allows a tenant 40 calls in 5 seconds, and by licence 2,000 or 6,000 in 24 hours; calls of"
            f" other clients count too. scimport capacity {pipeline} shows ours: set daily_calls to what"
            f" the licence allows, and wait until calls are free. {resume}",
        )
    if answer.result is DeliveryResult.BUCKET_FULL:
        return _stop(
            Code.ENDPOINT_FAILING,
            f"the app's queue (bucket) is still full after {tries} tries in a row: what was uploaded is not"
            " taken up, or not as fast as more comes",
            f"scimport app status {pipeline} says whether the app is stopped or in quarantine, and the way"
            f" out: start it, or mend the cause; if it runs, wait 40 minutes for its next cycle. {resume}",
        )
    status = f"HTTP {answer.status}: " if answer.status else ""
    return _stop(
        Code.ENDPOINT_FAILING,
        f"the endpoint failed {tries} times in a row: {status}{_quoted(answer)}",
        f"See the service's health (request-id {answer.request_id or 'unknown'}). {_RESUME}",
    )


def refuses_everything(words: str, records: int) -> DeliveryError:
    """Explain that the records of a whole request were refused alike, and nothing was accepted."""
    return _stop(
        Code.RECORDS_REFUSED,
        f"the endpoint refuses every record in the same words ({records} tried one by one): {words}",
        "Correct the mapping, or app.endpoint, accordingly, and run again; nobody is taken for rejected.",
    )


def _ids(endpoint: Endpoint) -> str:
    if not endpoint.job:
        return f"Check the path of app.endpoint. {_RESUME}"
    return (
        f"Check the service principal's object id {endpoint.service_principal} (not its application id) and"
        f" the job id {endpoint.job} in app.endpoint, on the app's page. {_RESUME}"
    )


def _quoted(answer: Answer) -> str:
    return answer.words or "no explanation"


def _stop(code: Code, message: str, hint: str) -> DeliveryError:
    return DeliveryError(Problem(code, message, hint=hint, field="app.endpoint"))
