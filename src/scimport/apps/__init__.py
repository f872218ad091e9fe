"""Load: bulk requests, sign-in, delivery, and what the endpoint's answers mean."""

from scimport.apps.app import App
from scimport.apps.auth import Authenticator, authenticator
from scimport.apps.delivery import Options, deliver
from scimport.apps.hosts import Endpoint, check_endpoint, tenant_of

__all__ = [
    "App",
    "Authenticator",
    "Endpoint",
    "Options",
    "authenticator",
    "check_endpoint",
    "deliver",
    "tenant_of",
]
