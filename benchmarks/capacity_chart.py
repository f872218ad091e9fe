"""Draws how long a full load takes under a tenant's limits: docs/images/capacity.svg."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from pathlib import Path

from scimport.capacity import calls_for, last_call
from scimport.state.outbox import Limits

CHART = Path(__file__).parents[1] / "docs" / "images" / "capacity.svg"

WIDTH, HEIGHT = 720, 400
LEFT, RIGHT, TOP, BOTTOM = 70, 690, 30, 340
PEOPLE = (1_000, 10_000, 100_000, 1_000_000, 10_000_000)
TIMES = {"1 s": 1, "1 min": 60, "1 h": 3600, "1 day": 86_400, "1 week": 604_800, "100 days": 8_640_000}
TIERS = {"2,000 calls a day (P1, P2)": (2000, "#c2410c"), "6,000 calls a day (Governance)": (6000, "#1d4ed8")}

STYLE = """
text{font:13px sans-serif;fill:#1f2937}
.grid{stroke:#9ca3af;stroke-opacity:.4}
.line{fill:none;stroke-width:2.5}
@media (prefers-color-scheme:dark){text{fill:#e5e7eb}}
"""


def scale(low: float, high: float, start: float, end: float) -> Callable[[float], float]:
    """A logarithmic axis: where a value between ``low`` and ``high`` is, in pixels."""
    return lambda value: start + (end - start) * math.log(value / low) / math.log(high / low)


def chart() -> str:
    """The chart as SVG; the same text for the same limits."""
    across = scale(PEOPLE[0], PEOPLE[-1], LEFT, RIGHT)
    up = scale(1, max(TIMES.values()), BOTTOM, TOP)
    label = "Time of a full load by population: a day's calls decide from 100,000 or 300,000 people on"
    size = f'viewBox="0 0 {WIDTH} {HEIGHT}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" aria-label="{label}">'
    parts = [head, f"<style>{STYLE}</style>", *axes(across, up), *curves(across, up), "</svg>"]
    return "\n".join(parts) + "\n"


def axes(across: Callable[[float], float], up: Callable[[float], float]) -> Iterator[str]:
    """Grid lines with what they stand for."""
    for people in PEOPLE:
        x = across(people)
        yield f'<path class="grid" d="M{x:.1f} {TOP}V{BOTTOM}"/>'
        yield f'<text x="{x:.1f}" y="{BOTTOM + 20}" text-anchor="middle">{people:,}</text>'
    for words, seconds in TIMES.items():
        y = up(seconds)
        yield f'<path class="grid" d="M{LEFT} {y:.1f}H{RIGHT}"/>'
        yield f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{words}</text>'
    yield f'<text x="{(LEFT + RIGHT) / 2}" y="{BOTTOM + 42}" text-anchor="middle">people sent</text>'


def curves(across: Callable[[float], float], up: Callable[[float], float]) -> Iterator[str]:
    """One line a tier, and its name."""
    for n, (name, (daily_calls, colour)) in enumerate(TIERS.items()):
        limits = Limits("chart", daily_calls=daily_calls)
        points = []
        for step in range(101):
            people = PEOPLE[0] * (PEOPLE[-1] / PEOPLE[0]) ** (step / 100)
            seconds = last_call([], calls_for(round(people)), limits)
            points.append(f"{across(people):.1f},{up(max(seconds, 1)):.1f}")
        yield f'<polyline class="line" stroke="{colour}" points="{" ".join(points)}"/>'
        y = TOP + 22 + 20 * n
        yield f'<path class="line" stroke="{colour}" d="M{LEFT + 14} {y - 4}h24"/>'
        yield f'<text x="{LEFT + 46}" y="{y}">{name}</text>'


if __name__ == "__main__":
    CHART.write_text(chart(), encoding="utf-8")
