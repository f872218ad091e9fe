"""The people of the benchmarks: a 22-column HR file of any length, the same on every machine.

Names are built from syllables (thousands of names, some not ASCII), so that remembering what a filter gave
pays no more than it would with real people. Some cells are quoted, are empty, hold newlines or stray blanks.
"""

from __future__ import annotations

import csv
import hashlib
import random
import unicodedata
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

CACHE = Path(__file__).resolve().parent.parent / ".scimport" / "benchmarks"

COLUMNS = (
    "EmployeeId", "FirstName", "LastName", "PreferredName", "Email", "Phone", "Mobile", "JobTitle", "JobCode",
    "Department", "Division", "Company", "CostCenter", "ManagerId", "Street", "City", "Region", "PostalCode",
    "Country", "Language", "HireDate", "Status",
)  # fmt: skip

_ONSETS = (
    "a", "be", "ca", "da", "e", "fa", "gi", "ha", "i", "ja", "ka", "le", "ma", "na", "o", "pe", "ra", "sa",
    "te", "u", "vi", "wa", "ya", "zo", "jü", "cé", "ří", "ño", "åse", "mø",
)  # fmt: skip
_MIDDLES = ("", "", "ri", "li", "na", "vi", "to", "mi", "lo", "re", "sha", "dou", "ni", "bra")
_GIVEN_ENDS = ("na", "no", "ra", "l", "n", "la", "s", "ta", "el", "ia", "ko", "sh", "ric", "th", "mir", "ine")
_FAMILY_ENDS = (
    "son", "sen", "ez", "ová", "ski", "mann", "ini", "wood", "field", "s", "ko", "oğlu", "ward", "yan",
    "berg", "ton", "de", "ley", "nen", "quist", "is", "poulos", "ic", "mura",
)  # fmt: skip
_PLACES = (
    # City, region, postcode, country, language, dialling code
    ("Brno", "JMK", "6##00", "CZ", "cs-CZ", "420"),
    ("Boston", "MA", "02###", "US", "en-US", "1"),
    ("Seattle", "WA", "98###", "US", "", "1"),
    ("São Paulo", "SP", "0####-###", "BR", "pt-BR", "55"),
    ("München", "", "80###", "DE", "de-DE", "49"),
    ("Kraków", "", "3#-###", "PL", "pl-PL", "48"),
    ("Lyon", "ARA", "6900#", "FR", "fr-FR", "33"),
    ("Leeds", "", "LS# #AB", "GB", "en-GB", "44"),
)
_DIVISIONS = {
    "Products": ("Research & Development", "Design", "Quality"),
    "Operations": ("Manufacturing", "Logistics", "Facilities", "Purchasing"),
    "Markets": ("Sales", "Marketing", "Customer Care"),
    "Corporate": ("Finance", "Human Resources", "Information Technology", "Legal"),
}
_GRADES = ("Trainee", "Associate", "Senior", "Principal", "Head of")
_ROLES = ("Engineer", "Analyst", "Clerk", "Technician", "Planner", "Advisor", "Buyer", "Specialist")
_STREETS = ("Main St", "Station Rd", "Mill Lane", "Nádražní", "Lindenweg", "Rue du Lac", "Av. Central")
_FIRST_DAY = date(1989, 1, 2)


def rows(count: int, *, changed: bool = False) -> Iterator[list[str]]:
    """Give the cells of ``count`` people, in the order of ``COLUMNS``; ``changed`` alters one in a hundred.

    A shorter file is the beginning of a longer one.
    """
    draw = random.Random("people")
    for number in range(1, count + 1):
        row = _row(number, draw)
        yield _moved(row) if changed and number % 100 == 37 else row


def csv_file(count: int, *, changed: bool = False) -> Path:
    """Give the path of the CSV file with ``count`` people, written on first use and kept for the next."""
    version = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()[:8]
    path = CACHE / f"people-{version}-{count}{'-changed' if changed else ''}.csv"
    if not path.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_suffix(".part")
        with unfinished.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(COLUMNS)
            writer.writerows(rows(count, changed=changed))
        unfinished.replace(path)
    return path


def _row(number: int, draw: random.Random) -> list[str]:
    chance = draw.random
    given, family = _name(draw, 1, _GIVEN_ENDS), _name(draw, 2, _FAMILY_ENDS)
    if chance() < 0.05:
        family = f"{family}-{_name(draw, 1, _FAMILY_ENDS)}"
    city, region, postcode, country, language, dial = draw.choice(_PLACES)
    division, departments = draw.choice(tuple(_DIVISIONS.items()))
    role = draw.randrange(len(_ROLES))
    return [
        f"E{number:07d}",
        f" {given} " if chance() < 0.01 else given,
        family.upper() if chance() < 0.3 else family,
        given[:3] if chance() < 0.1 else "",
        f"{_ascii(given)}.{_ascii(family)}{number}@Acme.example",
        f"+{dial} {draw.randrange(10**8, 10**9)}",
        f"+{dial} {draw.randrange(10**8, 10**9)}" if chance() < 0.6 else "",
        f"{draw.choice(_GRADES)} {_ROLES[role]}",
        f"{_ROLES[role][:3].upper()}-{draw.randrange(1, 9)}",
        draw.choice(departments),
        division,
        "Acme Holding, Inc." if country == "US" else f"Acme {country}",
        str(4000 + draw.randrange(900)),
        f"E{1 + draw.randrange(number) // 9:07d}" if number > 9 else "",
        _street(draw),
        city,
        region,
        "".join(str(draw.randrange(10)) if sign == "#" else sign for sign in postcode),
        country,
        language,
        (_FIRST_DAY + timedelta(days=draw.randrange(13000))).isoformat(),
        "Active" if chance() < 0.93 else draw.choice(("Leave", "Terminated")),
    ]


def _moved(row: list[str]) -> list[str]:
    cells = dict(zip(COLUMNS, row, strict=True))
    cells["JobTitle"] = f"Acting {cells['JobTitle']}"
    cells["CostCenter"] = str(int(cells["CostCenter"]) + 1000)
    return list(cells.values())


def _name(draw: random.Random, middles: int, ends: tuple[str, ...]) -> str:
    # The power makes some names common, as they are in life.
    onset = _ONSETS[int(len(_ONSETS) * draw.random() ** 1.5)]
    return "".join([onset, *draw.choices(_MIDDLES, k=middles), draw.choice(ends)]).capitalize()


def _street(draw: random.Random) -> str:
    street = f"{draw.randrange(1, 400)} {draw.choice(_STREETS)}"
    chance = draw.random()
    if chance < 0.001:
        return f"{street}\nBack entrance"
    if chance < 0.003:
        return f'{street} "The Works"'
    return f"{street}, Floor {draw.randrange(1, 30)}" if chance < 0.05 else street


def _ascii(text: str) -> str:
    return unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
