"""The shipped rules, by `engine publish`, against the API: each changes what it should, nothing else."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from tests.api_server.client import ApiServer
from tests.rig.engine import ROOT, Engine
from tests.rig.waiting import eventually
from tests.rig.world import World
from tests.services.kafka import Kafka
from tests.services.registry import Registry

pytestmark = pytest.mark.services

_COLLECTIONS = (
    "applied-controls", "assets", "compliance-assessments", "evidences", "findings", "findings-assessments", "folders",
    "incidents", "perimeters", "requirement-assessments", "risk-acceptances", "risk-assessments", "risk-scenarios",
    "security-exceptions", "task-nodes", "task-templates", "timeline-entries", "users", "vulnerabilities",
)  # fmt: skip
_OPENAPI = str(ROOT / "schemas" / "ciso-assistant.openapi.json")

_ENDS = ("event.done", "event.skipped", "event.dead_lettered")

Objects = dict[str, dict[str, dict[str, Any]]]


@dataclass(frozen=True, slots=True)
class Shipped:
    """An engine with the shipped rules, and its world."""

    world: World
    engine: Engine


@pytest.fixture(scope="module")
def shipped(
    tmp_path_factory: pytest.TempPathFactory, kafka: Kafka, registry: Registry, api_server_process: ApiServer
) -> Iterator[Shipped]:
    """One engine for all tests of this file, configured as shipped but for the addresses."""
    world = World(tmp_path_factory.mktemp("shipped"), kafka, api_server_process)
    api_server_process.reset()
    engine = world.engine(
        events={"format": "avro"},
        schema_registry={"url": registry.url},
        rules={"path": str(ROOT / "rules")},
        api={"openapi": _OPENAPI},
    )
    yield Shipped(world, engine.start_ready())
    world.close()


@pytest.fixture
def api(shipped: Shipped, api_server: ApiServer) -> ApiServer:
    """The API server as it begins, with the engine that uses it."""
    return api_server


def _objects(api: ApiServer) -> Objects:
    return {name: {item["id"]: item for item in api.objects(name)} for name in _COLLECTIONS}


def _changes(before: Objects, after: Objects) -> list[tuple[str, str, dict[str, Any]]]:
    """What differs: (collection, created | changed | removed, the fields)."""
    found = []
    for name in _COLLECTIONS:
        for key, item in after[name].items():
            old = before[name].get(key)
            if old is None:
                found.append((name, "created", {k: v for k, v in item.items() if k not in _OWN}))
            elif old != item:
                changed = {field: value for field, value in item.items() if old.get(field) != value}
                found.append((name, "changed", {k: v for k, v in changed.items() if k not in _OWN}))
        found += [(name, "removed", before[name][key]) for key in before[name].keys() - after[name].keys()]
    return found


_OWN = {"id", "created_at", "updated_at"}  # made by the API


def _one(objects: Objects, collection: str, field: str, value: str) -> dict[str, Any]:
    (found,) = [item for item in objects[collection].values() if item.get(field) == value]
    return found


def _publish(shipped: Shipped, folder: Path, kind: str, payload: Mapping[str, Any]) -> None:
    """Through the verb, then wait for the event's end."""
    path = folder / "event.json"
    identity = str(uuid4())
    path.write_text(json.dumps({"event_id": identity, "event_type": kind, "version": 1, "payload": payload}))
    done = shipped.engine.verb("publish", str(path))
    assert (0, "") == (done.code, done.errors)
    eventually(lambda: any(line["event_id"] == identity for name in _ENDS for line in shipped.engine.events(name)))


def test_the_status_of_one_control_is_set(shipped: Shipped, api: ApiServer, tmp_path: Path) -> None:
    """Only the status of the control with the event's reference changes."""
    before = _objects(api)
    _publish(shipped, tmp_path, "update_applied_control_status", {"ref_id": "AC-3", "status": "active"})
    assert [("applied-controls", "changed", {"status": "active"})] == _changes(before, _objects(api))
    assert "active" == _one(_objects(api), "applied-controls", "ref_id", "AC-3")["status"]
    assert [] == api.violations()


def test_an_assessment_of_a_requirement_is_set(shipped: Shipped, api: ApiServer, tmp_path: Path) -> None:
    """Status, result and observation of the one assessment change."""
    before = _objects(api)
    values = {"status": "done", "result": "compliant", "observation": "Approved."}
    where = {"compliance_assessment_ref_id": "CA-1", "requirement_urn": "urn:test:req:2"}
    _publish(shipped, tmp_path, "update_requirement_assessment_status", where | values)
    assert [("requirement-assessments", "changed", values)] == _changes(before, _objects(api))
    assert [] == api.violations()


def test_evidence_is_attached_to_a_control(shipped: Shipped, api: ApiServer, tmp_path: Path) -> None:
    """One evidence is created, attached from the start; the control itself is not written."""
    before = _objects(api)
    control = _one(before, "applied-controls", "ref_id", "AC-4")
    _publish(
        shipped,
        tmp_path,
        "attach_evidence_to_applied_control",
        {"applied_control_ref_id": "AC-4", "name": "Review", "status": "in_review"},
    )
    changes = _changes(before, _objects(api))
    assert [("evidences", "created")] == [change[:2] for change in changes if change[0] != "applied-controls"]
    created = next(fields for name, _, fields in changes if name == "evidences")
    assert {"name": "Review", "applied_controls": [control["id"]], "status": "in_review"}.items() <= created.items()
    assert control["folder"] == created["folder"]
    assert [] == [one for one in api.requests() if one["method"] != "GET" and "/applied-controls/" in one["path"]]
    assert [] == api.violations()


def test_an_incident_is_created_once(shipped: Shipped, api: ApiServer, tmp_path: Path) -> None:
    """One incident is created in its folder; another event with its reference creates none."""
    before = _objects(api)
    payload = {"ref_id": "INC-9", "name": "Phishing", "folder": "Team", "status": "ongoing", "severity": 2}
    _publish(shipped, tmp_path, "create_incident", payload)
    ((collection, change, created),) = _changes(before, _objects(api))
    assert ("incidents", "created") == (collection, change)
    folder = _one(before, "folders", "name", "Team")["id"]
    assert (payload | {"folder": folder}).items() <= created.items()
    after = _objects(api)
    _publish(shipped, tmp_path, "create_incident", payload)
    assert [] == _changes(after, _objects(api))
    assert [] == api.violations()


def test_a_vulnerability_is_reported_with_its_assets(shipped: Shipped, api: ApiServer, tmp_path: Path) -> None:
    """One vulnerability is created with the asset that the event names; the asset is not written."""
    before = _objects(api)
    payload = {"ref_id": "CVE-1", "name": "Overflow", "folder": "Team", "severity": 3, "status": "exploitable"}
    _publish(shipped, tmp_path, "report_vulnerability", payload | {"assets": ["Server"]})
    ((collection, change, created),) = [one for one in _changes(before, _objects(api)) if one[0] != "assets"]
    assert ("vulnerabilities", "created") == (collection, change)
    asset = _one(before, "assets", "name", "Server")["id"]
    folder = _one(before, "folders", "name", "Team")["id"]
    assert (payload | {"folder": folder, "assets": [asset]}).items() <= created.items()
    assert [] == [one for one in api.requests() if one["method"] != "GET" and "/assets/" in one["path"]]
    assert [] == api.violations()


def test_a_timeline_entry_is_added_once(shipped: Shipped, api: ApiServer, tmp_path: Path) -> None:
    """The incident gets one entry; the same event again adds none."""
    before = _objects(api)
    entry = {"entry": "Mailboxes locked", "entry_type": "mitigation"}
    payload = entry | {"incident_ref_id": "INC-1", "timestamp": "2026-09-14T08:41:07Z"}
    for _ in range(2):
        _publish(shipped, tmp_path, "add_incident_timeline_entry", payload)
    ((collection, change, created),) = _changes(before, _objects(api))
    assert ("timeline-entries", "created") == (collection, change)
    incident = _one(before, "incidents", "ref_id", "INC-1")["id"]
    assert (entry | {"incident": incident, "timestamp": "2026-09-14T08:41:07Z"}).items() <= created.items()
    assert [] == api.violations()


def test_a_finding_is_reported_once_and_then_mitigated(shipped: Shipped, api: ApiServer, tmp_path: Path) -> None:
    """One finding in the assessment, whose status a later event changes."""
    before = _objects(api)
    which = {"findings_assessment_ref_id": "FA-1", "ref_id": "s3-1", "name": "Bucket is public"}
    for _ in range(2):
        _publish(shipped, tmp_path, "report_finding", which | {"severity": 3, "observation": "eu-west-1"})
    _publish(shipped, tmp_path, "update_finding_status", which | {"status": "mitigated"})
    ((collection, change, created),) = _changes(before, _objects(api))
    assert ("findings", "created") == (collection, change)
    assessment = _one(before, "findings-assessments", "ref_id", "FA-1")["id"]
    expected = {"ref_id": "s3-1", "severity": 3, "status": "mitigated", "findings_assessment": assessment}
    assert expected.items() <= created.items()
    assert [] == api.violations()


@pytest.mark.parametrize(
    ("kind", "payload", "collection", "changed"),
    [
        ("update_incident_status", {"ref_id": "INC-1", "status": "closed"}, "incidents", {"status": "closed"}),
        ("update_vulnerability_status", {"ref_id": "VUL-1", "status": "fixed"}, "vulnerabilities", {"status": "fixed"}),
        ("update_asset", {"name": "Server", "folder": "Team", "ref_id": "CI-1"}, "assets", {"ref_id": "CI-1"}),
        (
            "update_task_status",
            {"task_ref_id": "TT-1", "due_date": "2030-01-01", "observation": "Done"},
            "task-nodes",
            {"status": "completed", "observation": "Done"},
        ),
    ],
)
def test_one_object_is_changed(
    shipped: Shipped,
    api: ApiServer,
    tmp_path: Path,
    kind: str,
    payload: dict[str, Any],
    collection: str,
    changed: dict[str, Any],
) -> None:
    """Exactly the fields of the event change, on exactly one object; the same event again changes nothing."""
    before = _objects(api)
    _publish(shipped, tmp_path, kind, payload)
    after = _objects(api)
    assert [(collection, "changed", changed)] == _changes(before, after)
    _publish(shipped, tmp_path, kind, payload)
    assert [] == [change for change in _changes(after, _objects(api)) if change[2]]
    assert [] == api.violations()


def test_files_of_evidence(shipped: Shipped, api: ApiServer, tmp_path: Path) -> None:
    """A file is put in once, evidence with a file is created attached, and gets a second version."""
    control = _one(_objects(api), "applied-controls", "ref_id", "AC-4")
    policy = {"evidence_name": "Policy", "file_name": "ü.txt", "content": "YWJj"}
    restore = {"applied_control_ref_id": "AC-4", "name": "Restore", "file_name": "a.txt", "content": "YWJj"}
    for _ in range(2):
        _publish(shipped, tmp_path, "upload_evidence_file", policy)
        _publish(shipped, tmp_path, "attach_file_to_applied_control", restore)
    newer = {"evidence_name": "Restore", "file_name": "b.txt", "content": "YWJjZA=="}
    _publish(shipped, tmp_path, "add_evidence_revision", newer)
    named = {item["id"]: item["name"] for item in api.objects("evidences")}
    versions = [
        (named[one["evidence"]], one["version"], one["attachment"]) for one in api.objects("evidence-revisions")
    ]
    assert [
        ("Policy", 1, {"filename": "ü.txt", "size": 3}),
        ("Restore", 1, {"filename": "a.txt", "size": 3}),
        ("Restore", 2, {"filename": "b.txt", "size": 4}),
    ] == sorted(versions, key=str)
    assert [control["id"]] == _one(_objects(api), "evidences", "name", "Restore")["applied_controls"]
    assert [] == api.violations()


def test_a_security_exception_is_created_once_and_expires(shipped: Shipped, api: ApiServer, tmp_path: Path) -> None:
    """One exception with its asset; a later event expires it."""
    before = _objects(api)
    payload = {"ref_id": "CHG1", "name": "TLS 1.0", "folder": "Team", "status": "approved", "assets": ["Server"]}
    for _ in range(2):
        _publish(shipped, tmp_path, "create_security_exception", payload)
    _publish(
        shipped,
        tmp_path,
        "update_security_exception_status",
        {"ref_id": "CHG1", "folder": "Team", "status": "expired"},
    )
    ((collection, change, created),) = [one for one in _changes(before, _objects(api)) if one[0] != "assets"]
    assert ("security-exceptions", "created") == (collection, change)
    asset = _one(before, "assets", "name", "Server")["id"]
    assert {"ref_id": "CHG1", "status": "expired", "assets": [asset]}.items() <= created.items()
    assert [] == api.violations()


def test_a_risk_acceptance_is_requested_accepted_and_revoked(shipped: Shipped, api: ApiServer, tmp_path: Path) -> None:
    """One acceptance goes from submitted to accepted to revoked; the scenario itself is not written by the engine."""
    before = _objects(api)
    asked = {
        "approver_email": "auditor@example.org",
        "risk_assessment_ref_id": "RA-1",
        "risk_scenario_ref_ids": ["R.1"],
    }
    states = []
    for kind, more in (
        ("request_risk_acceptance", asked),
        ("request_risk_acceptance", asked),
        ("accept_risk_acceptance", {"justification": "Ordered."}),
        ("revoke_risk_acceptance", {"justification": "Replaced."}),
    ):
        _publish(shipped, tmp_path, kind, {"name": "RISK-88"} | more)
        states.append(_one(_objects(api), "risk-acceptances", "name", "RISK-88")["state"])
    assert ["Submitted", "Submitted", "Accepted", "Revoked"] == states
    ((collection, change, created),) = _changes(before, _objects(api))
    assert ("risk-acceptances", "created") == (collection, change)
    scenario = _one(before, "risk-scenarios", "ref_id", "R.1")["id"]
    assert {"risk_scenarios": [scenario], "justification": "Replaced."}.items() <= created.items()
    assert [] == api.violations()


def test_a_reference_that_nobody_has_changes_nothing(shipped: Shipped, api: ApiServer, tmp_path: Path) -> None:
    """The event is a dead letter at stage `expect`; nothing in the API changes."""
    before, letters = _objects(api), shipped.world.topics.count(shipped.world.dlq)
    _publish(shipped, tmp_path, "update_applied_control_status", {"ref_id": "AC-404", "status": "active"})
    assert [] == _changes(before, _objects(api))
    (letter,) = shipped.world.topics.letters(shipped.world.dlq, letters + 1)[letters:]
    assert ("expect", "find") == (letter.text("dlq.stage"), letter.text("dlq.request"))
    assert [] == api.violations()
