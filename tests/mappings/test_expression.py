from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import nodes

from scimport.codes import Code
from scimport.mappings.expression import Expression, parse, parse_condition
from scimport.mappings.resolver import Issue
from scimport.mappings.scope import Scope
from scimport.mappings.template import MappingEnvironment

ENVIRONMENT = MappingEnvironment()
COLUMNS = ("First", "Last", "Cost Center", "loop", "class", "Straße", "row", "true")
VARS = {
    "domain": "acme.example",
    "table": {"DE": "Germany", "deep": {"x": 1}},
    "list": ["a", "b"],
    "none": None,
}
NOW = datetime(2026, 3, 4, 23, 5, 6, tzinfo=UTC)


def scope(columns: Any = COLUMNS) -> Scope:
    return Scope(columns, VARS, NOW)


def parsed(source: str, columns: Any = COLUMNS) -> Expression:
    expression, issues = parse(ENVIRONMENT, scope(columns), source)
    assert issues == []
    return expression


def issues_of(source: str, columns: Any = COLUMNS) -> list[Issue]:
    return parse(ENVIRONMENT, scope(columns), source)[1]


@pytest.mark.parametrize(
    "source", ["{{ First }}", " {{ First }} ", "{{- First -}}", "{{ First }}{# c #}", "{{ First }}\n"]
)
def test_one_expression_alone_keeps_its_value(source: str) -> None:
    expression = parsed(source)
    assert expression.literals is None
    assert len(expression.parts) == 1
    assert expression.columns == {"First"}


def test_text_around_makes_a_text() -> None:
    expression = parsed("Dr. {{ First }} {{ Last }}!")
    assert expression.literals == ("Dr. ", " ", "!")
    assert len(expression.parts) == 2


def test_a_tilde_at_the_top_is_a_text() -> None:
    assert parsed("{{ First ~ ' ' ~ Last }}").literals == ("", " ", "")
    assert parsed("{{ First ~ (Last ~ '!') }}").literals == ("", "", "!")


@pytest.mark.parametrize(
    ("source", "constant"),
    [
        ("{# nothing #}", ""),
        ("{% raw %}{{ x }}{% endraw %}", "{{ x }}"),
        ("{{ vars.domain }}", "acme.example"),
        ("x@{{ vars.domain }}", "x@acme.example"),
        ("{{ 'a' ~ 1 }}", "a1"),
        ("{{ true }}", True),
        ("{{ vars.none }}", None),
        ("{{ vars.list[1] }}", "b"),
        ("{{ vars['table']['deep'].x }}", 1),
    ],
)
def test_what_no_row_changes_is_a_constant(source: str, constant: object) -> None:
    expression = parsed(source)
    assert expression.parts == ()
    assert expression.constant == constant


def test_constants_go_into_the_text_around_them() -> None:
    assert parsed("{{ First }}@{{ vars.domain }}").literals == ("", "@acme.example")


@pytest.mark.parametrize(
    ("source", "column"),
    [
        ('{{ row["Cost Center"] }}', "Cost Center"),
        ("{{ row['loop'] }}", "loop"),
        ("{{ row['true'] }}", "true"),
        ("{{ row['row'] }}", "row"),
        ("{{ row.First }}", "First"),
        ("{{ loop }}", "loop"),
        ("{{ class }}", "class"),
        ("{{ Straße }}", "Straße"),
    ],
)
def test_columns_of_any_name(source: str, column: str) -> None:
    assert parsed(source).columns == {column}


def test_any_name_is_a_column_when_columns_are_not_known() -> None:
    assert parsed("{{ Anything }}{{ row['And This'] }}", None).columns == {"Anything", "And This"}


def test_a_column_has_one_alias_however_it_is_written() -> None:
    used = scope()
    parse(ENVIRONMENT, used, "{{ First }}{{ row['First'] }}{{ row.First }}{{ Last }}")
    assert used.aliases == {"First": "c0", "Last": "c1"}
    assert used.columns == ("First", "Last")


def test_what_is_used_is_known() -> None:
    used = scope()
    parse(
        ENVIRONMENT,
        used,
        "{{ today.year }}{{ now.hour }}{{ vars.table[First] }}{{ vars.domain }}{{ vars.table }}",
    )
    assert used.used == {
        ("today",): NOW.date(),
        ("now",): NOW,
        ("vars", "table"): VARS["table"],
        ("vars", "domain"): "acme.example",
    }
    assert list(used.constants.values()) == [NOW.date(), NOW, VARS["table"]]


def test_vars_as_a_whole_may_be_searched() -> None:
    used = scope()
    assert parse(ENVIRONMENT, used, "{{ vars[First] }}")[1] == []
    assert used.used == {("vars",): VARS}


def test_an_if_without_else_is_blank() -> None:
    (part,) = parsed("{{ First if Last }}").parts
    assert isinstance(part, nodes.CondExpr)
    assert part.expr2 == nodes.Const(None)


PROBLEMS = [
    ("{{ Firts }}", Code.UNKNOWN_COLUMN, "the source has no column Firts", "Did you mean 'First'?"),
    ("{{ row['Cost Centre'] }}", Code.UNKNOWN_COLUMN, "no column Cost Centre", "Did you mean 'Cost Center'?"),
    ("{{ row.Frist }}", Code.UNKNOWN_COLUMN, "no column Frist", "Did you mean 'First'?"),
    ("{{ todya }}", Code.UNKNOWN_COLUMN, "no column todya", "Did you mean 'today'?"),
    ("{{ self }}", Code.UNKNOWN_COLUMN, "no column self", ""),
    ("{{ row[First] }}", Code.UNKNOWN_NAME, "row takes the name of a column in quotes", "inline if"),
    ("{{ row[0] }}", Code.UNKNOWN_NAME, "row takes the name of a column in quotes", ""),
    ("{{ row }}", Code.UNKNOWN_NAME, "row is not a value", 'row["Name of the column"]'),
    ("{{ vars.domian }}", Code.UNKNOWN_NAME, "there is no vars.domian", "Did you mean 'domain'?"),
    ("{{ vars.table.Deep }}", Code.UNKNOWN_NAME, "there is no vars.table.Deep", "Did you mean 'deep'?"),
    ("{{ vars.table.deep.y.z }}", Code.UNKNOWN_NAME, "there is no vars.table.deep.y", ""),
    ("{{ vars.tabel.DE }}", Code.UNKNOWN_NAME, "there is no vars.tabel", "Did you mean 'table'?"),
    ("{{ vars.list[2] }}", Code.UNKNOWN_NAME, "there is no vars.list[2]", ""),
    ("{{ vars.get('x') }}", Code.UNKNOWN_NAME, "there is no vars.get", ""),
    ("{{ zip(3) }}", Code.UNKNOWN_NAME, "there is no function zip", "Use a filter"),
    (
        "{{ lower(First) }}",
        Code.UNKNOWN_NAME,
        "there is no function lower",
        "It is a filter: {{ Value | lower }}.",
    ),
    ("{{ uper(First) }}", Code.UNKNOWN_NAME, "there is no function uper", "Did you mean 'upper'?"),
    ("{{ First | uper }}", Code.UNKNOWN_FILTER, "there is no filter uper", "Did you mean 'upper'?"),
    ("{{ First | strip }}", Code.UNKNOWN_FILTER, "there is no filter strip", "Use trim."),
    ("{{ First | random }}", Code.UNKNOWN_FILTER, "there is no filter random", "It would give another user"),
    ("{{ First | __join__ }}", Code.UNKNOWN_FILTER, "there is no filter __join__", ""),
    (
        "{{ 1 if First is blnk else 2 }}",
        Code.UNKNOWN_FILTER,
        "there is no test blnk",
        "Did you mean 'blank'?",
    ),
    ("{{ First if Last | uper else 2 }}", Code.UNKNOWN_FILTER, "there is no filter uper", ""),
    ("{{ First | split | map('uper') }}", Code.UNKNOWN_FILTER, "there is no filter uper", "'upper'"),
    ("{{ First | split | select('blnk') }}", Code.UNKNOWN_FILTER, "there is no test blnk", "'blank'"),
    (
        "{{ First | replace('a') }}",
        Code.TEMPLATE_SYNTAX,
        "replace is used wrongly",
        "replace(old, new, count)",
    ),
    ("{{ First | lower('a') }}", Code.TEMPLATE_SYNTAX, "lower is used wrongly", "It is written lower."),
    ("{{ First | trim(char='a') }}", Code.TEMPLATE_SYNTAX, "trim is used wrongly", "trim(chars)"),
    ("{{ 1 is divisibleby }}", Code.TEMPLATE_SYNTAX, "divisibleby is used wrongly", ""),
    ("{{ First.__class__ }}", Code.UNKNOWN_NAME, ".__class__ cannot be used", ""),
    ("{{ First.format(1) }}", Code.UNKNOWN_NAME, ".format cannot be used", ""),
    ("{{ 1e999 ~ First }}", Code.TEMPLATE_SYNTAX, "a number is too large", ""),
    ("{{ " + "9" * 5000 + " }}", Code.TEMPLATE_SYNTAX, "a number is too long", ""),
    ("{{ First", Code.TEMPLATE_SYNTAX, "the template has a mistake", ""),
    ("{{ }}", Code.TEMPLATE_SYNTAX, "the template has a mistake", ""),
    ("{{ First Last }}", Code.TEMPLATE_SYNTAX, "the template has a mistake", "An expression is Jinja"),
    ("{{ Cost Center }}", Code.TEMPLATE_SYNTAX, "the template has a mistake", 'row["Any Name"]'),
    ("{{ First && Last }}", Code.TEMPLATE_SYNTAX, "the template has a mistake", ""),
    ("{{ 'a }}", Code.TEMPLATE_SYNTAX, "the template has a mistake", ""),
    ("{# open", Code.TEMPLATE_SYNTAX, "the template has a mistake", ""),
    ("{% if First %}x{% endif %}", Code.TEMPLATE_SYNTAX, "a statement {% %} cannot be used", "inline if"),
    ("{% import 'x' as y %}", Code.TEMPLATE_SYNTAX, "a statement {% %} cannot be used", ""),
    ("{{ First }}{% set x = 1 %}", Code.TEMPLATE_SYNTAX, "a statement {% %} cannot be used", ""),
    ("{% endif %}", Code.TEMPLATE_SYNTAX, "a statement {% %} cannot be used", ""),
    ("{{ '\\ud800' ~ First }}", Code.TEMPLATE_SYNTAX, "surrogate", ""),
    ("\ud800{{ First }}", Code.TEMPLATE_SYNTAX, "surrogate", ""),
]


@pytest.mark.parametrize(("source", "code", "message", "hint"), PROBLEMS)
def test_what_cannot_be_evaluated_is_told(source: str, code: Code, message: str, hint: str) -> None:
    (issue,) = issues_of(source)
    assert issue.code == code
    assert message in issue.message
    assert hint in issue.hint


def test_all_of_it_is_told_with_its_line() -> None:
    issues = issues_of("{{ A }}\n{{ First | uper }}\n\n{{ B ~ vars.c }}")
    assert [(issue.code, issue.line) for issue in issues] == [
        (Code.UNKNOWN_COLUMN, 1),
        (Code.UNKNOWN_FILTER, 2),
        (Code.UNKNOWN_COLUMN, 4),
        (Code.UNKNOWN_NAME, 4),
    ]


@pytest.mark.parametrize(
    "source", ["{{ " + "(" * 5000 + " }}", "{{ " + "First | lower" + " | lower" * 100 + " }}"]
)
def test_nesting_has_an_end(source: str) -> None:
    (issue,) = issues_of(source)
    assert issue.code == Code.TEMPLATE_SYNTAX


@pytest.mark.parametrize(
    "source", ["First == 'A'", "{{ First == 'A' }}", " {{First == 'A'}} ", "First\n  == 'A'"]
)
def test_a_condition_with_or_without_braces(source: str) -> None:
    expression, issues = parse_condition(ENVIRONMENT, scope(), source)
    assert issues == []
    assert expression.columns == {"First"}
    assert expression.literals is None


def test_a_condition_that_no_row_changes_is_kept() -> None:
    assert len(parse_condition(ENVIRONMENT, scope(), "true")[0].parts) == 1


@pytest.mark.parametrize("source", ["", "First ==", "First Last", "{{ First", "First }} x", "{% if %}", "A"])
def test_a_condition_that_is_none_is_told(source: str) -> None:
    _, issues = parse_condition(ENVIRONMENT, scope(), source)
    assert len(issues) == 1


@given(st.text(alphabet="{}%#|()[]'\" .,~+-*/<>=!abFirst01\n\\"))
def test_no_text_raises(text: str) -> None:
    for source in (text, f"{{{{{text}}}}}"):
        parse(ENVIRONMENT, scope(), source)
    parse_condition(ENVIRONMENT, scope(), text)
