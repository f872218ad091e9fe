"""What the two doctors find: each check with what is there, or is missing, and what to do."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

import orjson

from scimport.apps.auth import Authenticator
from scimport.apps.job import Job
from scimport.errors import ScimportError
from scimport.model import Problem
from scimport.provisioning.status import job_problem

UPLOAD = ("SynchronizationData-User.Upload", "SynchronizationData-User.Upload.OwnedBy")
"""Application permissions that let people be sent."""


class Result(StrEnum):
    """How a check came out; ``unknown`` keeps nobody from being sent."""

    FOUND = "found"
    MISSING = "missing"
    DIFFERENT = "different"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Finding:
    """One check.

    Attributes:
        check: What was looked at, such as ``job``.
        found: What there is, or is not, in a few words.
        hint: What to do; empty where there is nothing to do.
    """

    check: str
    result: Result
    found: str = ""
    hint: str = ""


def tried(check: str, look: Callable[[], Finding]) -> Finding:
    """A finding, or what kept it from being found."""
    try:
        return look()
    except ScimportError as error:
        return missing(check, error.problems[0])


def missing(check: str, problem: Problem) -> Finding:
    """A problem as a finding."""
    place = f"{problem.place}: " if problem.place else ""
    return Finding(check, Result.MISSING, f"{place}{problem.message}", problem.hint)


# What both check


def token_finding(authenticator: Authenticator) -> Finding:
    """Whether signing in gives a token.

    Raises:
        SignInError: It does not.
    """
    header = authenticator.header()
    found = "signing in gives a token" if header else "no token is wanted (auth: none)"
    return Finding("token", Result.FOUND, found)


def upload_finding(authenticator: Authenticator) -> Finding:
    """The permission to upload, as the token has it: the endpoint itself tells only who uploads.

    Raises:
        SignInError: There is no token.
    """
    header = authenticator.header()
    if not header:
        return Finding("upload", Result.FOUND, "no permission is wanted (auth: none)")
    roles = token_roles(header)
    if roles is None:
        hint = "The first load tells: try it with --limit 1."
        return Finding("upload", Result.UNKNOWN, "the token does not show its permissions", hint)
    if granted := [role for role in UPLOAD if role in roles]:
        return Finding("upload", Result.FOUND, f"the token has {granted[0]}")
    hint = (
        f"Grant the application {UPLOAD[0]} (Microsoft Graph, application permission) with admin consent:"
        " scimport app grant."
    )
    return Finding("upload", Result.MISSING, "the token has no permission to upload", hint)


def job_finding(job: Job, name: str) -> Finding:
    """Whether a job takes up what is sent.

    Args:
        job: The job.
        name: Name of the pipeline.
    """
    if stop := job_problem(job, name):
        return missing("job", stop)
    return Finding("job", Result.FOUND, f"it takes up what is sent ({job.code or 'no status'})")


def token_roles(header: str) -> frozenset[str] | None:
    """The application permissions that a token of Entra ID carries.

    Args:
        header: Value of the ``Authorization`` header.

    Returns:
        Its claim ``roles``; None where the token is none that can be read.
    """
    try:
        claims = header.split(" ", 1)[1].split(".")[1]
        found = orjson.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))
        return frozenset(map(str, found.get("roles", ())))
    except (IndexError, ValueError, binascii.Error, AttributeError, TypeError):
        return None
