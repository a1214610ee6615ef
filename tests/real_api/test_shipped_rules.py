"""The shipped rules against a running CISO Assistant: each leaves exactly the state that its tests say.

Skipped unless ENGINE_REAL_API_URL (e.g. http://localhost:8000/api) and ENGINE_REAL_API_TOKEN (of a user who may do
everything) are set. All objects stand in a folder of their own, which stays for you to look at.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest

from engine.outcome import Dead, Done
from tests.real_api.instance import Instance, Item, encoded

URL, TOKEN = os.environ.get("ENGINE_REAL_API_URL", ""), os.environ.get("ENGINE_REAL_API_TOKEN", "")

pytestmark = pytest.mark.skipif(not (URL and TOKEN), reason="ENGINE_REAL_API_URL and ENGINE_REAL_API_TOKEN are not set")


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Instance:
    """The API, with a new folder and in it a control, an asset and a findings assessment."""
    instance = Instance(URL, TOKEN, tmp_path_factory.mktemp("real"), f"Engine {uuid4()}")
    instance.ask("POST", "/folders/", {"name": instance.folder})
    instance.add("applied-controls", name="Backup", ref_id="AC-1", status="to_do")
    instance.add("applied-controls", name="Backup of backups", ref_id="AC-11", status="to_do")
    instance.add("assets", name="Server", type="SP")
    instance.add("findings-assessments", name="Posture", ref_id=f"FA {instance.folder}")
    return instance


def _done(real: Instance, event_type: str, **payload: Any) -> int:
    """The event is done; how many requests it took."""
    outcome = real.happen(event_type, **payload)
    assert not isinstance(outcome, Dead), outcome.error
    assert isinstance(outcome, Done)
    return outcome.attempts


def _one(items: list[Item], field: str, value: str) -> Item:
    (found,) = [item for item in items if item[field] == value]
    return found


def test_a_control_gets_its_status(real: Instance) -> None:
    """The one control changes, the one with a longer reference does not."""
    _done(real, "update_applied_control_status", ref_id="AC-1", status="active", folder=real.folder)
    assert {"AC-1": "active", "AC-11": "to_do"} == {
        one["ref_id"]: one["status"] for one in real.own("applied-controls")
    }


def test_a_requirement_is_assessed(real: Instance) -> None:
    """Status, result and observation of the one assessment change."""
    frameworks = real.all("frameworks")
    if not frameworks:
        pytest.skip("the instance has no framework")
    perimeter = real.add("perimeters", name="Audited")
    facts = {"perimeter": perimeter["id"], "framework": frameworks[0]["id"]}
    audit = real.add("compliance-assessments", name="Audit", ref_id=f"CA {real.folder}", **facts)
    assessments = real.all("requirement-assessments", compliance_assessment=audit["id"])
    chosen = next(one for one in assessments if one["assessable"])
    values = {"status": "done", "result": "compliant", "observation": "Approved."}
    where = {"compliance_assessment_ref_id": audit["ref_id"], "requirement_urn": chosen["requirement"]["urn"]}
    assert [2, 1] == [_done(real, "update_requirement_assessment_status", **where, **values) for _ in range(2)]
    after = real.all("requirement-assessments", compliance_assessment=audit["id"])
    changed = [one for one in after if one["observation"] == "Approved."]
    assert [chosen["id"]] == [one["id"] for one in changed]
    assert values.items() <= changed[0].items()


def test_evidence_is_attached_once(real: Instance) -> None:
    """One evidence, attached to its control."""
    payload = {"applied_control_ref_id": "AC-1", "name": "Review", "status": "approved", "folder": real.folder}
    for _ in range(2):
        _done(real, "attach_evidence_to_applied_control", **payload)
    evidence = _one(real.own("evidences"), "name", "Review")
    assert ["Backup"] == [one["str"].rpartition(" - ")[2] for one in evidence["applied_controls"]]


def test_a_file_is_put_into_evidence_once(real: Instance) -> None:
    """The latest version has the file; a second event leaves it there (the API itself would lose it)."""
    real.add("evidences", name="Log")
    file = {"evidence_name": "Log", "folder": real.folder, "file_name": "log ü.txt", "content": encoded("first")}
    assert [4, 3] == [_done(real, "upload_evidence_file", **file) for _ in range(2)]
    evidence = _one(real.own("evidences"), "name", "Log")
    (revision,) = real.all("evidence-revisions", evidence=evidence["id"])
    assert "5 B" == revision["size"]
    assert revision["attachment"].startswith("log_u")  # the API's own spelling, with a suffix where the name is taken


def test_a_file_is_attached_to_a_control_and_gets_a_new_version(real: Instance) -> None:
    """One evidence with its file, attached; a later event adds a second version."""
    file = {"folder": real.folder, "file_name": "restore ü.txt", "content": encoded("12 of 12")}
    for _ in range(2):
        _done(real, "attach_file_to_applied_control", applied_control_ref_id="AC-11", name="Restore", **file)
    evidence = _one(real.own("evidences"), "name", "Restore")
    assert 1 == len(evidence["applied_controls"])
    newer = file | {"content": encoded("13 of 13!")}
    _done(real, "add_evidence_revision", evidence_name="Restore", observation="October", **newer)
    revisions = real.all("evidence-revisions", evidence=evidence["id"])
    assert {1: "8 B", 2: "9 B"} == {one["version"]: one["size"] for one in revisions}
    assert [True] == [one["observation"].startswith("October [") for one in revisions if one["version"] == 2]


def test_an_incident_is_reported_followed_and_closed(real: Instance) -> None:
    """One incident, one entry of ours in its timeline, closed at the end."""
    for _ in range(2):
        _done(real, "create_incident", ref_id="INC-1", name="Phishing", folder=real.folder, severity=2)
        _done(
            real,
            "add_incident_timeline_entry",
            incident_ref_id="INC-1",
            folder=real.folder,
            entry="Mailboxes locked, it's over: 14 of 14",
            entry_type="mitigation",
            timestamp="2026-01-14T08:41:07.120Z",
        )
    for _ in range(2):
        _done(real, "update_incident_status", ref_id="INC-1", folder=real.folder, status="closed", resolution="Reset.")
    incident = _one(real.own("incidents"), "ref_id", "INC-1")
    assert ("Closed", "Reset.") == (incident["status"], incident["resolution"])
    entries = real.all("timeline-entries", incident=incident["id"])
    assert 1 == len([one for one in entries if one["entry_type"] == "mitigation"])
    assert 1 == len([one for one in entries if one["entry_type"] == "status_changed"])


def test_a_vulnerability_is_reported_once_and_fixed(real: Instance) -> None:
    """One vulnerability with its asset, fixed at the end."""
    for _ in range(2):
        _done(real, "report_vulnerability", ref_id="CVE-1", name="Overflow", folder=real.folder, assets=["Server"])
    _done(real, "update_vulnerability_status", ref_id="CVE-1", folder=real.folder, status="fixed")
    found = _one(real.own("vulnerabilities"), "ref_id", "CVE-1")
    assert ("fixed", 1) == (found["status"], len(found["assets"]))


def test_a_finding_is_reported_once_and_mitigated(real: Instance) -> None:
    """One finding, mitigated at the end; one with the same name and another reference stays."""
    which = {"findings_assessment_ref_id": f"FA {real.folder}", "name": "Bucket is public"}
    for ref in ("s3-1", "s3-2", "s3-1"):
        _done(real, "report_finding", **which, ref_id=ref, severity=3, due_date="2030-01-01")
    _done(real, "update_finding_status", **which, ref_id="s3-1", status="mitigated", observation="Blocked")
    found = {one["ref_id"]: (one["status"], one["observation"]) for one in real.own("findings")}
    assert {"s3-1": ("mitigated", "Blocked"), "s3-2": ("identified", None)} == found


def test_an_asset_is_updated(real: Instance) -> None:
    """The event's fields change; the same event again writes nothing."""
    values = {"ref_id": "CI-1", "reference_link": "https://cmdb.example.org/ci/1", "observation": "Debian 12"}
    assert [4, 3] == [_done(real, "update_asset", name="Server", folder=real.folder, **values) for _ in range(2)]
    asset = real.ask("GET", f"/assets/{_one(real.own('assets'), 'name', 'Server')['id']}/")
    assert values.items() <= asset.items()


def test_a_security_exception_is_created_once_and_expires(real: Instance) -> None:
    """One exception, expired at the end."""
    payload = {"ref_id": "CHG1", "name": "TLS 1.0", "folder": real.folder, "status": "approved", "severity": 2}
    for _ in range(2):
        _done(real, "create_security_exception", **payload, expiration_date="2026-12-31", assets=["Server"])
    _done(real, "update_security_exception_status", ref_id="CHG1", folder=real.folder, status="expired")
    found = _one(real.own("security-exceptions"), "ref_id", "CHG1")
    assert ("expired", "2026-12-31", 1) == (found["status"], found["expiration_date"], len(found["assets"]))


def test_a_task_is_completed(real: Instance) -> None:
    """The occurrence of the day is completed."""
    real.add("task-templates", name="Backup test", ref_id="TSK-1", task_date="2030-01-31", is_recurrent=False)
    which = {"task_ref_id": "TSK-1", "folder": real.folder, "due_date": "2030-01-31"}
    assert [4, 3] == [_done(real, "update_task_status", **which, observation="Passed") for _ in range(2)]
    task = _one(real.own("task-templates"), "ref_id", "TSK-1")
    (node,) = real.all("task-nodes", task_template=task["id"])
    assert ("completed", "Passed") == (node["status"], node["observation"])


@pytest.fixture
def risk(real: Instance) -> Callable[[], str]:
    """A risk assessment with one scenario; what says the scenario's treatment."""
    matrices = real.all("risk-matrices")
    if not matrices:
        pytest.skip("the instance has no risk matrix")
    perimeter = real.add("perimeters", name="Main")
    facts = {"perimeter": perimeter["id"], "risk_matrix": matrices[0]["id"]}
    assessment = real.add("risk-assessments", name="Risks", ref_id=f"RA {real.folder}", **facts)
    scenario = real.ask(
        "POST", "/risk-scenarios/", {"name": "Fire", "ref_id": "R.x", "risk_assessment": assessment["id"]}
    )
    return lambda: str(real.ask("GET", f"/risk-scenarios/{scenario['id']}/")["treatment"])


def test_a_risk_acceptance_is_requested_accepted_and_revoked(real: Instance, risk: Callable[[], str]) -> None:
    """One acceptance goes through its states; the API moves the scenario's treatment with it."""
    (scenario,) = real.all("risk-scenarios", search="R.x", folder=real.folder_id())
    (user,) = [one for one in real.all("users") if one["is_superuser"]][:1]
    name = f"RISK {real.folder}"
    asked = {"approver_email": user["email"], "risk_assessment_ref_id": f"RA {real.folder}"}
    states = []
    for event, more in (
        ("request_risk_acceptance", asked | {"risk_scenario_ref_ids": [scenario["ref_id"]]}),
        ("request_risk_acceptance", asked | {"risk_scenario_ref_ids": [scenario["ref_id"]]}),
        ("accept_risk_acceptance", {"justification": "Ordered."}),
        ("accept_risk_acceptance", {"justification": "Ordered."}),
        ("revoke_risk_acceptance", {"justification": "Replaced."}),
    ):
        _done(real, event, name=name, folder=real.folder, **more)
        (acceptance,) = [one for one in real.own("risk-acceptances") if one["name"] == name]
        states.append((acceptance["state"], risk_state := risk()))
    assert risk_state
    assert ["Submitted", "Submitted", "Accepted", "Accepted", "Revoked"] == [state for state, _ in states]
    assert ["accept", "open"] == [treatment for _, treatment in states[-2:]]
