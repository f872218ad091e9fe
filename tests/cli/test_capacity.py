from __future__ import annotations

import pytest
from tests.cli.conftest import Command


@pytest.mark.usefixtures("sample")
def test_what_loads_take(scimport: Command) -> None:
    before = scimport("capacity", "contractors", "--json").json
    assert (before["used"], before["everybody"]["people"], before["usual"]) == (0, 0, None)
    for _ in range(2):
        scimport("run", "contractors", "--full", "--no-prefect")
    found = scimport("capacity", "contractors", "--json").json
    load = {"people": 120, "calls": 3, "seconds": 0.0, "fits_in": 0.0}
    assert (found["used"], found["everybody"], found["usual"]) == (6, load, load)
    assert found["habit"] == {"runs": 2, "people": 120, "calls": 6, "everybody_calls": 6}
    scimport("run", "contractors", "--no-prefect")
    text = scimport("capacity", "contractors", "--people", "99901").out
    assert "Sending only changes took 6 calls; sending everybody would have taken 9 (33 % saved)." in text
    assert "UTC" in text  # 1,999 calls do not fit beside the six of today
    assert scimport("capacity", "contractors", "--people", "99700").out.count("now") == 2
    assert "never: it takes 1.1 days' calls" in scimport("capacity", "contractors", "--people", "105000").out
