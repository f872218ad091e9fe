"""A faithful local stand-in for Microsoft Entra's inbound provisioning, with faults to order."""

from __future__ import annotations

from scimport.sandbox.server import Sandbox, find_running, run_sandbox, serve_forever

__all__ = ["Sandbox", "find_running", "run_sandbox", "serve_forever"]
