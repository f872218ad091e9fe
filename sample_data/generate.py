"""Writes the sample data: `python sample_data/generate.py [FOLDER]`.

The same bytes come out on every machine: there is one seed, only `random.Random.random` is used (the one
method that Python promises to keep), no clock is read, and the header of the SQLite files is freed of the
version of the library.

Everybody in it is made up. What is in the files, and why, is told in `sample_data/README.md`; the tests hold
both to it. To change the data, change this file, run it, and commit what it writes.
"""

from __future__ import annotations

import csv
import io
import random
import sqlite3
import sys
import unicodedata
from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import NamedTuple, TypeVar

T = TypeVar("T")
Row = dict[str, str]

COLUMNS = (
    "WorkerID", "FirstName", "LastName", "EmployeeClass", "Status", "JobTitle", "JobCode", "Department",
    "Division", "Cost Center", "ManagerID", "HireDate", "LeaveDate", "Email", "Phone", "Mobile", "Office",
    "Street", "City", "PostalCode", "Country", "Language",
)  # fmt: skip


class Dice:
    """Reproducible choices; see the module's docstring for why `random.Random.random` is all that is used."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)  # noqa: S311 - made-up people, not secrets

    def below(self, limit: int) -> int:
        """A whole number from 0 up to, not including, `limit`."""
        return int(self._random.random() * limit)

    def pick(self, items: Sequence[T]) -> T:
        """One of `items`."""
        return items[self.below(len(items))]

    def chance(self, percent: int) -> bool:
        """True in `percent` of a hundred calls."""
        return self.below(100) < percent

    def day(self, first: date, last: date) -> date:
        """A date from `first` to `last`, both included."""
        return first + timedelta(days=self.below((last - first).days + 1))


class Site(NamedTuple):
    """A place of work, and names that are common around it (parted by a comma)."""

    office: str
    street: str
    city: str
    postal_code: str
    country: str
    language: str
    dial: str
    given: str
    family: str

    def name(self, dice: Dice) -> tuple[str, str]:
        """A given name and a family name."""
        return dice.pick(self.given.split(", ")), dice.pick(self.family.split(", "))


SITES = (
    Site(
        office="BER",
        street="Torstraße 140",
        city="Berlin",
        postal_code="10119",
        country="DE",
        language="de-DE",
        dial="+49 30 5550",
        given="Anke, Björn, Jürgen, Katharina, Lena, Matthias, Sören, Ulrike, Jörg, Friederike",
        family="Müller, Schäfer, Größmann, Hoffmann, Krüger, Weiß, Jäger, Böhm, Lindner, Vogt",
    ),
    Site(
        office="BRN",
        street="Křenová 72",
        city="Brno",
        postal_code="60200",
        country="CZ",
        language="cs-CZ",
        dial="+420 555 01",
        given="Jiří, Lucie, Ondřej, Tereza, Vojtěch, Zdeňka, Kateřina, Petr, Alžběta, Radek",
        family="Dvořák, Svoboda, Černý, Procházka, Němec, Růžička, Šťastný, Horák, Kučera, Beneš",
    ),
    Site(
        office="WRO",
        street="ul. Świdnicka 5",
        city="Wrocław",
        postal_code="50-066",
        country="PL",
        language="pl-PL",
        dial="+48 71 555",
        given="Agnieszka, Łukasz, Małgorzata, Paweł, Bożena, Stanisław, Grażyna, Wojciech, Ewa, Jan",
        family="Wiśniewski, Kowalczyk, Zieliński, Dąbrowski, Wójcik, Kamiński, Jabłoński, Mróz, Lis",
    ),
    Site(
        office="MAD",
        street="Calle de Alcalá 21",
        city="Madrid",
        postal_code="28014",
        country="ES",
        language="es-ES",
        dial="+34 91 555",
        given="Begoña, Íñigo, José María, Lucía, Ramón, Sofía, Álvaro, Inés, Martín, Pilar",
        family="Núñez, Muñoz, García, Peña, Ibáñez, Ordóñez, Castaño, de la Cruz, Domínguez, Ruiz",
    ),
    Site(
        office="DUB",
        street="12 Harcourt Street",
        city="Dublin",
        postal_code="D02 XE80",
        country="IE",
        language="en-IE",
        dial="+353 1 555",
        given="Aoife, Conor, Niamh, Seán, Siobhán, Eoin, Máire, Patrick, Ciara, Fergus",
        family="O'Brien, Murphy, O'Sullivan, Byrne, McCarthy, Kelly, O'Connor, Walsh, Doyle, Ryan",
    ),
    Site(
        office="AMS",
        street="Herengracht 182",
        city="Amsterdam",
        postal_code="1016 BR",
        country="NL",
        language="nl-NL",
        dial="+31 20 555",
        given="Anouk, Daan, Femke, Joost, Maaike, Pieter, Sanne, Thijs, Willemijn, Zoë",
        family="van der Berg, de Vries, van Dijk, Jansen, Bakker, van den Heuvel, Visser, Mulder, Smit",
    ),
    Site(
        office="SEA",
        street="1201 Third Avenue",
        city="Seattle",
        postal_code="98101",
        country="US",
        language="en-US",
        dial="+1 206 555",
        given="Amelia, Benjamin, Chloé, Darnell, Grace, Hiroshi, Imani, Luis, Mei, Theodore",
        family="Anderson, Nguyen, Johnson, McDonald, Patel, Washington, Kim, Ramirez, Tanaka, Young",
    ),
    Site(
        office="BOS",
        street="100 Summer Street",
        city="Boston",
        postal_code="02110",
        country="US",
        language="en-US",
        dial="+1 617 555",
        given="Abigail, Caleb, Élodie, Fiona, Gabriel, Hannah, Isaac, Joshua, Nora, Renée",
        family="Adams, Baker, Côté, Fitzgerald, Goldberg, Hughes, Lefèvre, Morgan, Sullivan, Wright",
    ),
)


class Department(NamedTuple):
    """A department with its division, cost centre, code of its jobs, and the titles in it."""

    name: str
    division: str
    cost_center: str
    code: str
    titles: Sequence[str]


DEPARTMENTS = (
    Department(
        "Engineering", "Products", "4100", "ENG", ("Software Engineer", "Senior Engineer", "Architect")
    ),
    Department("Quality", "Products", "4110", "QA", ("Test Engineer", "Quality Analyst")),
    Department("Research & Development", "Products", "4130", "RND", ("Scientist", "Lab Technician")),
    Department("Production", "Operations", "5200", "PRD", ("Machinist", "Shift Lead", "Planner")),
    Department("Logistics", "Operations", "5210", "LOG", ("Dispatcher", "Warehouse Operator")),
    Department("Sales", "Market", "3100", "SAL", ("Account Manager", "Sales Representative")),
    Department("Marketing", "Market", "3110", "MKT", ("Content Editor", "Campaign Manager")),
    Department(
        "Customer Service", "Market", "3120", "CS", ("Support Agent", "Support Specialist, 2nd Level")
    ),
    Department("Finance", "Corporate", "0100", "FIN", ("Accountant", "Controller")),
    Department("Legal, Risk & Compliance", "Corporate", "0110", "LEG", ("Counsel", "Compliance Officer")),
    Department("People", "Corporate", "0120", "HR", ("Recruiter", "HR Partner", "Payroll Specialist")),
    Department("IT", "Corporate", "0130", "IT", ("System Administrator", "Service Desk Agent")),
)

# People whose names are the reason for a rule somewhere; they follow the managing director in the file.
REMARKABLE = (
    ("Zoë", "Müller-Lüdenscheidt", "BER"),
    ("Łukasz", "Żółć", "WRO"),
    ("Íñigo", "Ñíguez", "MAD"),
    ("SIOBHÁN", "O'BRIEN", "DUB"),
    ("Pieter", "van der Berg", "AMS"),
    ("WILLEMIJN", "VAN DER BERG", "AMS"),
    ("Søren", "Ærø", "BER"),
    ("Anna Maria", "Null", "SEA"),
)


def plain(name: str) -> str:
    """`name` in lower-case ASCII letters, as it would be in an e-mail address."""
    for letter, letters in (("ł", "l"), ("ø", "oe"), ("æ", "ae"), ("ß", "ss")):
        name = name.lower().replace(letter, letters)
    return "".join(
        letter for letter in unicodedata.normalize("NFKD", name) if letter.isascii() and letter.isalpha()
    )


def german(day: date) -> str:
    """`day` as dd.mm.yyyy, the way this HR system writes dates."""
    return day.strftime("%d.%m.%Y")


# Employees


def employees(dice: Dice, count: int = 300) -> list[Row]:
    """The employees of day one, by their ids: the director, the heads of departments, the others."""
    rows: list[Row] = []
    number = 100
    for index in range(count):
        number += 1 + dice.below(3)
        rows.append(employee(dice, f"{number:05d}", index, rows))
    for row in rows[40::37]:
        row.update(Status="T", LeaveDate=german(dice.day(date(2026, 3, 1), date(2026, 8, 31))))
    for row in rows[45::45]:
        row["Status"] = "L"
    for row in rows[60::60]:
        row["EmployeeClass"] = "Pensioner"
    rows[30]["Street"] = "Torstraße 140\nGebäude B, 2. Hof"
    return rows


def employee(dice: Dice, worker_id: str, index: int, earlier: Sequence[Row]) -> Row:
    """The `index`-th employee; `earlier` ones give the manager and keep e-mail addresses unique."""
    site = dice.pick(SITES)
    given, family = site.name(dice)
    if 0 < index <= len(REMARKABLE):
        given, family, office = REMARKABLE[index - 1]
        site = next(each for each in SITES if each.office == office)
    department = DEPARTMENTS[(index - 1) % len(DEPARTMENTS)]
    row = {
        "WorkerID": worker_id,
        "FirstName": given,
        "LastName": family,
        "EmployeeClass": "Temporary" if dice.chance(8) and index > len(DEPARTMENTS) else "Regular",
        "Status": "A",
        **job(dice, index, department),
        "Department": department.name,
        "Division": department.division,
        "Cost Center": department.cost_center,
        "ManagerID": manager_of(index, earlier),
        "HireDate": german(dice.day(date(1998, 1, 1), date(2026, 6, 30))),
        "LeaveDate": "",
        "Email": "" if dice.chance(8) else email(given, family, earlier),
        **contact(dice, site),
    }
    if dice.chance(15) and index > len(REMARKABLE):
        row.update(FirstName=given.upper(), LastName=family.upper())
    return row


def job(dice: Dice, index: int, department: Department) -> Row:
    """Title and code of the job: the first directs, the next ones head a department, the others work."""
    if index == 0:
        return {"JobTitle": "Managing Director", "JobCode": "DIR-1"}
    if index <= len(DEPARTMENTS):
        return {"JobTitle": f"Director, {department.name}", "JobCode": f"{department.code}-9"}
    title = "" if dice.chance(3) else dice.pick(department.titles)
    return {"JobTitle": title, "JobCode": f"{department.code}-{1 + dice.below(5)}"}


def manager_of(index: int, earlier: Sequence[Row]) -> str:
    """The id of the manager: none for the director, the director for heads, the head for the others."""
    if index == 0:
        return ""
    return earlier[0 if index <= len(DEPARTMENTS) else 1 + (index - 1) % len(DEPARTMENTS)]["WorkerID"]


def email(given: str, family: str, earlier: Sequence[Row]) -> str:
    """A work address that none of the `earlier` has; namesakes get a number."""
    name = f"{plain(given).capitalize()}.{plain(family).capitalize()}"
    namesakes = sum(row["Email"].startswith(name) for row in earlier)
    return f"{name}{namesakes + 1 if namesakes else ''}@acme.example"


def contact(dice: Dice, site: Site) -> Row:
    """Telephones, office and address; some are blank, as everywhere."""
    return {
        "Phone": "" if dice.chance(10) else f"{site.dial} {1000 + dice.below(9000)}",
        "Mobile": f"{site.dial} {1000 + dice.below(9000)}" if dice.chance(40) else "",
        "Office": "" if dice.chance(5) else f"{site.office}-{1 + dice.below(4)}-{101 + dice.below(40)}",
        "Street": site.street,
        "City": site.city,
        "PostalCode": site.postal_code,
        "Country": site.country,
        "Language": site.language,
    }


def second_day(dice: Dice, rows: Sequence[Row]) -> list[Row]:
    """The employees of day two: 8 movers, 4 turned inactive, 2 gone, 5 joiners, 3 invalid rows."""
    day2 = [dict(row) for row in rows]
    steady = [row for row in day2[20:] if row["Status"] == "A" and row["EmployeeClass"] == "Regular"]
    move(steady[:80:10], day2)
    for row in steady[85:125:11]:
        row.update(Status="T", LeaveDate="31.08.2026")
    gone = [id(row) for row in steady[130:150:10]]
    joiners = [newcomer(dice, number, day2) for number in range(900, 905)]
    spoil(steady[160], steady[170])
    nameless = newcomer(dice, 905, day2) | {"LastName": ""}
    return [row for row in day2 if id(row) not in gone] + joiners + [nameless]


def move(movers: Sequence[Row], everybody: Sequence[Row]) -> None:
    """Changes something of each of the eight movers."""
    promoted, renamed, called, moved, *transferred, relocated, retitled = movers
    promoted.update(JobTitle="Team Lead", JobCode=promoted["JobCode"][:-1] + "6")
    renamed.update(LastName="Sánchez-Größmann")
    called.update(Phone="+49 30 5550 4711", Mobile="")
    moved.update(Office="BER-4-140")
    for row in transferred:
        head = everybody[1]  # of Engineering
        row.update(
            {key: head[key] for key in ("Department", "Division", "Cost Center")},
            ManagerID=head["WorkerID"],
            JobTitle="Software Engineer",
            JobCode="ENG-2",
        )
    site = SITES[3]
    relocated.update(Street=site.street, City=site.city, PostalCode=site.postal_code, Country=site.country)
    retitled.update(JobTitle="Principal, Special Projects")


def newcomer(dice: Dice, number: int, day1: Sequence[Row]) -> Row:
    """Somebody who starts on the second day; there is no e-mail address yet."""
    return employee(dice, f"{number:05d}", number, day1) | {"HireDate": "01.09.2026", "Email": ""}


def spoil(dateless: Row, unheard_of: Row) -> None:
    """Makes two known people's rows invalid: a day that no calendar has, a status that nobody explained."""
    dateless["HireDate"] = "31.02.2019"
    unheard_of["Status"] = "X"


def csv_text(rows: Iterable[Row], delimiter: str = ",") -> str:
    """Header and `rows` as CSV."""
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, COLUMNS, delimiter=delimiter, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return buffer.getvalue()


def bad_files(rows: Sequence[Row]) -> dict[str, bytes]:
    """Small files, each with one fault, made of the first employees; `bad/README.md` tells what it is."""
    few = rows[:5]
    text = csv_text(few)
    header, first, *_ = text.splitlines(keepends=True)
    latin = [row for row in few if not row["FirstName"].startswith("Ł")]
    return {
        "bad/encoding.csv": csv_text(latin).encode("latin-1"),
        "bad/semicolon.csv": csv_text(few, ";").encode(),
        "bad/duplicate-header.csv": text.replace(",Mobile,", ",Phone,", 1).encode(),
        "bad/blank-header.csv": text.replace(",Mobile,", ",,", 1).encode(),
        "bad/ragged.csv": (text + first.rstrip("\n") + ",one cell too many\n").encode(),
        "bad/unclosed-quote.csv": text.replace(",Managing Director,", ',"Managing Director,', 1).encode(),
        "bad/renamed-key.csv": text.replace("WorkerID", "Worker Number", 1).encode(),
        "bad/nul-byte.csv": text.replace("Managing", "Manag\0ing", 1).encode(),
        "bad/empty.csv": b"",
        "bad/header-only.csv": header.encode(),
        "bad/bom.csv": b"\xef\xbb\xbf" + text.encode(),
        "bad/duplicate-key.csv": csv_text([*few, few[1], few[2] | {"JobTitle": "Somebody else"}]).encode(),
    }


# Contractors

CREATE = """\
CREATE TABLE contractors (
    id INTEGER PRIMARY KEY,
    first_name TEXT NOT NULL,
    last_name TEXT NOT NULL,
    email TEXT,
    phone TEXT,
    language TEXT,
    lead_id INTEGER REFERENCES contractors (id),
    blocked BOOLEAN NOT NULL
);

CREATE TABLE contracts (
    contractor_id INTEGER PRIMARY KEY REFERENCES contractors (id),
    vendor TEXT NOT NULL,
    role TEXT,
    department TEXT,
    status TEXT NOT NULL CHECK (status IN ('open', 'ended')),
    start_date DATE NOT NULL,
    end_date DATE
);
"""

VENDORS = ("Nordlicht Consulting GmbH", "O'Hara & Partners", "Studio Ñandú", "Delta Staffing, Inc.")
ROLES = ("Consultant", "Developer", "Interim Controller", "Translator", "Electrician")

Value = str | int | bool | date | None


class Contractor(NamedTuple):
    """A row of both tables."""

    id: int
    first_name: str
    last_name: str
    email: str | None
    phone: str | None
    language: str | None
    lead_id: int | None
    blocked: bool
    vendor: str
    role: str | None
    department: str | None
    status: str
    start_date: date
    end_date: date | None


def contractors(dice: Dice, count: int = 125) -> list[Contractor]:
    """The contractors of day one; five contracts ended before the cutoff in `sources/contractors.yml`."""
    people: list[Contractor] = []
    for index in range(count):
        person = contractor(dice, 7001 + index, people)
        if index % 25 == 24:
            person = person._replace(status="ended", start_date=date(2024, 5, 1), end_date=date(2025, 10, 31))
        elif index % 25 == 12:
            person = person._replace(status="ended", end_date=date(2026, 6, 30))
        people.append(person)
    return people


def contractor(dice: Dice, number: int, earlier: Sequence[Contractor]) -> Contractor:
    """A contractor whose lead, if any, is one of the first six of `earlier`."""
    site = dice.pick(SITES)
    given, family = site.name(dice)
    start = dice.day(date(2025, 1, 1), date(2026, 7, 1))
    return Contractor(
        id=number,
        first_name=given,
        last_name=family,
        email=None if dice.chance(15) else f"{plain(given)}.{plain(family)}.{number}@vendor.example",
        phone=None if dice.chance(20) else f"{site.dial} {1000 + dice.below(9000)}",
        language=None if dice.chance(10) else site.language,
        lead_id=dice.pick(earlier[:6]).id if len(earlier) >= 6 else None,
        blocked=len(earlier) >= 6 and dice.chance(4),
        vendor=dice.pick(VENDORS),
        role=None if dice.chance(5) else dice.pick(ROLES),
        department=None if dice.chance(10) else dice.pick(DEPARTMENTS).name,
        status="open",
        start_date=start,
        end_date=None if dice.chance(40) else start + timedelta(days=730),
    )


def second_day_contractors(dice: Dice, people: Sequence[Contractor]) -> list[Contractor]:
    """The contractors of day two: 4 movers, 2 whose contract ended, 2 gone, 3 joiners, nobody invalid."""
    day2 = {person.id: person for person in people}
    steady = [person for person in people[10:] if person.status == "open" and not person.blocked]
    changes: Sequence[dict[str, Value]] = (
        {"role": "Architect"},
        {"department": "IT"},
        {"phone": "+420 555 01 4711"},
        {"last_name": "Novák-O'Neill"},
        {"status": "ended", "end_date": date(2026, 8, 31)},
        {"status": "ended", "end_date": date(2026, 8, 31)},
    )
    for person, change in zip(steady[::10], changes, strict=False):
        day2[person.id] = Contractor(**(person._asdict() | change))
    for person in steady[5:25:10]:
        del day2[person.id]
    for number in range(7201, 7204):
        joiner = contractor(dice, number, people)
        day2[number] = joiner._replace(start_date=date(2026, 9, 1), end_date=None, blocked=False)
    return list(day2.values())


def literal(value: Value) -> str:
    """`value` as a literal of standard SQL."""
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    return str(value) if isinstance(value, int) else "'" + str(value).replace("'", "''") + "'"


def insert(table: str, rows: Iterable[Sequence[Value]]) -> str:
    """One INSERT statement of all `rows`, a line each."""
    lines = ",\n".join("    (" + ", ".join(literal(value) for value in row) + ")" for row in rows)
    return f"INSERT INTO {table} VALUES\n{lines};\n"


def contractors_sql(people: Sequence[Contractor]) -> str:
    """The whole database as SQL that SQLite, PostgreSQL and MariaDB understand."""
    persons = insert("contractors", (person[:8] for person in people))
    contracts = insert("contracts", ((person.id, *person[8:]) for person in people))
    return "\n".join((CREATE, persons, contracts))


def sqlite_bytes(script: str) -> bytes:
    """The SQLite file that `script` makes.

    The header's change counter (offset 24), version-valid-for (92) and library version (96) tell which SQLite
    wrote the file (https://www.sqlite.org/fileformat2.html, section 1.3); they are set to one value.
    """
    connection = sqlite3.connect(":memory:")
    try:
        connection.executescript(f"PRAGMA page_size = 4096; PRAGMA auto_vacuum = 0; BEGIN; {script} COMMIT;")
        content = bytearray(connection.serialize())
    finally:
        connection.close()
    content[24:28] = content[92:96] = (1).to_bytes(4)
    content[96:100] = (3040000).to_bytes(4)
    return bytes(content)


def files() -> dict[str, bytes]:
    """Path (relative to this folder) and content of every file that this program writes."""
    dice = Dice(20260901)
    staff = employees(dice)
    staff2 = second_day(dice, staff)
    people = contractors(dice)
    script, script2 = contractors_sql(people), contractors_sql(second_day_contractors(dice, people))
    return {
        "employees.csv": csv_text(staff).encode(),
        "contractors.sql": script.encode(),
        "contractors.db": sqlite_bytes(script),
        "day2/employees.csv": csv_text(staff2).encode(),
        "day2/contractors.sql": script2.encode(),
        "day2/contractors.db": sqlite_bytes(script2),
        **bad_files(staff),
    }


def main(folder: Path) -> None:
    """Writes all files below `folder`."""
    for name, content in files().items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)
