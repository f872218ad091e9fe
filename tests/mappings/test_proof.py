from __future__ import annotations

import copy
import datetime as dt
import json
import os
import random
from collections.abc import Sequence
from decimal import Decimal
from enum import IntEnum
from typing import Any

import jsonschema_rs
import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from markupsafe import Markup
from tests.mappings.conftest import Compile
from tests.mappings.test_validation import ODD_TEXTS

from scimport.mappings import Mapping
from scimport.mappings.proof import EACH, EVERYTHING, Places, open_places
from scimport.mappings.scim import (
    REQUIRED,
    Attribute,
    UserSchema,
    json_schema,
    load_user_schema,
    path_text,
)
from scimport.mappings.shape import Place
from scimport.mappings.validation import UserValidator

EXAMPLES = int(os.environ.get("SCIMPORT_EXAMPLES", "60"))
"""How many: ten thousand were run by hand."""

ACME = "urn:ietf:params:scim:schemas:extension:acme:1.0:User"
OTHER = "urn:ietf:params:scim:schemas:extension:other:1.0:User"
KINDS: list[dict[str, Any]] = [
    {"name": "text", "type": "string"},
    {"name": "flag", "type": "boolean"},
    {"name": "day", "type": "dateTime"},
    {"name": "grade", "type": "integer"},
    {"name": "share", "type": "decimal"},
    {"name": "photo", "type": "binary"},
    {"name": "page", "type": "reference", "referenceTypes": ["external"]},
    {"name": "link", "type": "reference", "referenceTypes": ["User"]},
]
MANY = [{**kind, "name": f"{kind['name']}s", "multiValued": True} for kind in KINDS]
PRIMARY = {"name": "primary", "type": "boolean"}
EXTENSION = {
    "id": ACME,
    "attributes": [
        *KINDS,
        *MANY,
        {"name": "desk", "type": "complex", "subAttributes": [*KINDS, *MANY]},
        {
            "name": "badge",
            "type": "complex",
            "subAttributes": [{"name": "number", "required": True}, *KINDS],
        },
        {
            "name": "cars",
            "type": "complex",
            "multiValued": True,
            "subAttributes": [{"name": "plate", "required": True}, PRIMARY, *KINDS],
        },
    ],
}
FILES = {"acme.json": EXTENSION, "other.json": {"id": OTHER, "attributes": [{"name": "note"}]}}
SCHEMA = load_user_schema(FILES.items())


class Size(IntEnum):
    S = 1


HUGE = "x" * 100_000
VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.sampled_from(
        [*ODD_TEXTS, "a@b.de", "2026-02-01", "\ud800", "a\udfff@b.de", "2026-01-01T00:00:00Z\udc00", HUGE]
    ),
    st.sampled_from([0, 1, -1, 2**63, 2**63 - 1, -(2**63), 2**80, 0.5, 1.0, 1e300, float("nan"), Size.S]),
    st.sampled_from([Decimal("0.5"), Decimal(7), Decimal("NaN"), Decimal(2) ** 70, b"", b"x", Markup("<b>")]),
    st.dates(),
    st.datetimes(timezones=st.sampled_from([None, dt.UTC, dt.timezone(dt.timedelta(seconds=1))])),
    st.text(st.characters(), max_size=8),
    st.lists(st.sampled_from(["", "a", None, "a@b.de", "\ud800", 1, True, 2**70, Markup("y")]), max_size=3),
)
CONSTANTS = {
    "boolean": (True, False),
    "integer": (7,),
    "decimal": (0.5, 1),
    "dateTime": ("2026-01-01T00:00:00Z", "2026-01-01T00:00:00+00:00:30"),
    "binary": ("AA==", "AA=\n"),
    "reference": ("https://a.de/b", "b c"),
    "string": ("work", "a@b.de", "ä"),
}


class Trees:
    """Mappings of any attributes that a schema has."""

    def __init__(self, schema: UserSchema, seed: int) -> None:
        self._schema, self._draw = schema, random.Random(seed)
        self.clear: list[str] = []
        self._columns = 0
        self._constants = self._draw.random() < 0.8

    def user(self) -> dict[str, Any]:
        density = self._draw.choice([0.05, 0.1, 0.3])
        user = {
            attribute.name: self._value(attribute, (attribute.name,))
            for attribute in self._schema.attributes
            if attribute.name in REQUIRED
            or self._draw.random() < (0.7 if attribute.name == ACME else density)
            if not attribute.read_only and attribute.name != "schemas"
        }
        return {name: value for name, value in user.items() if value is not None}

    def _value(self, attribute: Attribute, path: tuple[str, ...]) -> Any:
        if not attribute.multi_valued:
            value = self._single(attribute, path)
            can_be_cleared = (
                "[]" not in path and attribute.name not in REQUIRED and not attribute.is_extension
            )
            if value is not None and can_be_cleared and self._draw.random() < 0.1:
                self.clear.append(path_text(path))
            return value
        if not attribute.is_complex and self._draw.random() < 0.7:
            return self._expression()
        entries = [self._single(attribute, (*path, "[]")) for _ in range(self._draw.choice([1, 1, 2, 3]))]
        return [entry for entry in entries if entry is not None] or None

    def _single(self, attribute: Attribute, path: tuple[str, ...]) -> Any:
        if attribute.is_complex:
            some = {
                sub.name: self._value(sub, (*path, sub.name))
                for sub in attribute.sub_attributes
                if not sub.read_only and (sub.required or self._draw.random() < 0.4)
            }
            return {name: value for name, value in some.items() if value is not None} or None
        if self._constants and self._draw.random() < 0.3 and attribute.name not in REQUIRED:
            return self._draw.choice(CONSTANTS[attribute.type])
        if attribute.type in ("string", "reference", "dateTime", "binary") and self._draw.random() < 0.3:
            return self._draw.choice(["a{} {}", "{}{}", "{} {}", "{}@b.de"]).format(
                self._expression(), self._expression()
            )
        return self._expression()

    def _expression(self) -> str:
        # Sometimes the column of before, so that values occur twice.
        self._columns += self._draw.random() < 0.9 or not self._columns
        return f"{{{{ c{self._columns} }}}}"


def any_mapping(make: Compile, seed: int) -> Mapping:
    trees = Trees(SCHEMA, seed)
    user = trees.user()
    return make(json.dumps({"schemas": [*FILES], "user": user, "clear": trees.clear}), schemas=FILES)


def is_encodable(user: dict[str, Any]) -> bool:
    try:
        orjson.dumps(user)
    except TypeError:
        return False
    return True


FITTING: dict[str, tuple[object, ...]] = {
    "boolean": (True, False, None, 1),
    "integer": (7, 0, None, Size.S, 2**63 - 1, Decimal(3)),
    "decimal": (7, 0.5, None, Decimal("0.25"), 1e300),
    "dateTime": ("2026-02-01", "2026-01-01T00:00:00Z", None, dt.date(2026, 2, 1), "", "x"),
    "binary": ("AA==", b"x", "", "A A"),
    "reference": ("https://a.de/b", "https://a.de/", "", None, "a b"),
    "string": ("a", "b@c.de", "", None, 7, Markup("<b>"), "\ud800"),
}


def fitting(place: Place, odd: float, draw: random.Random) -> object:
    """A value that the attribute takes; the first ones are valid, and come most often unless ``odd``."""
    some = FITTING[place.attribute.type]
    values = [draw.choice(some[: 2 if draw.random() > odd else None]) for _ in range(3)]
    return values if place.many else "b@c.de" if place.path[0] == "emails" and values[0] == "a" else values[0]


def verdicts(mapping: Mapping, cells: Sequence[object], seed: int) -> list[bool]:
    """What the whole schema says of the users of some rows, once the short check has said the same."""
    validator = UserValidator(SCHEMA, nullable=mapping.clear)
    is_valid, draw = validator.of(mapping), random.Random(seed)
    fields = {column: one.place for one in mapping.fields for column in one.expression.columns}
    share, odd = draw.choice([0.0, 0.02, 0.2]), draw.choice([0.05, 0.3, 0.9])
    rows = [
        [
            draw.choice(cells) if draw.random() < share else fitting(fields[name], odd, draw)
            for name in mapping.columns
        ]
        for _ in range(15)
    ]
    found = []
    for user in mapping.users(rows):
        if not isinstance(user, dict):
            continue
        if is_encodable(user):
            found.append(validator.is_valid(user))
            assert is_valid(user) is found[-1], user
            assert bool(validator.explain(user)) is not found[-1]
        else:
            assert validator.explain(user)
    return found


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(seed=st.integers(0, 2**32), cells=st.lists(VALUES, min_size=10, max_size=30))
def test_what_is_left_to_check_says_what_the_whole_schema_says(
    make: Compile, seed: int, cells: list[object]
) -> None:
    verdicts(any_mapping(make, seed), cells, seed)


def test_the_property_sees_valid_users_and_invalid_ones_and_mappings_that_prove_something(
    make: Compile,
) -> None:
    mappings = [any_mapping(make, seed) for seed in range(20)]
    found = [
        verdict for seed, one in enumerate(mappings) for verdict in verdicts(one, ["x", "é@b", 2.5], seed)
    ]
    assert min(found.count(True), found.count(False)) > 15
    assert sum(EVERYTHING not in places(one) for one in mappings) > 5


def holds(schema: Any, value: object) -> bool:
    return jsonschema_rs.Draft202012Validator(schema, validate_formats=True).is_valid(value)


def places(mapping: Mapping, schema: dict[str, Any] | None = None) -> Places:
    whole = schema or json_schema(SCHEMA, nullable=mapping.clear)
    return open_places(mapping.shape, mapping.fields, whole, holds)


PEOPLE = """
user:
  externalId: "{{ Id }}"
  userName: "{{ Login }}"
  active: "{{ On }}"
  title: "{{ Job }}"
"""


def test_plain_texts_and_booleans_are_proven(make: Compile) -> None:
    assert places(make(PEOPLE + '  name: {givenName: "{{ First }} {{ Middle }}", familyName: Lee}')) == {}
    assert places(make(PEOPLE + '  phoneNumbers: [{type: work, value: "{{ Tel }}"}]')) == {}
    assert places(make(PEOPLE + "clear: [title]")) == {}
    assert (
        places(
            make(PEOPLE + f"  {ACME}: {{texts: '{{{{ Many }}}}', flags: ['{{{{ One }}}}']}}", schemas=FILES)
        )
        == {}
    )


def test_formats_patterns_and_numbers_are_left(make: Compile) -> None:
    mapping = make(
        PEOPLE
        + '  profileUrl: "{{ Url }}"\n  emails: [{value: "{{ Mail }}"}, {value: "b@c.de", type: home}]\n'
        f"  {ACME}: {{day: '{{{{ Day }}}}', photo: '{{{{ Photo }}}}', grade: '{{{{ N }}}}', "
        "days: '{{ D }}'}",
        schemas=FILES,
    )
    assert [*places(mapping)] == [
        ("profileUrl",),
        ("emails", EACH, "value"),
        (ACME, "day"),
        (ACME, "grade"),
        (ACME, "photo"),
        (ACME, "days"),
    ]


def test_rules_that_depend_on_what_is_there_are_left(make: Compile) -> None:
    twice = '  emails: [{value: a@b.de, primary: "{{ One }}"}, {value: c@d.de, primary: true}]'
    assert [*places(make(PEOPLE + twice))] == [("emails",)]
    once = '  emails: [{value: a@b.de, primary: "{{ One }}"}, {value: c@d.de, primary: false}]'
    assert places(make(PEOPLE + once)) == {}
    badge = f"  {ACME}: {{badge: {{number: '{{{{ N }}}}', text: x}}}}"
    assert [*places(make(PEOPLE + badge, schemas=FILES))] == [(ACME, "badge")]
    badge = f"  {ACME}: {{badge: {{number: 7a, text: '{{{{ N }}}}'}}}}"
    assert places(make(PEOPLE + badge, schemas=FILES)) == {}


def test_a_bad_constant_leaves_everything(make: Compile) -> None:
    assert [*places(make(PEOPLE + "  emails: [{value: nobody}]"))] == [EVERYTHING]


def test_marks_leave_everything(make: Compile) -> None:
    mapping = make(PEOPLE.replace("Login", "Login | unique"))
    validator = UserValidator(SCHEMA)
    assert validator.of(mapping) == validator.is_valid


@pytest.mark.parametrize(
    ("change", "left"),
    [
        (lambda schema: schema.update(minProperties=30), EVERYTHING),
        (lambda schema: schema["required"].append("nickName"), EVERYTHING),
        (lambda schema: schema["properties"].pop("title"), EVERYTHING),
        (lambda schema: schema["properties"]["schemas"].update(maxItems=1), EVERYTHING),
        (lambda schema: schema["properties"]["schemas"].update(type="string"), EVERYTHING),
        (
            lambda schema: schema["properties"]["schemas"]["allOf"].append({"contains": {"const": "x"}}),
            EVERYTHING,
        ),
        (lambda schema: schema["properties"]["schemas"]["allOf"].append({"minItems": 9}), EVERYTHING),
        (lambda schema: schema["dependentSchemas"].update({ACME: {"minProperties": 30}}), EVERYTHING),
        (lambda schema: schema["properties"]["title"].update(maxLength=3), ("title",)),
        (lambda schema: schema["properties"]["title"].update(minLength=2), ("title",)),
        (lambda schema: schema["properties"]["title"].update(type="integer"), ("title",)),
        (lambda schema: schema["properties"]["title"].update(enum=["x"]), ("title",)),
        (lambda schema: schema["properties"]["emails"].update(minItems=3), ("emails",)),
        (lambda schema: schema["properties"]["emails"].update(type="object"), ("emails",)),
        (lambda schema: schema["properties"]["emails"]["items"].update(minProperties=3), ("emails", EACH)),
        (lambda schema: schema["properties"][ACME].update(anyOf=[]), (ACME,)),
    ],
)
def test_what_is_not_known_here_proves_nothing(make: Compile, change: Any, left: Any) -> None:
    text = PEOPLE + f"  emails: [{{type: '{{{{ Kind }}}}'}}]\n  {ACME}: {{text: '{{{{ Text }}}}'}}"
    mapping, schema = make(text, schemas=FILES), copy.deepcopy(json_schema(SCHEMA))
    assert places(mapping, schema) == {}
    change(schema)
    assert [*places(mapping, schema)] == [left]
