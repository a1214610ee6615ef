"""The demo's events: five types, mixed; two meet a stumbling API, one is refused by it, one is no event at all."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from engine.demo.api import ASSETS, AUDIT, CONTROLS, FOLDER, REQUIREMENTS, identity

STUMBLES = (("PATCH", identity("applied-controls", CONTROLS[3])), ("POST", "INC-2026-03"))
"""What the sample API fails at once: a control's change, and an incident's creation. See SampleApi."""

POISON = b"\x00\x00\x00\x00\x01 these bytes are no Avro record \xff\xfe"
"""A value that names a registered schema and does not follow it."""

REFUSED = "INC-2026-05"
"""Reference of the incident that the API refuses: there is no severity 9."""

Payload = tuple[str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Sample:
    """A message to publish.

    Attributes:
        about: what it is about; the message's key.
        event: as JSON; None for the poison message.
    """

    about: str
    event: Mapping[str, Any] | None


def samples() -> list[Sample]:
    """All messages in the order of publishing; the same ones every time."""
    kinds = (
        ("update_applied_control_status", _controls()),
        ("update_requirement_assessment_status", _requirements()),
        ("attach_evidence_to_applied_control", _evidence()),
        ("create_incident", _incidents()),
        ("report_vulnerability", _vulnerabilities()),
    )
    columns = ([(kind, *payload) for payload in payloads] for kind, payloads in kinds)
    mixed = [each for turn in zip_longest(*columns) for each in turn if each is not None]
    found = [Sample(about, _event(number, kind, payload)) for number, (kind, about, payload) in enumerate(mixed)]
    found.insert(len(found) // 2, Sample("poison", None))
    return found


def _event(number: int, kind: str, payload: Mapping[str, Any]) -> Mapping[str, Any]:
    name = str(uuid5(NAMESPACE_URL, f"engine demo {number}"))
    return {"event_id": name, "event_type": kind, "version": 1, "payload": payload}


def _controls() -> Iterator[Payload]:
    # three changes of each control: their order is kept, whatever happens to the others
    for status in ("to_do", "in_progress", "active"):
        for ref_id in CONTROLS[:5]:
            yield ref_id, {"ref_id": ref_id, "status": status}


def _requirements() -> Iterator[Payload]:
    for urn in REQUIREMENTS:
        payload = {"requirement_urn": urn, "status": "done", "result": "compliant", "observation": "Seen and signed."}
        yield urn.rpartition(":")[2], {"compliance_assessment_ref_id": AUDIT, **payload}


def _evidence() -> Iterator[Payload]:
    for ref_id in CONTROLS[:6]:
        yield ref_id, {"applied_control_ref_id": ref_id, "name": f"Review of {ref_id}", "status": "in_review"}


def _incidents() -> Iterator[Payload]:
    names: Iterable[str] = ("Phishing wave", "Lost laptop", "Leaked key", "Malware found", "Odd login", "Broken door")
    for number, name in enumerate(names, 1):
        ref_id = f"INC-2026-{number:02}"
        severity = 9 if ref_id == REFUSED else 1 + number % 6
        yield ref_id, {"ref_id": ref_id, "name": name, "folder": FOLDER, "severity": severity}


def _vulnerabilities() -> Iterator[Payload]:
    for number in range(1, 5):
        ref_id = f"CVE-2026-100{number}"
        payload = {"name": f"Flaw {number}", "folder": FOLDER, "severity": number, "assets": [ASSETS[number % 3]]}
        yield ref_id, {"ref_id": ref_id, **payload}
