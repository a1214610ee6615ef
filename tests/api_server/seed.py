"""What stands in the API when a test begins."""

from __future__ import annotations

import uuid

from tests.api_server.store import Store

REQUIREMENTS = 5


def seed(store: Store, *, controls: int) -> None:
    """Applied controls with the references AC-1, AC-2 ..., and one or a few of everything else.

    Names and references: folder `Team`, evidence `Policy`, asset `Server`, incident `INC-1`, vulnerability `VUL-1`,
    findings assessment `FA-1`, risk assessment `RA-1` with the scenario `R.1`, task `TT-1` due on 2030-01-01,
    compliance assessment `CA-1` with the requirements `urn:test:req:1` to `urn:test:req:5`.
    """
    team = store.add("folders", {"name": "Team"})
    for number in range(1, controls + 1):
        control = {"ref_id": f"AC-{number}", "name": f"Control {number}", "status": "to_do"}
        store.add("applied-controls", control | {"observation": None, "evidences": [], "owner": [], "assets": []})
    perimeter = store.add("perimeters", {"name": "Main"})
    audit = store.add("compliance-assessments", {"ref_id": "CA-1", "name": "Audit", "perimeter": perimeter["id"]})
    for number in range(1, REQUIREMENTS + 1):
        requirement = {"id": _made("requirement", number), "urn": f"urn:test:req:{number}", "ref_id": f"R.{number}"}
        assessed = {"status": "to_do", "result": "not_assessed", "observation": None, "score": None}
        relations = {"compliance_assessment": audit["id"], "requirement": requirement, "evidences": []}
        store.add("requirement-assessments", assessed | relations)
    store.add("evidences", {"name": "Policy", "applied_controls": [], "status": "draft"})
    described = {"ref_id": "", "description": None, "reference_link": None, "observation": None}
    asset = {"name": "Server", "type": "SP", "is_business_function": False}
    store.add("assets", asset | described | {"folder": team["id"]})
    store.add("incidents", {"name": "First", "ref_id": "INC-1", "status": "new", "severity": 3})
    store.add(
        "vulnerabilities", {"name": "Old one", "ref_id": "VUL-1", "status": "potential", "severity": 2, "assets": []}
    )
    store.add("findings-assessments", {"name": "Pentest", "ref_id": "FA-1"})
    risks = store.add("risk-assessments", {"ref_id": "RA-1", "name": "Risks", "perimeter": perimeter["id"]})
    store.add("risk-scenarios", {"ref_id": "R.1", "name": "Fire", "risk_assessment": risks["id"]})
    store.add("users", {"email": "auditor@example.org", "first_name": "A", "last_name": "B", "folder": None})
    template = store.add("task-templates", {"name": "Backup", "ref_id": "TT-1"})
    store.add(
        "task-nodes",
        {"task_template": template["id"], "status": "pending", "due_date": "2030-01-01", "observation": None},
    )


def _made(kind: str, number: int) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{kind}/{number}"))
