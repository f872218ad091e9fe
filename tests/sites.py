"""A project whose pipelines deliver to a sandbox."""

from __future__ import annotations

import csv
import ssl
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import httpx

from scimport.model import RunSummary
from scimport.plan import Selection
from scimport.project import Project
from scimport.stages import PipelineRun, Progress

NO_AUTHORITIES = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""What spares a client the loading of authorities, which takes longer than most requests to a sandbox."""

HTTP = httpx.Client(verify=NO_AUTHORITIES, trust_env=False, timeout=30)

SOURCE = "{{kind: csv, path: {name}.csv, key: id}}\n"
MAPPING = """
user:
  externalId: "{{ id }}"
  userName: "{{ id }}@acme.example"
  displayName: "{{ name }}"
  active: '{{ status == "A" }}'
"""
PIPELINE = """
source: {name}
mapping: people
leavers: deactivate
app:
  target: entra-id
  endpoint: {endpoint}
  auth: {auth}
  trusted_hosts: [127.0.0.1]
  bucket_full_wait: 0.2s
"""


class Site:
    """A project whose pipelines deliver to a sandbox of the test's own."""

    def __init__(self, root: Path, base_url: str) -> None:
        self.root, self.base_url = root, base_url
        for folder in ("pipelines", "sources", "mappings"):
            (root / folder).mkdir()
        (root / "mappings" / "people.yml").write_text(MAPPING)
        self.project = Project(root)
        self.apps: dict[str, dict[str, Any]] = {}

    def pipeline(self, name: str, *, auth: str = "none") -> None:
        app = HTTP.post(f"{self.base_url}/sandbox/apps", json={"name": name, "target": "entra-id"}).json()
        self.apps[name] = app
        (self.root / "sources" / f"{name}.yml").write_text(SOURCE.format(name=name))
        text = PIPELINE.format(name=name, endpoint=app["endpoint"], auth=auth)
        (self.root / "pipelines" / f"{name}.yml").write_text(text)

    def people(self, name: str, people: Sequence[tuple[object, ...]]) -> None:
        with (self.root / f"{name}.csv").open("w", newline="") as file:
            csv.writer(file).writerows([("id", "name", "status"), *people])

    def run(
        self,
        name: str,
        *,
        stop: threading.Event | None = None,
        on_progress: Callable[[Progress], None] = lambda _: None,
        **selection: Any,
    ) -> RunSummary:
        wanted = Selection(**selection)
        with PipelineRun(self.project, name, wanted, on_progress=on_progress, stop=stop) as run:
            run.finish_interrupted()
            while run.extract(100):
                pass
            run.plan()
            run.deliver()
        return run.summary

    def directory(self, name: str) -> dict[str, tuple[str, bool]]:
        """Display name and accountEnabled by externalId: what the sandbox's directory has."""
        found: dict[str, tuple[str, bool]] = {}
        after = ""
        url = f"{self.base_url}/sandbox/apps/{self.apps[name]['jobId']}/users"
        while page := HTTP.get(url, params={"top": 500, "after": after}).json()["value"]:
            found |= {
                one["externalId"]: (one["attributes"]["displayName"], one["attributes"]["accountEnabled"])
                for one in page
            }
            after = page[-1]["externalId"]
        return found

    def calls(self, path: str = "calls") -> list[dict[str, Any]]:
        calls: list[dict[str, Any]] = HTTP.get(f"{self.base_url}/sandbox/{path}").json()["value"]
        return calls

    def faults(self, **ordered: Any) -> None:
        HTTP.post(f"{self.base_url}/sandbox/faults", json=ordered).raise_for_status()
