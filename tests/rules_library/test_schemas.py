"""The shipped event schemas against the API's own document."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.rules_library.conversation import ROOT

DOCUMENT = json.loads((ROOT / "schemas/ciso-assistant.openapi.json").read_text())
FILES = sorted((ROOT / "schemas/events").glob("*.avsc"))

NOT_AN_AVRO_SYMBOL = {"--"}

WRITES = {
    "update_applied_control_status": "PatchedAppliedControlWrite",
    "update_requirement_assessment_status": "PatchedRequirementAssessmentWrite",
    "attach_evidence_to_applied_control": "EvidenceWrite",
    "create_incident": "IncidentWrite",
    "report_vulnerability": "VulnerabilityWrite",
    "add_incident_timeline_entry": "TimelineEntryWrite",
    "update_incident_status": "PatchedIncidentWrite",
    "update_vulnerability_status": "PatchedVulnerabilityWrite",
    "report_finding": "FindingWrite",
    "update_finding_status": "PatchedFindingWrite",
    "update_asset": "PatchedAssetWrite",
    "create_security_exception": "SecurityExceptionWrite",
    "update_security_exception_status": "PatchedSecurityExceptionWrite",
    "request_risk_acceptance": "RiskAcceptanceWrite",
    "accept_risk_acceptance": "RiskAcceptanceDecision",
    "revoke_risk_acceptance": "RiskAcceptanceDecision",
    "update_task_status": "PatchedTaskNodeWrite",
    "upload_evidence_file": "AttachmentUpload",
    "attach_file_to_applied_control": "EvidenceWrite",
    "add_evidence_revision": "EvidenceRevisionWrite",
}

WITHOUT_ENUMS = {
    "update_asset",
    "request_risk_acceptance",
    "accept_risk_acceptance",
    "revoke_risk_acceptance",
    "upload_evidence_file",
    "attach_file_to_applied_control",
    "add_evidence_revision",
}

WRITTEN_BY_THE_API = {"entry_type": {"severity_changed", "status_changed"}}


def choices(schema: dict[str, Any]) -> set[Any]:
    """The constants that a field of the document may have; empty where it is free."""
    if "$ref" in schema:
        return choices(DOCUMENT["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]])
    found = set(schema.get("enum", ()))
    for word in ("oneOf", "anyOf", "allOf"):
        for branch in schema.get(word, ()):
            found |= choices(branch)
    return found - {"", None}


def fields(file_name: str) -> dict[str, Any]:
    """The payload's fields: name to type, null left out."""
    schema = json.loads((ROOT / "schemas/events" / file_name).read_text())
    (payload,) = [field["type"] for field in schema["fields"] if field["name"] == "payload"]
    types = {field["name"]: field["type"] for field in payload["fields"]}
    return {name: one[1] if isinstance(one, list) else one for name, one in types.items()}


def test_every_shipped_rule_has_its_schema() -> None:
    """One schema of version 1 for each rule, and no schema without a rule."""
    rules = {path.stem for path in (ROOT / "rules").glob("*.yaml") if not path.name.endswith(".test.yaml")}
    assert {f"{rule}_v1" for rule in rules} == {file.stem for file in FILES}
    assert rules == WRITES.keys()


@pytest.mark.parametrize("event_type", WRITES)
def test_enums_have_exactly_the_symbols_of_the_api(event_type: str) -> None:
    """A status that the schema lets through is one that the API takes, and all of those can be sent."""
    properties = DOCUMENT["components"]["schemas"][WRITES[event_type]]["properties"]
    enums = {name: one for name, one in fields(f"{event_type}_v1.avsc").items() if isinstance(one, dict)}
    enums = {name: one for name, one in enums.items() if one["type"] == "enum"}
    assert bool(enums) is (event_type not in WITHOUT_ENUMS)
    assert {name: set(one["symbols"]) for name, one in enums.items()} == {
        name: choices(properties[name]) - NOT_AN_AVRO_SYMBOL - WRITTEN_BY_THE_API.get(name, set()) for name in enums
    }


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_every_field_is_explained(file: Any) -> None:
    """Each field has a text for the people who send the event."""
    schema = json.loads(file.read_text())
    (payload,) = [field["type"] for field in schema["fields"] if field["name"] == "payload"]
    assert [] == [field["name"] for field in (*schema["fields"], *payload["fields"]) if not field.get("doc")]
