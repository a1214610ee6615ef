"""engine.events.schemas and compatibility: the local files."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from engine.errors import Unusable
from engine.events import avro
from engine.events.compatibility import problems
from engine.events.schemas import LocalSchemas

Save = Callable[[str, Any], None]


def test_files_are_found_by_type_and_version(event_schema: dict[str, Any], tmp_path: Path, save: Save) -> None:
    """NAME may hold `_v1` itself; the exact version wins, else the highest; other files do not count."""
    for name in ("a_v1", "a_v10", "a_v9", "b_v1_v2", "common", "c_v0", "c_v01"):
        save(name, event_schema | {"name": name})
    schemas = LocalSchemas(tmp_path)
    assert [1, 9, 10] == schemas.versions("a")
    assert [2] == schemas.versions("b_v1")
    assert [] == schemas.versions("c")
    found = [schemas.find(*key) for key in (("a", 9), ("a", 2), ("b", 1), ("../a", 1))]
    assert ["test.a_v9", "test.a_v10", None, None] == [each and each.name for each in found]
    assert event_schema | {"name": "a_v9"} == schemas.raw("a", 9)
    assert schemas.raw("a", 2) is None
    assert [("a", 1), ("a", 9), ("a", 10), ("b_v1", 2)] == [key[:2] for key in schemas]


def test_a_missing_folder(tmp_path: Path) -> None:
    """The default folder may be missing, a folder that was named may not."""
    assert [] == list(LocalSchemas(tmp_path / "absent"))
    with pytest.raises(Unusable, match="absent: cannot read"):
        LocalSchemas(tmp_path / "absent", required=True)


@pytest.mark.parametrize("text", ["{", "[]", '"int"', '{"type": "record"}', "\xff", '{"type": "nonsense"}', ""])
def test_an_invalid_file_is_named(text: str, tmp_path: Path) -> None:
    """No JSON or no schema of a record: the error begins with the path."""
    path = tmp_path / "a_v1.avsc"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(Unusable) as caught:
        LocalSchemas(tmp_path)
    assert str(caught.value).startswith(f"{path}: not ")


def test_a_default_that_does_not_fit_is_named(tmp_path: Path, save: Save) -> None:
    """A default that its type cannot hold is found when the file is read, not at the first event."""
    save("a_v1", {"type": "record", "name": "A", "fields": [{"name": "x", "type": ["null", "int"], "default": "a"}]})
    with pytest.raises(Unusable, match=r"a_v1\.avsc"):
        LocalSchemas(tmp_path)


def one(kind: Any, **more: Any) -> avro.Schema:
    return avro.parse({"type": "record", "name": "E", "fields": [{"name": "x", "type": kind, **more}]})


RED = {"type": "enum", "name": "Color", "symbols": ["RED"]}
BOTH = RED | {"symbols": ["RED", "GREEN"]}
TWO = {"type": "fixed", "name": "F", "size": 2}
MILLIS = {"type": "long", "logicalType": "timestamp-millis"}
INNER = {"type": "record", "name": "I", "fields": [{"name": "n", "type": "int"}]}
MONEY = {"type": "bytes", "logicalType": "decimal", "precision": 5, "scale": 2}


@pytest.mark.parametrize(
    ("written", "read", "found"),
    [
        ("int", "int", []),
        ("int", "double", []),
        ("string", "bytes", []),
        ("long", "int", ["x: long became int"]),
        ("string", "int", ["x: string became int"]),
        ("string", ["null", "string"], []),
        ("string", ["null", "int"], ["x: string fits no branch of the union"]),
        (["null", "string"], "string", ["x: null became string"]),
        (["null", "int"], ["null", "long"], []),
        (BOTH, RED, ["x: the symbols GREEN are gone, and there is no default"]),
        (BOTH, RED | {"default": "RED"}, []),
        (RED, BOTH, []),
        (TWO, TWO | {"size": 3}, ["x: its size became 3, it was 2"]),
        (TWO, TWO | {"name": "G"}, ["x: fixed F became G, without an alias"]),
        (TWO, TWO | {"name": "G", "aliases": ["F"]}, []),
        (MILLIS, "long", ["x: logical type timestamp-millis became none"]),
        (MONEY, MONEY | {"scale": 3}, ["x: logical type decimal(5, 2) became decimal(5, 3)"]),
        ({"type": "array", "items": "long"}, {"type": "array", "items": "int"}, ["x[]: long became int"]),
        ({"type": "map", "values": "int"}, {"type": "array", "items": "int"}, ["x: map became array"]),
        (INNER, INNER | {"fields": [{"name": "m", "type": "int"}]}, ["x.m: is new and has no default"]),
        (INNER, INNER | {"fields": [{"name": "m", "type": "int", "aliases": ["n"]}]}, []),
        (INNER, INNER | {"fields": []}, []),
        (INNER, ["null", INNER | {"fields": [{"name": "n", "type": "string"}]}], ["x.n: int became string"]),
    ],
)
def test_what_a_schema_can_read(written: Any, read: Any, found: list[str]) -> None:
    """Avro's resolution rules, each problem with the path of its field."""
    assert found == problems(one(written), one(read))


def test_a_new_field_needs_a_default() -> None:
    """A reader's field that no writer has is fine with a default only."""
    empty = avro.parse({"type": "record", "name": "E", "fields": []})
    assert [] == problems(empty, one("int", default=1))
    assert ["x: is new and has no default"] == problems(empty, one("int"))
    assert [] == problems(one("int"), empty)


def test_docs_and_defaults_do_not_make_a_schema_another() -> None:
    """Two schemas have the same form exactly where they decode all bytes to the same values."""
    assert one("int", doc="a", default=1).form == one("int").form == one({"type": "int"}).form
    assert one("long").form != one(MILLIS).form
    assert one(MONEY).form != one(MONEY | {"scale": 3}).form
    twice = [{"name": "a", "type": INNER}, {"name": "b", "type": "I"}]
    inline = avro.parse({"type": "record", "name": "E", "fields": twice})
    names = [{"name": "a", "type": "I"}, {"name": "b", "type": "I"}]
    referring = avro.parse({"type": "record", "name": "E", "fields": names}, [INNER])
    assert inline.form == referring.form
    assert json.loads(inline.form)
