"""Each shipped rule against scripted answers: hits 0, 1, 2, already done, already used."""

from __future__ import annotations

import json
from typing import Any

import pytest

from engine.errors import Stage, Undeliverable
from tests.rules_library.conversation import ROOT, Sent, book, event_of, page, play, taken

FOLDER = {"id": "f-1", "name": "Production"}
FIND_FOLDER = Sent("GET", "/folders/", {"name": "Production"})

CONTROL = {"id": "c-1", "ref_id": "AC-7", "status": "to_do", "folder": {"id": "f-1", "str": "Production"}}
STATUS = {"ref_id": "AC-7", "status": "active"}
FIND_CONTROL = Sent("GET", "/applied-controls/", {"ref_id": "AC-7"})

ASSESSMENT = {
    "id": "r-1",
    "status": "to_do",
    "result": "not_assessed",
    "observation": None,
    "score": None,
    "is_scored": False,
}
REQUIREMENT = {
    "compliance_assessment_ref_id": "AUDIT-1",
    "requirement_urn": "urn:a:5.1",
    "status": "done",
    "result": "compliant",
}
FIND_ASSESSMENT = Sent(
    "GET",
    "/requirement-assessments/",
    {"compliance_assessment__ref_id": "AUDIT-1", "requirement__urn": "urn:a:5.1"},
)

EVIDENCE = {"applied_control_ref_id": "AC-7", "name": "Review"}
FIND_EVIDENCE = Sent("GET", "/evidences/", {"name": "Review", "applied_controls": "c-1"})
CREATE_EVIDENCE = Sent("POST", "/evidences/", {}, {"name": "Review", "folder": "f-1", "applied_controls": ["c-1"]})

INCIDENT = {"ref_id": "INC-1", "name": "Phishing", "folder": "Production"}
FIND_INCIDENT = Sent("GET", "/incidents/", {"search": "INC-1", "folder": "f-1"})
CREATE_INCIDENT = Sent(
    "POST",
    "/incidents/",
    {},
    {"ref_id": "INC-1", "name": "Phishing", "folder": "f-1", "status": "new", "severity": 6},
)

VULNERABILITY = {"ref_id": "CVE-1", "name": "Overflow", "folder": "Production", "assets": ["Gateway"]}
FIND_VULNERABILITY = Sent("GET", "/vulnerabilities/", {"search": "CVE-1", "folder": "f-1"})
FIND_ASSET = Sent("GET", "/assets/", {"name": "Gateway", "folder": "f-1"})
ASSET = {"id": "a-1", "name": "Gateway"}
CREATE_VULNERABILITY = Sent(
    "POST",
    "/vulnerabilities/",
    {},
    {"ref_id": "CVE-1", "name": "Overflow", "folder": "f-1", "severity": -1, "assets": ["a-1"]},
)


def dead(event_type: str, payload: dict[str, Any], *answers: tuple[int, Any]) -> str:
    """The text with which the rule refuses the last answer."""
    with pytest.raises(Undeliverable) as caught:
        play(event_type, payload, *answers)
    assert Stage.EXPECT == caught.value.stage
    return str(caught.value)


def test_every_shipped_rule_has_an_example_event_that_it_takes() -> None:
    """The example events are valid for their schemas and every rule wants its own."""
    for event_type in book().event_types:
        example = json.loads((ROOT / f"examples/events/{event_type}.json").read_text())
        event = event_of(event_type, example["payload"])
        rule = book().find(event_type, example["version"])
        assert rule is not None
        assert rule.applies(event)
    assert {path.stem for path in (ROOT / "examples/events").glob("*.json")} == set(book().event_types)


@pytest.mark.parametrize(
    ("event_type", "payload", "key"),
    [
        ("update_applied_control_status", STATUS, "AC-7"),
        ("update_requirement_assessment_status", REQUIREMENT, "AUDIT-1 urn:a:5.1"),
        ("attach_evidence_to_applied_control", EVIDENCE, "AC-7"),
        ("create_incident", INCIDENT, "INC-1"),
        ("report_vulnerability", VULNERABILITY, "CVE-1"),
    ],
)
def test_events_about_one_object_share_a_key(event_type: str, payload: dict[str, Any], key: str) -> None:
    """The ordering key is the object's reference."""
    rule = book().find(event_type, 1)
    assert rule is not None
    assert key == rule.order_key(event_of(event_type, payload))


class TestUpdateAppliedControlStatus:
    """update_applied_control_status."""

    TYPE = "update_applied_control_status"

    def test_one_hit_is_patched(self) -> None:
        """Exactly the one control gets the status, and nothing else of it."""
        sent = play(self.TYPE, STATUS, page(CONTROL), (200, {}))
        assert [FIND_CONTROL, Sent("PATCH", "/applied-controls/c-1/", {}, {"status": "active"})] == sent

    def test_the_folder_narrows_the_lookup(self) -> None:
        """A folder is looked up by name and its UUID goes into the filter."""
        sent = play(self.TYPE, {**STATUS, "folder": "Production"}, page(FOLDER), page(CONTROL), (200, {}))
        assert [FIND_FOLDER, Sent("GET", "/applied-controls/", {"ref_id": "AC-7", "folder": "f-1"})] == sent[:2]

    def test_the_same_status_is_not_written_again(self) -> None:
        """A control that has the status already is left alone."""
        assert [FIND_CONTROL] == play(self.TYPE, STATUS, page({**CONTROL, "status": "active"}))

    def test_no_status_skips_the_event(self) -> None:
        """Without a status the event is skipped."""
        assert [] == play(self.TYPE, {**STATUS, "status": None})

    @pytest.mark.parametrize("hits", [[], [CONTROL, CONTROL], [{**CONTROL, "ref_id": "other"}]])
    def test_any_other_hits_are_refused(self, hits: list[dict[str, Any]]) -> None:
        """None, two, or one with another ref_id (the API ignored the filter): nothing is written."""
        expected = f"{len(hits)} applied controls found, exactly 1 with ref_id AC-7 expected"
        assert expected in dead(self.TYPE, STATUS, page(*hits))

    @pytest.mark.parametrize("hits", [[], [FOLDER, FOLDER], [{**FOLDER, "name": "Global"}]])
    def test_a_folder_that_is_not_unique_is_refused(self, hits: list[dict[str, Any]]) -> None:
        """A folder name must hit exactly one folder of that name."""
        assert "exactly 1 named Production expected" in dead(self.TYPE, {**STATUS, "folder": "Production"}, page(*hits))

    def test_an_empty_ref_id_is_refused_before_anything_is_sent(self) -> None:
        """An empty filter would match every control."""
        with pytest.raises(Undeliverable) as caught:
            play(self.TYPE, {**STATUS, "ref_id": ""})
        assert Stage.RENDER == caught.value.stage


class TestUpdateRequirementAssessmentStatus:
    """update_requirement_assessment_status."""

    TYPE = "update_requirement_assessment_status"

    def test_one_hit_is_patched_with_what_the_event_says(self) -> None:
        """Fields that are null in the event are not sent."""
        sent = play(self.TYPE, REQUIREMENT, page(ASSESSMENT), (200, {}))
        patch = Sent("PATCH", "/requirement-assessments/r-1/", {}, {"status": "done", "result": "compliant"})
        assert [FIND_ASSESSMENT, patch] == sent

    def test_all_fields(self) -> None:
        """Observation and score keep their types; the folder narrows the lookup."""
        payload = {**REQUIREMENT, "observation": "ok", "score": 3, "is_scored": True, "folder": "Production"}
        sent = play(self.TYPE, payload, page(ASSESSMENT), (200, {}))
        assert "Production" == sent[0].query["folder__name"]
        expected = {"status": "done", "result": "compliant", "observation": "ok", "score": 3, "is_scored": True}
        assert expected == sent[1].body

    @pytest.mark.parametrize(
        ("field", "value"),
        [("status", "done"), ("result", "compliant"), ("observation", "x"), ("score", 1), ("is_scored", True)],
    )
    def test_a_difference_in_any_field_is_written(self, field: str, value: object) -> None:
        """One field that differs is reason enough."""
        payload = {**REQUIREMENT, "status": None, "result": None, field: value}
        assert {field: value} == play(self.TYPE, payload, page(ASSESSMENT), (200, {}))[1].body

    def test_a_field_that_the_answer_hides_is_written(self) -> None:
        """An audit may hide scores from the reader; then nobody knows whether it differs."""
        hit = {key: value for key, value in ASSESSMENT.items() if key != "score"}
        payload = {**REQUIREMENT, "status": None, "result": None, "score": 3}
        assert {"score": 3} == play(self.TYPE, payload, page(hit), (200, {}))[1].body

    def test_what_is_so_already_is_not_written(self) -> None:
        """No difference, no PATCH."""
        hit = {**ASSESSMENT, "status": "done", "result": "compliant"}
        assert [FIND_ASSESSMENT] == play(self.TYPE, REQUIREMENT, page(hit))

    @pytest.mark.parametrize("hits", [[], [ASSESSMENT, ASSESSMENT]])
    def test_any_other_hits_are_refused(self, hits: list[dict[str, Any]]) -> None:
        """None or two: nothing is written."""
        expected = f"{len(hits)} assessments of urn:a:5.1 in AUDIT-1, exactly 1 expected"
        assert expected in dead(self.TYPE, REQUIREMENT, page(*hits))


class TestAttachEvidence:
    """attach_evidence_to_applied_control."""

    TYPE = "attach_evidence_to_applied_control"

    def test_evidence_is_created_attached(self) -> None:
        """One request creates it with `applied_controls`; the control itself is never written."""
        sent = play(self.TYPE, EVIDENCE, page(CONTROL), page(), (201, {}))
        assert [FIND_CONTROL, FIND_EVIDENCE, CREATE_EVIDENCE] == sent

    def test_all_fields(self) -> None:
        """Optional fields go as the API wants them: a date as text."""
        payload = {
            **EVIDENCE,
            "folder": "Production",
            "description": "d",
            "status": "approved",
            "link": "https://x.example",
            "expiry_date": "2027-01-31",
        }
        sent = play(self.TYPE, payload, page(FOLDER), page(CONTROL), page(), (201, {}))
        assert "f-1" == sent[1].query["folder"]
        expected = {"description": "d", "status": "approved", "link": "https://x.example", "expiry_date": "2027-01-31"}
        assert {**CREATE_EVIDENCE.body, **expected} == sent[3].body

    def test_attached_evidence_is_left_alone(self) -> None:
        """The event came before: nothing is created."""
        sent = play(self.TYPE, EVIDENCE, page(CONTROL), page({"id": "e-1", "name": "Review"}))
        assert [FIND_CONTROL, FIND_EVIDENCE] == sent

    def test_already_used_by_our_own_evidence_is_done(self) -> None:
        """The answer of the first POST was lost: the evidence stands there, attached."""
        answers = (page(CONTROL), page(), taken("name", "Review"), page({"id": "e-1", "name": "Review"}))
        sent = play(self.TYPE, EVIDENCE, *answers)
        assert [FIND_CONTROL, FIND_EVIDENCE, CREATE_EVIDENCE, FIND_EVIDENCE] == sent

    @pytest.mark.parametrize("hits", [[], [{"id": "e-2", "name": "review"}]])
    def test_already_used_by_other_evidence_is_refused(self, hits: list[dict[str, Any]]) -> None:
        """The name belongs to evidence that is not attached to this control."""
        answers = (page(CONTROL), page(), taken("name", "Review"), page(*hits))
        assert "not attached to AC-7" in dead(self.TYPE, EVIDENCE, *answers)

    @pytest.mark.parametrize("body", [{"link": ["Enter a valid URL."]}, ["no"], {"detail": "no"}, None])
    def test_any_other_400_is_refused(self, body: object) -> None:
        """Only `already used` can mean that it is done."""
        assert "The evidence was refused" in dead(self.TYPE, EVIDENCE, page(CONTROL), page(), (400, body))

    @pytest.mark.parametrize("hits", [[], [CONTROL, CONTROL]])
    def test_any_other_controls_are_refused(self, hits: list[dict[str, Any]]) -> None:
        """None or two controls: no evidence."""
        assert f"{len(hits)} applied controls" in dead(self.TYPE, EVIDENCE, page(*hits))

    def test_an_ignored_filter_is_noticed(self) -> None:
        """Evidence of another name among the answers means that the filter did not count."""
        assert "not named Review" in dead(self.TYPE, EVIDENCE, page(CONTROL), page({"id": "e-9", "name": "Other"}))


class TestCreateIncident:
    """create_incident."""

    TYPE = "create_incident"

    def test_an_incident_is_created(self) -> None:
        """Folder, lookup, creation, with the schema's defaults."""
        sent = play(self.TYPE, INCIDENT, page(FOLDER), page(), (201, {}))
        assert [FIND_FOLDER, FIND_INCIDENT, CREATE_INCIDENT] == sent

    def test_the_folder_is_global_by_default(self) -> None:
        """Without a folder in the event the root folder is used."""
        payload = {key: value for key, value in INCIDENT.items() if key != "folder"}
        sent = play(self.TYPE, payload, page({"id": "g", "name": "Global"}), page(), (201, {}))
        assert {"name": "Global"} == sent[0].query

    def test_all_fields(self) -> None:
        """Times go as ISO 8601."""
        payload = {
            **INCIDENT,
            "description": "d",
            "status": "ongoing",
            "severity": 1,
            "detection": "externally_detected",
            "link": "https://x.example",
            "occurred_at": "2026-09-14T07:55:00Z",
            "reported_at": "2026-09-14T08:20:00Z",
        }
        body = play(self.TYPE, payload, page(FOLDER), page(), (201, {}))[2].body
        assert "2026-09-14T07:55:00+00:00" == body["occurred_at"]
        assert {*CREATE_INCIDENT.body, "description", "detection", "link", "occurred_at", "reported_at"} == set(body)

    def test_hits_that_only_contain_the_reference_do_not_count(self) -> None:
        """`search` finds INC-10 too; only an equal ref_id is the incident."""
        sent = play(self.TYPE, INCIDENT, page(FOLDER), page({"id": "i", "ref_id": "INC-10"}), (201, {}))
        assert CREATE_INCIDENT == sent[-1]

    def test_an_existing_incident_is_left_alone(self) -> None:
        """One equal ref_id: nothing is created."""
        sent = play(self.TYPE, INCIDENT, page(FOLDER), page({"id": "i", "ref_id": "INC-1"}))
        assert [FIND_FOLDER, FIND_INCIDENT] == sent

    def test_white_space_around_texts_is_not_sent(self) -> None:
        """The API trims what it stores; the lookup must look for the same."""
        payload = {**INCIDENT, "ref_id": " INC-1 ", "name": "Phishing\n"}
        sent = play(self.TYPE, payload, page(FOLDER), page(), (201, {}))
        assert [FIND_FOLDER, FIND_INCIDENT, CREATE_INCIDENT] == sent

    def test_two_incidents_with_the_reference_are_refused(self) -> None:
        """That cannot be: somebody has to look."""
        hit = {"id": "i", "ref_id": "INC-1"}
        assert "More than 1 incident" in dead(self.TYPE, INCIDENT, page(FOLDER), page(hit, hit))

    def test_already_used_by_our_own_incident_is_done(self) -> None:
        """The answer of the first POST was lost; the incident is there."""
        answers = (page(FOLDER), page(), taken("ref_id", "INC-1"), page({"id": "i", "ref_id": "INC-1"}))
        sent = play(self.TYPE, INCIDENT, *answers)
        assert [FIND_FOLDER, FIND_INCIDENT, CREATE_INCIDENT, FIND_INCIDENT] == sent

    def test_already_used_in_another_spelling_is_refused(self) -> None:
        """The API ignores case, so `inc-1` takes the reference but is not the event's incident."""
        answers = (page(FOLDER), page(), taken("ref_id", "INC-1"), page({"id": "i", "ref_id": "inc-1"}))
        assert "The ref_id INC-1 is taken" in dead(self.TYPE, INCIDENT, *answers)

    def test_any_other_400_is_refused(self) -> None:
        """A bad field is not done."""
        answers = (page(FOLDER), page(), (400, {"severity": ['"9" is not a valid choice.']}))
        assert "The incident was refused" in dead(self.TYPE, {**INCIDENT, "severity": 9}, *answers)

    @pytest.mark.parametrize("hits", [[], [FOLDER, FOLDER]])
    def test_a_folder_that_is_not_unique_is_refused(self, hits: list[dict[str, Any]]) -> None:
        """The incident must not land anywhere else."""
        assert f"{len(hits)} folders found, exactly 1 named Production expected" in dead(
            self.TYPE, INCIDENT, page(*hits)
        )


class TestReportVulnerability:
    """report_vulnerability."""

    TYPE = "report_vulnerability"

    def test_a_vulnerability_is_created_with_its_assets(self) -> None:
        """Assets are found by name first."""
        sent = play(self.TYPE, VULNERABILITY, page(FOLDER), page(), page(ASSET), (201, {}))
        assert [FIND_FOLDER, FIND_VULNERABILITY, FIND_ASSET, CREATE_VULNERABILITY] == sent

    def test_without_assets_none_are_looked_up(self) -> None:
        """An empty list makes no request and is sent as it is."""
        sent = play(self.TYPE, {**VULNERABILITY, "assets": []}, page(FOLDER), page(), (201, {}))
        assert {**CREATE_VULNERABILITY.body, "assets": []} == sent[2].body

    def test_all_fields(self) -> None:
        """Optional fields are sent where the event has them."""
        payload = {
            **VULNERABILITY,
            "description": "d",
            "severity": 4,
            "status": "exploitable",
            "detected_at": "2026-09-14",
        }
        body = play(self.TYPE, payload, page(FOLDER), page(), page(ASSET), (201, {}))[3].body
        expected = {"description": "d", "severity": 4, "status": "exploitable", "detected_at": "2026-09-14"}
        assert {**CREATE_VULNERABILITY.body, **expected} == body

    def test_an_existing_vulnerability_is_left_alone(self) -> None:
        """Neither its assets are looked up nor anything is created."""
        sent = play(self.TYPE, VULNERABILITY, page(FOLDER), page({"id": "v", "ref_id": "CVE-1"}))
        assert [FIND_FOLDER, FIND_VULNERABILITY] == sent

    def test_two_vulnerabilities_with_the_reference_are_refused(self) -> None:
        """Nobody knows which one is meant."""
        hit = {"id": "v", "ref_id": "CVE-1"}
        assert "More than 1 vulnerability" in dead(self.TYPE, VULNERABILITY, page(FOLDER), page(hit, hit))

    @pytest.mark.parametrize("hits", [[], [ASSET, ASSET], [{**ASSET, "name": "gateway"}]])
    def test_an_asset_that_is_not_unique_is_refused(self, hits: list[dict[str, Any]]) -> None:
        """Each name must hit one asset of exactly that name; nothing is created."""
        answers = (page(FOLDER), page(), page(*hits))
        assert f"{len(hits)} assets found in folder Production, exactly 1 named Gateway expected" in dead(
            self.TYPE, VULNERABILITY, *answers
        )

    def test_already_used_by_our_own_vulnerability_is_done(self) -> None:
        """The answer of the first POST was lost; the vulnerability is there."""
        answers = (page(FOLDER), page(), page(ASSET), taken("ref_id", "CVE-1"), page({"id": "v", "ref_id": "CVE-1"}))
        sent = play(self.TYPE, VULNERABILITY, *answers)
        assert FIND_VULNERABILITY == sent[-1]

    def test_already_used_in_another_spelling_is_refused(self) -> None:
        """The API ignores case; the event's vulnerability does not exist."""
        answers = (page(FOLDER), page(), page(ASSET), taken("ref_id", "CVE-1"), page({"id": "v", "ref_id": "cve-1"}))
        assert "The ref_id CVE-1 is taken" in dead(self.TYPE, VULNERABILITY, *answers)
