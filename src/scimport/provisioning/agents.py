"""The provisioning agents of Active Directory, which run on Windows servers and are installed there.

``https://learn.microsoft.com/graph/api/onpremisesagent-list`` (beta)
"""

from __future__ import annotations

from dataclasses import dataclass

from scimport.apps.graph import Graph

_PROFILE = "/onPremisesPublishingProfiles/provisioning"


@dataclass(frozen=True, slots=True)
class Agent:
    """A provisioning agent.

    Attributes:
        machine: Name of its server.
        status: ``active`` or ``inactive``.
        address: Its address as Microsoft sees it.
    """

    machine: str
    status: str
    address: str

    @property
    def active(self) -> bool:
        """Whether it can be reached."""
        return self.status.lower() == "active"


@dataclass(frozen=True, slots=True)
class Agents:
    """The agents of a tenant, and the domains that they have registered."""

    agents: tuple[Agent, ...]
    domains: tuple[str, ...]

    @property
    def hint(self) -> str:
        """What to do when none is active; empty when one is."""
        if any(agent.active for agent in self.agents):
            return ""
        if self.agents:
            return (
                "On the server, start the service 'Microsoft Azure AD Connect Provisioning Agent', and let it"
                " reach *.msappproxy.net and *.servicebus.windows.net on port 443."
            )
        return (
            "On a domain-joined Windows Server 2016 or later, install the Microsoft Entra provisioning agent"
            " (Entra admin center, Entra Connect, Cloud sync, Agents, Download on-premises agent), sign in as"
            " Hybrid Identity Administrator, and add the domain."
        )


def agents(graph: Graph) -> Agents:
    """Read the agents and their domains.

    Raises:
        GraphRefusal: Graph does not say; for an application without a person, it may not be allowed at all.
        SignInError: No token, or a fresh one is refused.
    """
    found = graph.listing(f"{_PROFILE}/agents", version="beta")
    resources = graph.listing(f"{_PROFILE}/publishedResources", version="beta")
    return Agents(
        tuple(
            Agent(
                str(each.get("machineName", "")),
                str(each.get("status", "")).lower(),
                str(each.get("externalIp", "")),
            )
            for each in found
        ),
        tuple(str(each.get("resourceName", "")) for each in resources),
    )
