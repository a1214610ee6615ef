"""The objects of all collections, in memory, filtered and paged as CISO Assistant does."""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from datetime import UTC, datetime
from typing import Any

Item = dict[str, Any]

GLOBAL_FOLDER = str(uuid.uuid5(uuid.NAMESPACE_URL, "folders/Global"))

# which collection a relation points into, where its name does not say it
RELATIONS = {
    "folder": "folders", "parent_folder": "folders", "evidences": "evidences", "evidence": "evidences",
    "applied_controls": "applied-controls", "assets": "assets", "asset": "assets", "incident": "incidents",
    "incidents": "incidents", "findings_assessment": "findings-assessments", "findings": "findings",
    "compliance_assessment": "compliance-assessments", "perimeter": "perimeters", "vulnerabilities": "vulnerabilities",
    "risk_assessment": "risk-assessments", "risk_scenarios": "risk-scenarios", "task_template": "task-templates",
    "security_exceptions": "security-exceptions", "requirement_assessments": "requirement-assessments",
    "owner": "users", "owners": "users", "approver": "users", "author": "users",
}  # fmt: skip

# (fields that must be unique together within a folder, only where the first has a value)
_UNIQUE = {
    "evidences": ("name",),
    "assets": ("name",),
    "incidents": ("ref_id",),
    "applied-controls": ("ref_id", "name"),
    "vulnerabilities": ("ref_id", "name"),
    "security-exceptions": ("ref_id", "name"),
}

_SEARCHED = ("name", "ref_id", "description", "entry")
_SEARCHED_OTHERWISE = {
    "findings": ("name", "description"),
    "risk-acceptances": ("name", "description", "justification"),
    "task-nodes": ("observation",),
    "task-templates": ("ref_id", "name"),
}


class Store:
    """All collections."""

    def __init__(self, names: Iterable[str]) -> None:
        self._collections: dict[str, dict[str, Item]] = {name: {} for name in names}
        self._by_reference: dict[tuple[str, str], dict[str, Item]] = {}
        self._count = itertools.count(1)
        self.add("folders", {"id": GLOBAL_FOLDER, "name": "Global"})

    def all(self, collection: str) -> list[Item]:
        """Every object, oldest first."""
        return list(self._collections[collection].values())

    def get(self, collection: str, key: str) -> Item | None:
        """One object."""
        return self._collections[collection].get(key)

    def holds(self, relation: str, key: str) -> bool:
        """Whether the object of a relation exists; unknown relations hold everything."""
        collection = RELATIONS.get(relation)
        return collection is None or key in self._collections[collection]

    def add(self, collection: str, values: Mapping[str, Any]) -> Item:
        """A new object; its id is made from its number where none is given."""
        number = next(self._count)
        now = datetime.now(UTC).isoformat().replace("+00:00", "Z")
        item: Item = {"id": str(uuid.uuid5(uuid.NAMESPACE_URL, f"{collection}/{number}"))}
        item |= {"created_at": now, "updated_at": now} | dict(values)
        if collection != "folders":
            item.setdefault("folder", GLOBAL_FOLDER)
        if collection == "risk-acceptances":
            item.setdefault("state", "Created")
        self._collections[collection][item["id"]] = item
        self._index(collection, item)
        return item

    def change(self, collection: str, item: Item, values: Mapping[str, Any]) -> None:
        """Set fields; a list replaces the list that was there."""
        self._unindex(collection, item)
        item.update(values)
        item["updated_at"] = datetime.now(UTC).isoformat().replace("+00:00", "Z")
        self._index(collection, item)

    def remove(self, collection: str, item: Item) -> None:
        """Delete an object."""
        self._unindex(collection, item)
        del self._collections[collection][item["id"]]

    def taken(
        self, collection: str, values: Mapping[str, Any], changed: AbstractSet[str], *, but: str | None = None
    ) -> str | None:
        """The field whose value another object of the folder has, where that is refused; `changed`: new in `values`."""
        fields = _UNIQUE.get(collection)
        if fields is None or not values.get(fields[0]) or (but and changed.isdisjoint((*fields, "folder"))):
            return None
        folder = values.get("folder", GLOBAL_FOLDER)
        for item in self._collections[collection].values():
            same = all(item.get(name) == values.get(name) for name in fields)
            if same and item["folder"] == folder and item["id"] != but:
                return fields[0]
        return None

    def select(self, collection: str, filters: Mapping[str, list[str]]) -> list[Item]:
        """Objects that match all filters, each by any of its values."""
        found: Iterable[Item] = self._collections[collection].values()
        if reference := filters.get("ref_id"):
            found = [item for one in reference for item in self._by_reference.get((collection, one), {}).values()]
        others = [(name, values) for name, values in filters.items() if name != "ref_id"]
        return [item for item in found if all(self._matches(collection, item, *one) for one in others)]

    def _matches(self, collection: str, item: Item, name: str, wanted: list[str]) -> bool:
        if name == "search":
            searched = _SEARCHED_OTHERWISE.get(collection, _SEARCHED)
            texts = [str(item.get(field) or "").lower() for field in searched]
            requirement = item.get("requirement")
            texts += [str(value).lower() for value in (requirement or {}).values()] if requirement else []
            return any(wanted[0].lower() in text for text in texts)
        if name == "id":
            wanted = [key for one in wanted for key in one.split(",")]
        field, _, rest = name.partition("__")
        value = item.get(field)
        if rest in ("gt", "gte", "lt", "lte"):
            return value is not None and _compares(str(value), rest, wanted[0])
        if rest:
            related = value if isinstance(value, dict) else self.get(RELATIONS.get(field, ""), value) if value else None
            return related is not None and str(related.get(rest)) in wanted
        if isinstance(value, list):
            return any(str(one) in wanted for one in value)
        return str(value["id"] if isinstance(value, dict) else value) in wanted

    def _index(self, collection: str, item: Item) -> None:
        if reference := item.get("ref_id"):
            self._by_reference.setdefault((collection, reference), {})[item["id"]] = item

    def _unindex(self, collection: str, item: Item) -> None:
        if reference := item.get("ref_id"):
            self._by_reference.get((collection, reference), {}).pop(item["id"], None)


def _compares(value: str, how: str, other: str) -> bool:
    match how:
        case "gt":
            return value > other
        case "gte":
            return value >= other
        case "lt":
            return value < other
        case _:
            return value <= other
