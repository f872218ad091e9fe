"""A provisioning app to deliver to: where it is, and how to sign in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from scimport.apps.auth import Authenticator
from scimport.apps.hosts import Endpoint

if TYPE_CHECKING:
    from scimport.apps.client import Client


@dataclass(frozen=True, slots=True)
class App:
    """What delivery needs to know of an app.

    Attributes:
        endpoint: The checked bulkUpload URL.
        authenticator: Gives the token.
        pipeline: Name of the pipeline, for what is said to people.
        bucket_full_wait: Seconds to wait when the app's queue is full; Microsoft says five to ten minutes.
        gzip: Whether requests are compressed.
    """

    endpoint: Endpoint
    authenticator: Authenticator
    pipeline: str = "NAME"
    bucket_full_wait: float = 300.0
    gzip: bool = False

    def clients(self, count: int) -> list[Client]:
        """Make a client for each of several threads; they share the loaded authorities.

        Raises:
            DeliveryError: The environment names authorities or a proxy that cannot be used.
        """
        # Imported here: who only checks the files needs no HTTP.
        from scimport.apps import client  # noqa: PLC0415

        return client.connect(self.endpoint, count, compress=self.gzip)
