"""What delivering a plan costs: calls, their share of the day, and the shortest time that the pace allows."""

from __future__ import annotations

from dataclasses import dataclass

from scimport.apps.outbox import MAX_OPERATIONS
from scimport.state.outbox import Limits


@dataclass(frozen=True, slots=True)
class Cost:
    """The cost of a plan, when every call is accepted at once.

    Attributes:
        calls: Requests, of 50 people each.
        used_calls: Calls of the last 24 hours, of all pipelines that go to the same tenant.
        daily_calls: Calls that the tenant has in 24 hours; 0 for any number.
        least_seconds: Seconds that the pace lets pass before the last call.
    """

    calls: int
    used_calls: int
    daily_calls: int
    least_seconds: float

    @property
    def percent(self) -> float:
        """The share of the day's calls, in percent."""
        return 100 * self.calls / self.daily_calls if self.daily_calls else 0.0

    @property
    def missing(self) -> int:
        """Calls that are not left in these 24 hours."""
        return max(self.used_calls + self.calls - self.daily_calls, 0) if self.daily_calls else 0


def cost(people: int, used_calls: int, limits: Limits) -> Cost:
    """What sending so many people costs.

    Args:
        people: People to send.
        used_calls: Calls of the last 24 hours.
        limits: The endpoint's limits: ``burst`` calls in any ``window`` seconds.
    """
    calls = -(-people // MAX_OPERATIONS)
    windows = max(-(-calls // limits.burst) - 1, 0) if limits.burst else 0
    return Cost(calls, used_calls, limits.daily_calls, windows * limits.window)
