from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from scimport.imports.csv2scim import Imported, imported
from scimport.imports.powershell import SyntaxFault
from scimport.imports.script import NotTurned, expression
from scimport.mappings.expression import parse
from scimport.mappings.scope import Scope
from scimport.mappings.template import MappingEnvironment, compile_probes
from scimport.mappings.values import join, part
from scimport.project.document import parse_document

MAPPING = r"""
<# Contoso's mapping
   of workers #>
@{
    externalId = 'WorkerID'
    name = @{ familyName = 'Last Name'; givenName = "FirstName" } # names
    active = { $_.'WorkerStatus' -eq 'Active' }
    userName = { $_.UserID + '@contoso.example' }
    nickName = { 'O''Brien {x}' }
    title = { $_.JobTitle -replace 'a','b' }
    emails = @(
        @{ type = { 'work' }; primary = $true; value = 'Mail' },
        @{
            type = { 'other' }
            value = { Get-ADUser $_.Mail }
        }
    )
    locale = @'
Loc
'@
    "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User" = @{
        manager = @{ value = 'ManagerID' }
    }
    id = 'x'
    Locale = 'Twice'
}
"""


def user(result: Imported) -> Any:
    return parse_document(result.text, Path("m.yml"), "m.yml").data["user"]


def evaluated(leaf: Any, row: dict[str, str]) -> object:
    """What a leaf of a mapping gives for a row."""
    if "{{" not in str(leaf):
        return leaf
    environment, scope = MappingEnvironment(), Scope(None, {}, datetime(2026, 11, 23, 12, tzinfo=UTC))
    parsed, issues = parse(environment, scope, leaf)
    assert not issues
    if not parsed.parts:
        return parsed.constant
    (probe,) = compile_probes(environment, scope, [parsed.parts])
    values = probe(row)
    return values[0] if parsed.literals is None else join(parsed.literals, [part(one) for one in values])


def test_everything_that_can_be_turned_is() -> None:
    assert user(imported(MAPPING, "m.psd1")) == {
        "externalId": "{{ WorkerID }}",
        "name": {"familyName": '{{ row["Last Name"] }}', "givenName": "{{ FirstName }}"},
        "active": '{{ WorkerStatus | lower == "active" }}',
        "userName": '{{ UserID ~ "@contoso.example" }}',
        "nickName": '{{ "O\'Brien {x}" }}',
        "emails": [{"type": "work", "primary": True, "value": "{{ Mail }}"}, {"type": "other"}],
        "locale": "{{ Loc }}",
        "enterprise": {"manager": {"value": "{{ ManagerID }}"}},
    }


def test_what_cannot_be_turned_is_named_line_by_line() -> None:
    result = imported(MAPPING, "m.psd1")
    assert [(one.line, one.path) for one in result.left] == [
        (10, "title"),
        (15, "emails[].value"),
        (24, "id"),
        (25, "Locale"),
    ]
    assert "-replace" in result.left[0].why
    assert "# TODO line 10: title:" in result.text
    assert "#   $_.JobTitle -replace 'a','b'" in result.text
    assert "TODO" not in imported("@{externalId='a';userName='b';active='c'}", "m").text
    assert "# TODO: active is missing" in imported("@{externalId='a'; userName='b'}", "m").text


@pytest.mark.parametrize(
    ("source", "row", "value"),
    [
        ("$_.'S' -eq 'Active'", {"S": "ACTIVE"}, True),
        ("$_.'S' -eq 'Active'", {"S": ""}, False),
        ("$_.S -ceq 'Active'", {"S": "active"}, False),
        ("$_['S'] -ne \"Left\"", {"S": "left"}, False),
        ("$_.S -eq ''", {"S": ""}, True),
        ("$_.S -ne $null", {"S": "x"}, True),
        ("$_.S -in 'a', 'B'", {"S": "b"}, True),
        ("$_.S -notin @('a','b')", {"S": "c"}, True),
        ("$_.S -eq 'a' -or $_.T -eq 'b' -and $_.T -eq 'c'", {"S": "a", "T": "b"}, False),
        ("-not ($_.S -eq 'a')", {"S": "b"}, True),
        ("!$_.S", {"S": ""}, True),
        ("$_.S.ToUpper().Trim() + '-' + $_.T", {"S": "ab", "T": "c"}, "AB-c"),
        ("\"$($_.S) of $($_.'T u')\"", {"S": "a", "T u": "b"}, "a of b"),
        ("if ($_.S -eq 'a') { 'A' } elseif ($_.S -eq 'b') { 'B' } else { $_.S }", {"S": "b"}, "B"),
        ("return $_.S;", {"S": "a"}, "a"),
        ("$_.S -eq $true", {"S": "True"}, True),
        ("'it''s'", {}, "it's"),
        ("42", {}, "42"),
    ],
)
def test_script_blocks(source: str, row: dict[str, str], value: object) -> None:
    assert evaluated(f"{{{{ {expression(source).code} }}}}", row) == value


@pytest.mark.parametrize(
    "source",
    [
        "",
        "Get-Date",
        "$x",
        '"$x"',
        "$_.S -like 'a*'",
        "$_.S.Substring(1)",
        "(",
        "-not $_.S -eq 'a'",
        "$_.S; 'a'",
        "$_.S -in $_.T",
        "(" * 100,
        "!" * 1000,
    ],
)
def test_scripts_that_are_not_turned(source: str) -> None:
    with pytest.raises(NotTurned):
        expression(source)


@pytest.mark.parametrize(
    ("source", "line", "words"),
    [
        ("", 1, "does not begin with a hashtable"),
        ("@{\na = 'b", 2, "never closed"),
        ("@{\na = { 'b'", 2, "never closed"),
        ("@{ a 'b' }", 1, "no ="),
        ("@{ a = }", 1, "value is missing"),
        ("@{ a = 'b' } x", 1, "follows"),
        ("@{a=" * 50, 1, "levels deep"),
    ],
)
def test_no_hashtable(source: str, line: int, words: str) -> None:
    with pytest.raises(SyntaxFault, match=words) as caught:
        imported(source, "m")
    assert caught.value.line == line


_PIECES = st.lists(
    st.sampled_from(
        [
            *"@{}()=;,'\"`$#\n \r[].!",
            "@{",
            "@(",
            "<#",
            "#>",
            "@'\n",
            "\n'@",
            "$_.",
            "a",
            "-eq",
            "if",
            "$true",
            "{{",
        ]
    )
    | st.text(max_size=3),
    max_size=25,
).map("".join)


@settings(max_examples=300, deadline=None)
@given(st.one_of(st.text(), _PIECES, _PIECES.map("@{{a={}}}".format), _PIECES.map("@{{a={{{}}}}}".format)))
@example("@{'\x85\ufeff'='\u2028{{'}")
def test_any_text_is_a_mapping_or_a_fault(source: str) -> None:
    with suppress(SyntaxFault):
        result = imported(source, "m.psd1")
        assert "user" in parse_document(result.text, Path("m.yml"), "m.yml").data


# PowerShell takes these for quotes, too.
_NAMES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\u2018\u2019\u201a\u201b"))


@settings(max_examples=100, deadline=None)
@given(_NAMES.filter(bool), _NAMES)
def test_any_name_and_constant_keeps_its_text(name: str, constant: str) -> None:
    column, text = (one.replace("'", "''") for one in (name, constant))
    made = user(imported(f"@{{ a = '{column}'; b = {{ '{text}' }} }}", "m"))
    assert evaluated(made["a"], {name: "cell"}) == "cell"
    assert evaluated(made["b"], {}) == constant
