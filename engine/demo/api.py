"""A sample of CISO Assistant's REST API: the few collections that the shipped rules use, with its ways and traps."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlencode
from uuid import NAMESPACE_URL, uuid5

from engine.demo.web import Answered, Asked

TOKEN = "demo-token-of-nobody"  # noqa: S105 - opens nothing but the sample API
CONTROLS = tuple(f"AC-{number:02}" for number in range(1, 11))
REQUIREMENTS = tuple(f"urn:intuitem:risk:req_node:iso27001-2022:a.5.{number}" for number in range(1, 9))
AUDIT = "AUDIT-2026"
FOLDER = "Production"
ASSETS = ("Mail gateway", "Web shop", "VPN")

Row = dict[str, Any]

# What really filters, by collection; as in the real API any other name is ignored and the whole list comes back.
_FILTERS: Mapping[str, tuple[str, ...]] = {
    "folders": ("name",),
    "applied-controls": ("ref_id", "name", "folder"),
    "assets": ("name", "folder"),
    "evidences": ("name", "folder", "applied_controls"),
    "incidents": ("search", "folder"),
    "vulnerabilities": ("search", "folder"),
    "requirement-assessments": ("compliance_assessment__ref_id", "requirement__urn", "folder__name"),
}
# What must be different within a folder, by collection.
_UNIQUE: Mapping[str, str] = {"evidences": "name", "incidents": "ref_id", "vulnerabilities": "ref_id"}
_PAGE = 50


class SampleApi:
    """Holds rows and answers requests under `/api/`.

    Args:
        stumbles: what fails with 503 the first time, as (method, text in the target or the body's `ref_id`).
    """

    def __init__(self, stumbles: tuple[tuple[str, str], ...] = ()) -> None:
        self._stumbles = list(stumbles)
        folder = _row("folders", FOLDER, name=FOLDER)
        reference = {"id": folder["id"], "str": FOLDER}
        self.rows: dict[str, list[Row]] = {name: [] for name in _FILTERS}
        self.rows["folders"].append(folder)
        for ref_id in CONTROLS:
            self._add(
                "applied-controls", ref_id, ref_id=ref_id, name=f"Control {ref_id}", folder=reference, status="--"
            )
        for name in ASSETS:
            self._add("assets", name, name=name, folder=reference)
        for urn in REQUIREMENTS:
            found = {"compliance_assessment__ref_id": AUDIT, "requirement__urn": urn, "folder__name": FOLDER}
            state = {
                "status": "to_do",
                "result": "not_assessed",
                "observation": None,
                "is_scored": False,
                "score": None,
            }
            self._add("requirement-assessments", urn, **found, **state)

    def answer(self, asked: Asked) -> Answered:
        """Answer one request."""
        if asked.headers.get("authorization") != f"Token {TOKEN}":
            return Answered(401, {"detail": "Invalid token."})
        if self._stumbled(asked):
            return Answered(503, {"detail": "The service is restarting."})
        match asked.method, asked.path.removeprefix("/api/").split("/"):
            case "GET", [""]:
                return Answered(200, {name: f"/api/{name}/" for name in self.rows})
            case "GET", [name, ""] if name in self.rows:
                return self._list(name, asked.query)
            case "POST", [name, ""] if name in _UNIQUE:
                return self._create(name, asked.body)
            case "PATCH", [name, key, ""] if name in self.rows:
                return self._change(name, key, asked.body)
        return Answered(404, {"detail": "Not found."})

    def _stumbled(self, asked: Asked) -> bool:
        about = asked.body.get("ref_id", "") if isinstance(asked.body, dict) else ""
        for stumble in self._stumbles:
            if asked.method == stumble[0] and stumble[1] in (about, *asked.path.split("/")):
                self._stumbles.remove(stumble)
                return True
        return False

    def _list(self, name: str, query: Mapping[str, str]) -> Answered:
        filters = [(key, value) for key, value in query.items() if key in _FILTERS[name] and value]
        found = [row for row in self.rows[name] if all(_fits(row, key, value) for key, value in filters)]
        offset, limit = int(query.get("offset", 0)), int(query.get("limit", _PAGE))
        more = offset + limit < len(found)
        following = urlencode({**query, "limit": limit, "offset": offset + limit})
        return Answered(
            200,
            {
                "count": len(found),
                "next": f"/api/{name}/?{following}" if more else None,
                "previous": None,
                "results": found[offset : offset + limit],
            },
        )

    def _create(self, name: str, body: Row) -> Answered:
        wrong = {field: error for field, check in _CHECKS.items() if (error := check(name, body.get(field)))}
        if wrong:
            return Answered(400, wrong)
        unique = _UNIQUE[name]
        if any(row[unique] == body.get(unique) and row["folder"] == body.get("folder") for row in self.rows[name]):
            return Answered(400, {unique: [f"This {unique} is already used in this scope."]})
        return Answered(201, self._add(name, str(body.get(unique)), **body))

    def _change(self, name: str, key: str, body: Row) -> Answered:
        for row in self.rows[name]:
            if row["id"] == key:
                row.update({field: value for field, value in body.items() if field in row})  # others are ignored
                return Answered(200, row)
        return Answered(404, {"detail": f"No {name} matches the given query."})

    def _add(self, collection: str, about: str, /, **fields: Any) -> Row:
        row = _row(collection, about, **fields)
        self.rows[collection].append(row)
        return row


def identity(collection: str, about: str) -> str:
    """The id of a sample row: the same in every demo."""
    return str(uuid5(NAMESPACE_URL, f"{collection}/{about}"))


def _row(collection: str, about: str, /, **fields: Any) -> Row:
    return {"id": identity(collection, about), **fields}


def _fits(row: Row, key: str, value: str) -> bool:
    if key == "search":
        return any(value.lower() in str(row.get(field, "")).lower() for field in ("ref_id", "name", "description"))
    held = row.get(key)
    if isinstance(held, list):
        return value in held
    return value == (held["id"] if isinstance(held, dict) else held)


def _severity(name: str, value: Any) -> list[str] | None:
    allowed = range(1, 7) if name == "incidents" else range(-1, 5)
    return None if value is None or value in allowed else [f'"{value}" is not a valid choice.']


def _name(_name: str, value: Any) -> list[str] | None:
    return None if value else ["This field is required."]


_CHECKS: Mapping[str, Callable[[str, Any], list[str] | None]] = {"severity": _severity, "name": _name}
