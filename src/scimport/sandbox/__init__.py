"""A faithful local stand-in for Microsoft Entra's inbound provisioning, with faults to order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from scimport.sandbox.server import Sandbox, find_running, run_sandbox, serve_forever

__all__ = ["Sandbox", "find_running", "run_sandbox", "serve_forever"]


def __getattr__(name: str) -> Any:
    # A preview evaluates the app's attribute mapping, and serves nothing.
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from scimport.sandbox import server  # noqa: PLC0415

    return getattr(server, name)
