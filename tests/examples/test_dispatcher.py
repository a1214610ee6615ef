"""The messages of CISO Assistant's dispatcher, unchanged, by the rules of examples/dispatcher against the API."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from engine.api.clients import build_clients
from engine.commands.test_rules import run_rule_tests
from engine.commands.validate_rules import check
from engine.config.load import load_config
from engine.errors import Stage
from engine.events.envelope import to_event
from engine.events.event import Message
from engine.events.json_format import read
from engine.outcome import Dead, Done, Outcome
from engine.pipeline import Journey, Pipeline
from engine.rules.book import load_book, read_rules
from tests.api_server.client import ApiServer
from tests.test_pipeline import Observer

EXAMPLE = Path(__file__).parents[2] / "examples" / "dispatcher"
TRANSPORTS = ("pyreqwest", "httptools", "httpx")


class Leave:
    """Leave to send at once; nothing is waited for."""

    async def permit(self) -> None:
        """See `pipeline.Leave`."""

    async def sleep(self, seconds: float) -> None:
        """See `pipeline.Leave`."""


@dataclass
class Road:
    """The example's configuration and rules over real connections."""

    pipeline: Pipeline
    api: ApiServer
    config: Any
    numbers: Any

    async def send(self, message: dict[str, Any]) -> Outcome:
        """Take one message to its end."""
        value = json.dumps(message).encode()
        record = Message("observation", 0, next(self.numbers), None, value)
        event = to_event(read(value), record, self.config.events.envelope, self.config.events.format)
        return await self.pipeline.process(Journey(event, "key", Leave(), Observer()))

    def controls(self, field: str) -> dict[str, Any]:
        """One field of all applied controls, by reference."""
        return {one["ref_id"]: one.get(field) for one in self.api.objects("applied-controls")}

    def evidence(self, name: str) -> dict[str, Any]:
        """The one evidence of this name."""
        (found,) = [one for one in self.api.objects("evidences") if one["name"] == name]
        return found

    def ids(self, *references: str) -> list[str]:
        """Ids of applied controls."""
        known = self.controls("id")
        return [known[one] for one in references]


@pytest.fixture(params=TRANSPORTS)
async def road(request: pytest.FixtureRequest, api_server: ApiServer, tmp_path: Path) -> AsyncIterator[Road]:
    """With either transport, on a fresh API."""
    text = (EXAMPLE / "config.yaml").read_text(encoding="utf-8")
    text = text.replace("../../", f"{EXAMPLE.parents[1]}/").replace("path: rules", f"path: {EXAMPLE / 'rules'}")
    file = tmp_path / "config.yaml"
    file.write_text(text.replace("openapi:", f"transport: {request.param}\n  openapi:"), encoding="utf-8")
    config = load_config(file, {"API_URL": api_server.url, "USER_TOKEN": api_server.token})
    clients = build_clients(config)
    book = load_book(config.rules.path, config.limits, config.apis)
    pipeline = Pipeline(book, clients, config.limits, skip_unknown=True, wall=lambda: 0.0)
    yield Road(pipeline, api_server, config, count())
    for client in clients.values():
        await client.close()


def _update(selector: dict[str, Any], values: dict[str, Any], kind: str = "applied_control") -> dict[str, Any]:
    return {"message_type": f"update_{kind}", "selector": selector, "values": values}


def _upload(name: str, controls: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    content = base64.b64encode(b"\x00\xff file").decode()
    values = {"file_name": name, "file_content": content, **({"applied_controls": controls} if controls else {})}
    return {"message_type": "upload_attachment", "values": values, **more}


def test_the_rules_have_no_finding() -> None:
    """Not even a warning."""
    config = load_config(EXAMPLE / "config.yaml", {}, secrets=False)
    documents, findings = read_rules(sorted((EXAMPLE / "rules").glob("*.yaml")))
    documents = [one for one in documents if not one.path.name.endswith(".test.yaml")]
    assert ([], []) == (findings, list(check(documents, config)))
    assert 3 == len(documents)


def test_the_rules_tests_pass_and_take_every_branch(capsys: pytest.CaptureFixture[str]) -> None:
    """As `engine test-rules --coverage` runs them."""
    assert 0 == run_rule_tests([EXAMPLE / "rules"], EXAMPLE / "config.yaml", "json", coverage=True)
    coverage = json.loads(capsys.readouterr().out)["coverage"]
    assert {"upload_attachment", "update_applied_control", "update_requirement_assessment"} == {
        one["rule"] for one in coverage if not one["missing"]
    }


async def test_the_examples_messages_are_done(road: Road) -> None:
    """Each of the three changes what it names."""
    for file in sorted((EXAMPLE / "messages").glob("*.json")):
        assert isinstance(await road.send(json.loads(file.read_text(encoding="utf-8"))), Done)
    assert {"AC-1": 1} == {ref: value for ref, value in road.controls("priority").items() if value}
    results = [one["result"] for one in road.api.objects("requirement-assessments")]
    assert ["compliant", *["not_assessed"] * 4] == sorted(results)
    evidence = road.evidence("sample.txt")
    assert (road.ids("AC-1"), {"filename": "sample.txt", "size": 5}) == (
        evidence["applied_controls"],
        evidence["attachment"],
    )
    assert [] == road.api.violations()


async def test_single_is_the_default_and_means_exactly_one(road: Road) -> None:
    """Two hits or none: a dead letter, and nothing is changed."""
    for selector, hits in (({"status": "to_do"}, 10), ({"ref_id": "none"}, 0)):
        outcome = await road.send(_update(selector, {"status": "active"}))
        assert isinstance(outcome, Dead)
        assert Stage.EXPECT == outcome.error.stage
        assert str(outcome.error).startswith(f"{hits} found by the selector")
    assert {"to_do"} == set(road.controls("status").values())


async def test_multiple_changes_all_hits(road: Road) -> None:
    """Any number but none."""
    assert isinstance(await road.send(_update({"status": "to_do", "target": "multiple"}, {"status": "active"})), Done)
    assert {"active"} == set(road.controls("status").values())
    outcome = await road.send(_update({"status": "to_do", "target": "multiple"}, {"status": "active"}))
    assert isinstance(outcome, Dead)


@pytest.mark.parametrize(
    ("message", "said"),
    [
        (_update({"reff_id": "AC-1", "target": "multiple"}, {"status": "active"}), "query parameter 'reff_id'"),
        (_update({"ref_id": "AC-1"}, {"statuss": "active"}), "body field 'statuss'"),
        (_update({"ref_id": "", "target": "multiple"}, {"status": "active"}), "is empty"),
        (_update({"target": "multiple"}, {"status": "active"}), "no key to select by"),
        (_update({"limit": "5", "target": "multiple"}, {"status": "active"}), "no key to select by"),
        (_update({"ref_id": "AC-1"}, {}), "no values to set"),
        (
            _update({"requirement__ref_id": "A.5.1", "target": "multiple"}, {"result": "x"}, "requirement_assessment"),
            "'requirement__ref_id'",
        ),
        (_upload("a.txt", {"reff_id": "AC-1"}), "query parameter 'reff_id'"),
        (_upload("a.txt", selector={"nam": "Policy"}), "query parameter 'nam'"),
        (
            {"message_type": "upload_attachment", "values": {"file_name": "a", "file_s3_bucket": "b"}},
            "files in a bucket are not read",
        ),
    ],
)
async def test_what_would_hit_too_much_is_refused(road: Road, message: dict[str, Any], said: str) -> None:
    """A dead letter of the stage `render`, before anything is written."""
    outcome = await road.send(message)
    assert isinstance(outcome, Dead)
    assert (Stage.RENDER, True) == (outcome.error.stage, said in str(outcome.error)), str(outcome.error)
    assert [] == [one for one in road.api.requests() if one["method"] != "GET"]


async def test_a_file_of_existing_evidence(road: Road) -> None:
    """Each file is a version; controls that it has stay, those of the message join them, each once."""
    policy = {"name": "Policy", "target": "multiple"}
    assert isinstance(await road.send(_upload("ü b.pdf", {"ref_id": "AC-2"}, selector=policy)), Done)
    assert isinstance(
        await road.send(_upload("c.pdf", {"status": "to_do", "target": "multiple"}, selector=policy)), Done
    )
    assert isinstance(await road.send(_upload("d.pdf", selector=policy)), Done)
    evidence = road.evidence("Policy")
    assert 10 == len(evidence["applied_controls"])
    files = [one["attachment"] for one in road.api.objects("evidence-revisions") if one["evidence"] == evidence["id"]]
    assert [{"filename": name, "size": 7} for name in ("ü b.pdf", "c.pdf", "d.pdf")] == files
    assert [] == road.api.violations()


async def test_an_upload_that_comes_twice(road: Road) -> None:
    """The second time finds the evidence attached; where it is not, the name belongs to somebody else."""
    for _ in range(2):
        assert isinstance(await road.send(_upload("a.txt", {"ref_id": "AC-1"})), Done)
    assert road.ids("AC-1") == road.evidence("a.txt")["applied_controls"]
    outcome = await road.send(_upload("a.txt", {"ref_id": "AC-2"}))
    assert isinstance(outcome, Dead)
    assert "There is other evidence named a.txt" in str(outcome.error)
    assert isinstance(await road.send(_upload("a.txt")), Dead)


async def test_an_upload_whose_answer_was_lost_is_done_once(road: Road) -> None:
    """What the API did is found when the rule begins again."""
    road.api.faults({"method": "POST", "path": "/evidences/", "times": 1, "status": 503, "applied": True})
    assert isinstance(await road.send(_upload("a.txt", {"ref_id": "AC-1"})), Done)
    assert road.ids("AC-1") == road.evidence("a.txt")["applied_controls"]
    road.api.faults({"method": "POST", "path": "/evidence-revisions/", "times": 1, "status": 503, "applied": True})
    assert isinstance(await road.send(_upload("b.txt", selector={"name": "a.txt"})), Done)
    evidence = road.evidence("a.txt")["id"]
    revisions = [one["attachment"] for one in road.api.objects("evidence-revisions") if one["evidence"] == evidence]
    assert ["a.txt", "b.txt"] == [one["filename"] for one in revisions]
