"""The sandbox's pages: over plain HTTP, and in headless Chromium where there is one."""

from __future__ import annotations

import re
import shutil
import subprocess
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from scimport.sandbox.bulk import ENTERPRISE
from scimport.sandbox.views import flatten

if TYPE_CHECKING:
    from tests.sandbox.conftest import Lab

_CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
_VOID = {"meta", "link", "input", "br", "wbr"}


class _Checker(HTMLParser):
    """What a page must be like for everybody to use it."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.labelled: set[str] = set()
        self.fields: list[str] = []
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        if tag not in _VOID:
            self.open.append(tag)
        if found.get("id"):
            self.ids.append(str(found["id"]))
        if tag == "label" and found.get("for"):
            self.labelled.add(str(found["for"]))
        if tag in ("input", "select") and "label" not in self.open:
            self.fields.append(str(found.get("id")))
        self.links += [str(found[name]) for name in ("href", "src", "action") if found.get(name)]
        assert not [name for name in found if name.startswith("on") or name == "style"], "inline code"

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def _get(lab: Lab, path: str, status: int = 200) -> str:
    answer = lab.http.get(path)
    assert answer.status_code == status, answer.text
    assert "script" not in answer.headers["content-security-policy"]
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")
    checker = _Checker()
    checker.feed(answer.text)
    assert not checker.open
    assert len(checker.ids) == len(set(checker.ids))
    assert set(checker.fields) <= checker.labelled
    assert not [link for link in checker.links if not re.match(r"[/?#]|data:", link)], (
        "something from elsewhere"
    )
    return unescape(answer.text.replace("<wbr>", ""))


def _press(lab: Lab, button: str, **headers: str) -> httpx.Response:
    own = {"origin": str(lab.http.base_url).rstrip("/")}
    return lab.http.post(f"/apps/{lab.app['jobId']}/{button}", headers={**own, **headers})


def test_the_apps(entra: Lab, ad: Lab) -> None:
    entra.upload(entra.user(1), entra.user(2, displayName=None))
    page = _get(entra, "/")
    assert all(lab.app["name"] in page for lab in (entra, ad))
    assert f'href="/apps/{entra.app["jobId"]}"' in page


def test_an_app_and_its_buttons(entra: Lab) -> None:
    path = f"/apps/{entra.app['jobId']}"
    page = _get(entra, path)
    assert f'value="{entra.app["endpoint"]}"' in page
    assert "Running" in page
    assert (_press(entra, "stop").status_code, entra.http.get("/sandbox/apps").status_code) == (303, 200)
    entra.upload(entra.user(1), entra.user(2))
    page = _get(entra, path)
    assert "Stopped" in page
    assert "throw away the 2 that wait" in page
    assert _press(entra, "start").headers["location"] == path
    assert "Running" in _get(entra, path)
    assert len(entra.people()) == 2
    _press(entra, "stop")
    entra.upload(entra.user(3))
    _press(entra, "restart")
    assert "Running" in _get(entra, path)
    assert len(entra.people()) == 2
    assert _press(entra, "explode").status_code == 400


def test_a_quarantine_is_explained_and_deletes_are_allowed(entra: Lab) -> None:
    people = [entra.user(number) for number in range(3)]
    secrets = entra.job_url.rpartition("/jobs/")[0] + "/secrets"
    value = '{"Enabled":true,"Recipients":"a@b","DeleteThresholdEnabled":true,"DeleteThresholdValue":2}'
    entra.http.put(secrets, json={"value": [{"key": "SyncNotificationSettings", "value": value}]})
    entra.upload(*people)
    entra.upload(*({**person, "active": False} for person in people))
    page = _get(entra, f"/apps/{entra.app['jobId']}")
    assert "In quarantine: TooManyDeletes" in page
    _press(entra, "allow-deletes")
    assert not any(entra.person(number)["accountEnabled"] for number in range(3))


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": "http://127.0.0.1:1"},
        {"origin": ""},
    ],
)
def test_buttons_work_from_the_own_pages_only(entra: Lab, headers: dict[str, str]) -> None:
    assert _press(entra, "stop", **headers).status_code == 403
    assert "Running" in _get(entra, f"/apps/{entra.app['jobId']}")


@pytest.mark.parametrize("path", ["/", "/log", "/style.css"])
def test_pages_are_for_loopback_names(entra: Lab, path: str) -> None:
    assert entra.http.get(path, headers={"host": "evil.example:80"}).status_code == 403
    assert entra.http.get(path, headers={"host": "localhost:80"}).status_code == 200


def test_mappings_and_scope(ad: Lab) -> None:
    schema = ad.http.get(f"{ad.job_url}/schema").json()
    clause = {"sourceOperandName": "title", "operatorName": "EQUALS", "targetOperand": {"values": ["<b>"]}}
    schema["synchronizationRules"][0]["objectMappings"][0]["scope"] = {
        "groups": [{"name": "staff", "clauses": [clause]}]
    }
    assert ad.http.put(f"{ad.job_url}/schema", json=schema).status_code == 204
    page = _get(ad, f"/apps/{ad.app['jobId']}/mappings")
    assert "SelectUniqueValue(" in page
    assert "Not([active])" in page
    assert "staff.title EQUALS '<b>'" in page
    assert "<b>" not in ad.http.get(f"/apps/{ad.app['jobId']}/mappings").text


def test_people_are_found_and_paged(entra: Lab) -> None:
    path = f"/apps/{entra.app['jobId']}/people"
    assert "Nobody has been provisioned yet" in _get(entra, path)
    users = [entra.user(number, displayName=f"<i>Person</i> {number}") for number in range(100, 155)]
    entra.upload(*users[:50])
    entra.upload(*users[50:])
    page = _get(entra, path)
    more = re.search(r'href="(\?[^"]+)" rel="next"', page)
    assert more
    assert f"{entra.mark}-149" in page
    assert "<i>" not in entra.http.get(path).text
    rest = _get(entra, path + more[1])
    assert (f"{entra.mark}-154" in rest, "Next page" in rest, f"{entra.mark}-149<" in rest) == (
        True,
        False,
        False,
    )
    for wanted in (f"{entra.mark}-107", "Person</i> 107", f"{entra.mark.upper()}.P107@"):
        found = entra.http.get(path, params={"q": wanted}).text
        assert f">{entra.mark}-107</a>" in found
        assert f">{entra.mark}-108</a>" not in found
    assert "Nobody is found." in _get(entra, f"{path}?q=nobody")
    assert entra.http.get(path, params={"q": f"{entra.mark}-11"}).text.count("/person?id=") == 10


def test_a_search_for_a_name_looks_at_some_people_and_goes_on(
    entra: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("scimport.sandbox.views.SEARCHED", 20)
    path = f"/apps/{entra.app['jobId']}/people"
    entra.upload(*(entra.user(number, displayName=f"Person {number}") for number in range(100, 150)))
    page = _get(entra, f"{path}?q=person+145")
    assert "Nobody is found among those looked at" in page
    looks = 1
    while more := re.search(r'href="(\?[^"]+)" rel="next">Look on', page):
        page, looks = _get(entra, path + more[1]), looks + 1
    assert looks == 3
    assert f">{entra.mark}-145</a>" in page


def test_a_person_in_the_words_of_both_sides(entra: Lab) -> None:
    entra.upload(entra.user(1, **{ENTERPRISE: {"department": "R&D", "manager": {"value": "gone"}}}))
    page = _get(entra, f"/apps/{entra.app['jobId']}/person?id={entra.mark}-1")
    for words in (
        "userPrincipalName",
        "surname",
        "name.familyName",
        "[title]",
        'emails[type eq "work"].value',
    ):
        assert words in page
    assert "User:</span>manager.value" in page
    assert re.search(r'<a href="/log/\d+">', page)
    _get(entra, f"/apps/{entra.app['jobId']}/person?id=nobody", 404)


def test_the_log_with_its_filters_and_steps(entra: Lab) -> None:
    path = f"/apps/{entra.app['jobId']}/log"
    assert "No entries" in _get(entra, path)
    for first in (0, 50):
        entra.upload(*(entra.user(number) for number in range(first, first + 50)))
    entra.upload(entra.user(100, displayName=None), entra.user(1, title="Architect"))
    page = _get(entra, path)
    more = re.search(r'href="(\?[^"]+)" rel="next"', page)
    assert more
    assert "Newest" in _get(entra, path + more[1])
    failures = _get(entra, f"{path}?status=failure")
    assert ("MandatoryFieldsMissing" in failures, failures.count("<tr>")) == (True, 2)
    assert _get(entra, f"{path}?action=update&person={entra.mark}-1").count("<tr>") == 2
    assert entra.app["name"] in _get(entra, f"/log?person={entra.mark}-1")
    number = re.findall(r'href="(/log/\d+)"', failures)[0]
    entry = _get(entra, number)
    for words in ("EntryImportAdd", "EntrySynchronizationScoping", "EntryExportAdd", "Missing: displayName."):
        assert words in entry
    _get(entra, "/log/999999999", 404)


@pytest.mark.parametrize("path", ["/apps/none", "/apps/none/people", "/apps/none/log"])
def test_what_is_not_there(entra: Lab, path: str) -> None:
    assert "does not exist" in _get(entra, path, 404)


def test_a_user_in_paths() -> None:
    user: dict[str, Any] = {
        "schemas": ["x"],
        "name": {"givenName": "A"},
        "emails": [{"type": "work", "value": "a@b"}, {"value": None}],
        "roles": ["r"],
        ENTERPRISE: {"manager": {"value": "7"}},
    }
    assert flatten(user) == [
        ("name.givenName", "A"),
        ('emails[type eq "work"].value', "a@b"),
        ("emails[1].value", ""),
        ("roles[0]", "r"),
        (f"{ENTERPRISE}:manager.value", "7"),
    ]


@pytest.mark.skipif(_CHROMIUM is None, reason="no Chromium is installed")
@pytest.mark.parametrize("width", [1200, 500])
def test_a_browser_shows_it(ad: Lab, width: int, tmp_path: Path) -> None:
    ad.upload(*(ad.user(number) for number in range(3)))
    shot = tmp_path / "page.png"
    url = f"{str(ad.http.base_url).rstrip('/')}/apps/{ad.app['jobId']}"
    command = [
        str(_CHROMIUM),
        *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
        *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
        *("--disable-dev-shm-usage", f"--user-data-dir={tmp_path}", f"--window-size={width},900"),
        *("--enable-logging=stderr", "--dump-dom", f"--screenshot={shot}", url),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, check=True)
    assert "Provisioning API Endpoint" in done.stdout
    assert ">3</dd>" in done.stdout
    assert "CONSOLE" not in done.stderr, "the browser complains about the page"
    assert shot.stat().st_size > 10_000
