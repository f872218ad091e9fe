from __future__ import annotations

import pytest

from scimport.apps.job import job_of
from scimport.mappings.compiler import MappedLeaf
from scimport.provisioning.checks import drift, sent_attributes
from scimport.provisioning.schema import Row, attributes_in, simple_source
from scimport.provisioning.secrets import merged, read_settings
from scimport.provisioning.status import explained
from scimport.provisioning.wanted import Settings

ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"


@pytest.mark.parametrize(
    ("expression", "names"),
    [
        ('[emails[type eq "work"].value]', ('emails[type eq "work"].value',)),
        ('Join("[x]", [a], [b], [a])', ("a", "b")),
        (r'Replace([a], , "(\"[c])", , "", , )', ("a",)),
        ('"[a]"', ()),
    ],
)
def test_attributes_are_what_is_in_brackets_outside_of_texts(expression: str, names: tuple[str, ...]) -> None:
    assert attributes_in(expression) == names


@pytest.mark.parametrize(
    ("expression", "kind", "name"),
    [
        ("[a]", "Attribute", "a"),
        (r'"say \"x\""', "Constant", 'say "x"'),
        ("Not([active])", "Function", "Not"),
        ('Join("", [a], [b])', "Function", "Join"),
    ],
)
def test_the_source_of_an_expression(expression: str, kind: str, name: str) -> None:
    source = simple_source(expression)
    assert (source["type"], source["name"], source["expression"]) == (kind, name, expression)


def _leaf(path: str, value: object = None) -> MappedLeaf:
    return MappedLeaf(path, "", (), "m.yml", 1, is_constant=value is not None, value=value)


def test_what_is_sent_by_the_names_of_entra() -> None:
    leaves = [
        _leaf("externalId"),
        _leaf("emails[0].type", "home"),
        _leaf("emails[0].primary", True),
        _leaf("emails[0].value"),
        _leaf("enterprise.manager.value"),
        _leaf("urn:x:acme:1.0:User:Code"),
    ]
    sent = sent_attributes(leaves)
    assert sent == (
        "externalId",
        'emails[type eq "home"].value',
        f"{ENTERPRISE}:manager",
        "urn:x:acme:1.0:User:Code",
    )
    rows = {"id": Row("id", "[ExternalID]", match=1), "mail": Row("mail", '[emails[type eq "work"].value]')}
    not_taken, not_sent = drift(sent, rows)
    assert not_taken == list(sent[1:])
    assert not_sent == [(rows["mail"], 'emails[type eq "work"].value')]


def test_secrets_keep_what_is_not_ours() -> None:
    wanted = Settings("a@b.example", None, "d.example", "OU=x", skip_out_of_scope_deletions=True)
    notification = {"key": "SyncNotificationSettings", "value": '{"HumanReadable": 1}'}
    pairs = merged([{"key": "SyncAll", "value": "false"}, notification], wanted)
    assert read_settings(pairs) == wanted
    assert {"key": "SyncAll", "value": "false"} in pairs
    assert "HumanReadable" in next(pair["value"] for pair in pairs if pair["key"] == notification["key"])
    assert merged(pairs, wanted) == pairs
    assert read_settings([{"key": "Domain", "value": "plain.example"}]).domain == "plain.example"


@pytest.mark.parametrize(
    ("reason", "words", "way"),
    [
        ("TooManyDeletes", "", "ForceDeletes"),
        ("EncounteredTotalEscrowThreshold", "", "scimport confirm people"),
        ("EncounteredQuarantineException", "No active provisioning agent", "scimport app agents people"),
        ("EncounteredQuarantineException", "credentials", "scimport app start people"),
        ("QuarantineOnDemand", "", "ask who"),
        ("SomethingNew", "", "scimport app start people"),
    ],
)
def test_the_way_out_of_a_quarantine(reason: str, words: str, way: str) -> None:
    quarantine = {"reason": reason, "error": {"code": "X", "message": words}}
    state = job_of(
        {"schedule": {"state": "Active"}, "status": {"code": "Quarantine", "quarantine": quarantine}}
    )
    assert not state.runs
    assert way in explained(state, "people")[1]


def test_a_job_that_says_little() -> None:
    state = job_of({})
    assert (state.runs, state.last, state.people, state.steady) == (False, None, (), "")
