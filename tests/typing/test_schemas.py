"""The event types of a project."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from engine.errors import Unusable
from engine.typing.model import Record
from engine.typing.schemas import EventTypes
from tests.typing.making import EVENTS, SCHEMAS


@pytest.mark.parametrize(
    ("versions", "others", "covered"),
    [
        ((1,), (), [1]),
        ((2, 1), (), [1, 2]),
        (None, (), [1, 2]),
        (None, (1,), [2]),
        ((9,), (), [9]),
        (None, (1, 2), [3]),
    ],
)
def test_versions(versions: tuple[int, ...] | None, others: tuple[int, ...], covered: list[int]) -> None:
    """A rule gets the versions it lists, or those that no other lists; one without a file is read as the newest."""
    assert covered == list(EVENTS.covered("incident_reported", versions, others))


def test_a_version_without_a_file_is_the_newest() -> None:
    """As the decoder has it."""
    known = EVENTS.covered("incident_reported", (1, 2, 3), ())
    assert known[3] is known[2]
    assert known[3] is not known[1]


def test_an_unknown_type() -> None:
    """Nothing is known of a type without a schema."""
    assert {} == EVENTS.covered("incident_closed", None, ())
    assert ["incident_reported"] == list(EVENTS.names)


def test_no_folder(tmp_path: Path) -> None:
    """A folder that is not there has no schemas."""
    assert [] == list(EventTypes.load(tmp_path / "none").names)


@pytest.mark.parametrize(
    "text", ["{", '"string"', '{"type": "record", "name": "A", "fields": [{"name": "a", "type": "b"}]}']
)
def test_unusable(tmp_path: Path, text: str) -> None:
    """A file that is no schema of a record names itself."""
    (tmp_path / "a_v1.avsc").write_text(text)
    with pytest.raises(Unusable, match=r"a_v1\.avsc"):
        EventTypes.load(tmp_path)


def test_equal_schemas_are_one_type(tmp_path: Path) -> None:
    """So that what was typed for one is typed for the other."""
    text = (SCHEMAS / "incident_reported_v1.avsc").read_text()
    (tmp_path / "a_v1.avsc").write_text(text)
    (tmp_path / "b_v1.avsc").write_text(json.dumps(json.loads(text)))
    known = EventTypes.load(tmp_path)
    found = known.covered("a", None, ())[1]
    assert isinstance(found, Record)
    assert found is known.covered("b", None, ())[1]
