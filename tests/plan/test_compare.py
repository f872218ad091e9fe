from __future__ import annotations

import orjson

from scimport.model import ChangeKind
from scimport.plan.compare import deactivated, kind_of
from scimport.state.people import Known


def test_kinds() -> None:
    here, gone = Known(0, 1, True, b"", b""), Known(0, 1, False, b"", b"")
    assert kind_of(None, active=True) is ChangeKind.JOINER
    assert kind_of(None, active=False) is ChangeKind.JOINER
    assert kind_of(here, active=True) is ChangeKind.MOVER
    assert kind_of(here, active=False) is ChangeKind.LEAVER
    assert kind_of(gone, active=True) is ChangeKind.MOVER
    assert kind_of(gone, active=False) is ChangeKind.MOVER


def test_a_deactivation_is_the_full_record_with_active_false() -> None:
    user = {"schemas": ["a"], "externalId": "1", "active": True, "name": {"givenName": "Zoë"}}
    assert orjson.loads(deactivated(orjson.dumps(user))) == user | {"active": False}
