"""The tenant: everything behind the HTTP surface, one transaction a step."""

from __future__ import annotations

import sqlite3
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any
from uuid import uuid4

import orjson
from pydantic import ValidationError

from scimport.sandbox import apps, calls, clock, lifecycle, logs, principals, processing, tokens
from scimport.sandbox.apps import App
from scimport.sandbox.bulk import User, read_users
from scimport.sandbox.calls import Arrival
from scimport.sandbox.faults import FaultPlan, Faults, Kind
from scimport.sandbox.graph import BUCKET_FULL, GraphError, Reason, invalid
from scimport.sandbox.settings import Settings
from scimport.sandbox.store import Store

UPLOAD = ("SynchronizationData-User.Upload", "SynchronizationData-User.Upload.OwnedBy")
READ_LOG = ("ProvisioningLog.Read.All", "AuditLog.Read.All", "Directory.Read.All")
WRITE_JOB = ("Application.ReadWrite.OwnedBy", "Synchronization.ReadWrite.All")
READ_JOB = (*WRITE_JOB, "Synchronization.Read.All")


@dataclass(frozen=True, slots=True)
class Call:
    """A bulk call on its way.

    Attributes:
        id: Row in the database.
        job: Id of the job it is for.
        refusal: The answer, when it is refused before its body is looked at.
        fault: What strikes it.
        latency: Seconds that it waits.
    """

    id: int
    job: str
    refusal: GraphError | None
    fault: Kind | None
    latency: float


class Tenant:
    """One tenant with its apps, directories, log and limits.

    Args:
        folder: Where its database is.
        settings: Replaces the stored settings; None keeps them.

    Raises:
        StateError: when the database cannot be used.
    """

    def __init__(self, folder: Path, settings: Settings | None = None) -> None:
        self.store = Store(folder)
        self.faults = FaultPlan()
        self._settings = ("", Settings())
        self._log_reads: deque[float] = deque()
        self.requests: deque[dict[str, Any]] = deque(maxlen=1000)
        with self.store.transaction() as connection:
            connection.execute("INSERT OR IGNORE INTO meta VALUES ('tenant', ?)", (str(uuid4()),))
            if settings is not None:
                _store_settings(connection, settings)
            self.id: str = connection.execute("SELECT value FROM meta WHERE key = 'tenant'").fetchone()[0]

    def close(self) -> None:
        """Let go of the database."""
        self.store.close()

    @property
    def settings(self) -> Settings:
        """The settings, as whoever serves this tenant stored them last."""
        row = self.store.connection.execute("SELECT value FROM meta WHERE key = 'settings'").fetchone()
        if row and row[0] != self._settings[0]:
            self._settings = (row[0], Settings.model_validate_json(row[0]))
        return self._settings[1]

    def change_settings(self, wishes: Mapping[str, Any]) -> Settings:
        """Change the settings that are named.

        Raises:
            GraphError: 400, when one is unknown or has a wrong value.
        """
        try:
            settings = Settings.model_validate({**self.settings.model_dump(), **wishes})
        except ValidationError as error:
            raise invalid(_explain(error)) from error
        with self.store.transaction() as connection:
            _store_settings(connection, settings)
        return settings

    def order_faults(self, wishes: Mapping[str, Any]) -> Faults:
        """Order the faults that are named.

        Raises:
            GraphError: 400, when one is unknown or has a wrong value.
        """
        try:
            return self.faults.order(wishes)
        except ValidationError as error:
            raise invalid(_explain(error)) from error

    def strike(self, path: str) -> None:
        """Answer a call of Graph that is no upload as the ordered fault has it; an empty path is none.

        Raises:
            GraphError: What was ordered.
        """
        order = self.faults.faults.graph
        if not path or not self.faults.strikes_graph():
            return
        if order.status == 429:
            raise calls.throttled("Too many requests.", round(order.retry_after * clock.SECOND))
        raise GraphError(order.status, Reason.FAILED, "The service is temporarily unavailable.")

    def note(self, method: str, path: str, status: int) -> None:
        """Remember a call of Graph that was no upload; an empty path is none."""
        if path:
            self.requests.append({"method": method, "path": path, "status": status})

    def now(self) -> int:
        """The tenant's time in microseconds."""
        return clock.now(self.settings.clock_offset)

    def create_app(self, name: str, target: str) -> App:
        """The app of a name, created and started when it is new.

        Raises:
            GraphError: 400 or 409.
        """
        with self.store.transaction() as connection:
            app = apps.create(connection, self.id, name, target, self.settings, self.now())
            # The first upload need not wait for it.
            processing.mapping_of(connection, app, self.settings)
            return app

    def authorize(self, authorization: str, permissions: tuple[str, ...], principal: str = "") -> str:
        """Let a request pass that may do something.

        Args:
            authorization: The header of the request.
            permissions: Any of them will do, the least one first; none needs no more than a token.
            principal: The service principal that the request is about; who has made it may do what the
                permissions ``.OwnedBy`` are for.

        Returns:
            The client's id; empty when it is not known.

        Raises:
            GraphError: 401 or 403.
        """
        with self.store.transaction() as connection:
            if refusal := self._refusal(connection, authorization, permissions, principal):
                raise refusal
            return tokens.client_of(connection, authorization)

    def _refusal(
        self, connection: sqlite3.Connection, authorization: str, permissions: tuple[str, ...], principal: str
    ) -> GraphError | None:
        settings = self.settings
        if refusal := tokens.check(connection, authorization, settings, self.now()):
            return refusal
        client = tokens.client_of(connection, authorization)
        granted = {*settings.permissions, *principals.permissions(connection, client)}
        if not principals.is_owned(connection, principal, client):
            granted = {name for name in granted if not name.endswith(".OwnedBy")}
        if permissions and granted.isdisjoint(permissions):
            message = f"Insufficient privileges to complete the operation. It needs {permissions[0]}."
            return GraphError(403, Reason.FORBIDDEN, message)
        return None

    def arrive(self, principal: str, job: str, authorization: str, request: str, client_request: str) -> Call:
        """Write an arriving bulk call down, and decide on what can be decided without its body."""
        arrival = Arrival(self.now(), monotonic(), request, client_request)
        latency, fault = self.faults.latency(), self.faults.draw()
        with self.store.transaction() as connection:
            if self.faults.expires_tokens():
                tokens.expire(connection, arrival.wall)
            app: App | None = None
            refusal = self._refusal(connection, authorization, UPLOAD, principal)
            try:
                principals.find(connection, principal, arrival.wall)
                app = apps.find(connection, job, principal)
            except GraphError as error:
                refusal = refusal or error
            refusal = refusal or calls.limit(connection, self.settings, arrival.wall)
            call = calls.arrive(connection, app.id if app else None, arrival, admitted=refusal is None)
        return Call(call, job, refusal, fault, latency)

    def take(self, call: Call, body: bytes, content_type: str) -> None:
        """Take a bulk request: process it, or put it into the bucket.

        Raises:
            GraphError: what the request is answered with instead of 202; nothing of it was taken.
        """
        if call.refusal:
            raise call.refusal
        self._strike(call.fault)
        settings = self.settings
        users = read_users(body, content_type, settings, frozenset(self.faults.faults.refuse))
        with self.store.transaction() as connection:
            # Read again: since the call arrived, others may have filled the bucket or paused the job.
            self._upload(connection, apps.find(connection, call.job), users, settings)
            status = None if call.fault is Kind.CUT_AFTER else 202
            calls.finish(connection, call.id, status, operations=len(users), taken=True, fault=call.fault)

    def _strike(self, fault: Kind | None) -> None:
        """Answer as the ordered fault has it."""
        faults = self.faults.faults
        if fault is Kind.THROTTLE:
            raise calls.throttled("Too many requests.", round(faults.throttle.retry_after * clock.SECOND))
        if fault is Kind.FAIL:
            raise GraphError(faults.fail.status, Reason.FAILED, "The service is temporarily unavailable.")
        if fault is Kind.BUCKET_FULL:
            raise GraphError(500, Reason.BUCKET_FULL, BUCKET_FULL)

    def refuse(self, call: Call, status: int | None) -> None:
        """Write down how a call was answered that was not taken; None for a connection cut."""
        with self.store.transaction() as connection:
            calls.finish(connection, call.id, status, operations=0, taken=False, fault=call.fault)

    def _upload(
        self, connection: sqlite3.Connection, app: App, users: list[User], settings: Settings
    ) -> None:
        at = self.now()
        due = _due(app, len(users), settings, at)
        end = _cycle_end(due, settings)
        if app.runs and not app.queued and end <= at and not self._obstructed(connection, app, settings, at):
            self._process(connection, app, users, settings, at)
            return
        if settings.bucket_capacity and app.queued + len(users) > settings.bucket_capacity:
            raise GraphError(500, Reason.BUCKET_FULL, BUCKET_FULL)
        row = (app.id, end, len(users), orjson.dumps(users))
        connection.execute("INSERT INTO queue (app, due, operations, body) VALUES (?, ?, ?, ?)", row)
        connection.execute(
            "UPDATE app SET queued = queued + ?, last_due = ? WHERE id = ?", (len(users), due, app.id)
        )

    def work(self, requests: int) -> int:
        """Process what is due in the buckets of started jobs, at most so many requests; returns how many."""
        for done in range(requests):
            if not self._has_work() or not self._work_once():
                return done
        return requests

    def _has_work(self) -> bool:
        """Whether anything waits, found out without keeping writers off."""
        query = (
            "SELECT 1 FROM app WHERE state = 'Active' AND"
            " CASE WHEN quarantine IS NULL THEN queued ELSE quarantine ->> 'next' <= ? END LIMIT 1"
        )
        return self.store.connection.execute(query, (self.now(),)).fetchone() is not None

    def _work_once(self) -> bool:
        """Process one request of a bucket, if one is due."""
        at, settings = self.now(), self.settings
        with self.store.transaction() as connection:
            self._retry(connection, settings, at)
            row = connection.execute(
                "SELECT queue.id, job, operations, body FROM queue JOIN app ON app.id = queue.app"
                " WHERE state = 'Active' AND quarantine IS NULL AND due <= ? ORDER BY queue.id LIMIT 1",
                (at,),
            ).fetchone()
            if row is None:
                return False
            request, job, operations, body = row
            app = apps.find(connection, job)
            if self._obstructed(connection, app, settings, at):
                return True
            connection.execute("DELETE FROM queue WHERE id = ?", (request,))
            connection.execute("UPDATE app SET queued = queued - ? WHERE id = ?", (operations, app.id))
            self._process(connection, app, orjson.loads(body), settings, at)
        return True

    def _retry(self, connection: sqlite3.Connection, settings: Settings, at: int) -> None:
        """Try the jobs in quarantine again whose time has come."""
        for app in apps.listing(connection):
            if app.state == "Active" and app.quarantined:
                lifecycle.retry(connection, app, apps.job_settings_of(connection, app), settings, at)

    def _obstructed(self, connection: sqlite3.Connection, app: App, settings: Settings, at: int) -> bool:
        """Whether the job cannot write to its directory at all; it goes into quarantine then."""
        trouble = lifecycle.obstacle(app, apps.job_settings_of(connection, app), settings)
        if trouble:
            lifecycle.quarantine(connection, app, trouble, at)
        return trouble is not None

    def _process(
        self, connection: sqlite3.Connection, app: App, users: list[User], settings: Settings, at: int
    ) -> None:
        """Provision the users of one request, and write the log."""
        same_cycle = settings.cycle_seconds and at <= app.cycle_ends
        cycle, ends = (
            (app.cycle, app.cycle_ends) if same_cycle else (str(uuid4()), _cycle_end(at + 1, settings))
        )
        work = processing.process(connection, app, users, settings, at)
        logs.write(connection, app.id, cycle, work, settings, at)
        apps.record(connection, app, work, cycle, ends, at)

    def read_log(self, parameters: Mapping[str, str]) -> tuple[list[sqlite3.Row], str | None]:
        """One page of the provisioning log, and the ``$skiptoken`` of the next.

        Raises:
            GraphError: 400 or 429.
        """
        settings = self.settings
        self._limit_log_reads(settings)
        query = logs.parse(parameters, settings)
        rows, after = logs.read(self.store.connection, query, settings, self.now())
        return rows, logs.token_of(after) if after else None

    def _limit_log_reads(self, settings: Settings) -> None:
        present, reads = monotonic(), self._log_reads
        while reads and reads[0] <= present - settings.log_seconds:
            reads.popleft()
        if settings.log_calls and len(reads) >= settings.log_calls:
            wait = reads[-settings.log_calls] + settings.log_seconds - present
            raise calls.throttled(
                "Too many requests: the limit of reports is passed.", round(wait * clock.SECOND)
            )
        reads.append(present)


def _store_settings(connection: sqlite3.Connection, settings: Settings) -> None:
    connection.execute("INSERT OR REPLACE INTO meta VALUES ('settings', ?)", (settings.model_dump_json(),))


def _explain(error: ValidationError) -> str:
    """What is wrong with each key, without the values."""
    return "; ".join(f"{'.'.join(map(str, item['loc'])) or 'body'}: {item['msg']}" for item in error.errors())


def _due(app: App, operations: int, settings: Settings, at: int) -> int:
    """When a request that arrives now will have been processed, if nothing waited for the end of a cycle."""
    due = at + round(settings.processing_delay * clock.SECOND)
    if settings.processing_rate:
        due = max(due, app.last_due) + round(operations / settings.processing_rate * clock.SECOND)
    return due


def _cycle_end(at: int, settings: Settings) -> int:
    """The end of the cycle that a time is in."""
    length = round(settings.cycle_seconds * clock.SECOND)
    return -(-at // length) * length if length else at
