"""The script that people write: csv.DictReader, f-strings, json.dumps. It validates and remembers nothing."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

BULK_REQUEST = "urn:ietf:params:scim:api:messages:2.0:BulkRequest"
CORE = "urn:ietf:params:scim:schemas:core:2.0:User"
ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
ACME = "urn:ietf:params:scim:schemas:extension:acme:2.0:User"


def bodies(path: Path) -> Iterator[bytes]:
    """Give the bodies of the bulk requests for a CSV file, 50 people each."""
    operations: list[dict[str, Any]] = []
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            operations.append(
                {"method": "POST", "bulkId": row["EmployeeId"], "path": "/Users", "data": user(row)}
            )
            if len(operations) == 50:
                yield _body(operations)
                operations = []
    if operations:
        yield _body(operations)


def user(row: dict[str, str]) -> dict[str, Any]:
    """Give the SCIM user of a row."""
    given = row["FirstName"].strip().title()
    family = row["LastName"].strip().title()
    email = row["Email"].strip().lower()
    result: dict[str, Any] = {
        "schemas": [CORE, ENTERPRISE, ACME],
        "externalId": row["EmployeeId"],
        "userName": email,
        "name": {"givenName": given, "familyName": family},
        "displayName": f"{given} {family}",
        "title": row["JobTitle"],
        "preferredLanguage": row["Language"] or "en-US",
        "active": row["Status"] != "Terminated",
        "emails": [{"value": email, "type": "work", "primary": True}],
        "addresses": [_address(row)],
        ENTERPRISE: _employment(row),
        ACME: {"hireDate": f"{row['HireDate']}T00:00:00Z", "jobCode": row["JobCode"]},
    }
    if row["PreferredName"]:
        result["nickName"] = row["PreferredName"]
    phones = [
        {"value": row[column], "type": kind}
        for column, kind in (("Phone", "work"), ("Mobile", "mobile"))
        if row[column]
    ]
    if phones:
        result["phoneNumbers"] = phones
    return result


def _address(row: dict[str, str]) -> dict[str, str]:
    address = {
        "type": "work",
        "streetAddress": row["Street"],
        "locality": row["City"],
        "postalCode": row["PostalCode"],
        "country": row["Country"],
    }
    if row["Region"]:
        address["region"] = row["Region"]
    return address


def _employment(row: dict[str, str]) -> dict[str, Any]:
    employment: dict[str, Any] = {
        "employeeNumber": row["EmployeeId"],
        "costCenter": row["CostCenter"],
        "organization": row["Company"],
        "division": row["Division"],
        "department": row["Department"],
    }
    if row["ManagerId"]:
        employment["manager"] = {"value": row["ManagerId"]}
    return employment


def _body(operations: list[dict[str, Any]]) -> bytes:
    request = {"schemas": [BULK_REQUEST], "Operations": operations, "failOnErrors": None}
    return json.dumps(request).encode()
