"""Variables: what the environment gives, and what is said where it does not."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from engine.config.environment import fill, refill


@pytest.mark.parametrize(
    ("text", "environ", "expected"),
    [
        ("plain", {}, "plain"),
        ("${A}", {"A": "x"}, "x"),
        ("${A}-${B}", {"A": "x", "B": "y"}, "x-y"),
        ("${A:-d}", {}, "d"),
        ("${A:-d}", {"A": ""}, "d"),
        ("${A:-d}", {"A": "x"}, "x"),
        ("${A:-}", {}, ""),
        ("${A:-http://h:1/a b}", {}, "http://h:1/a b"),
        ("$${A}", {"A": "x"}, "${A}"),
        ("$A $ {A}", {"A": "x"}, "$A $ {A}"),
        ("${A}", {"A": "${B}", "B": "x"}, "${B}"),
        ("{{ a }}", {}, "{{ a }}"),
    ],
)
def test_variables_are_filled(text: str, environ: Mapping[str, str], expected: str) -> None:
    """Once, from left to right; a value is never read as a variable itself."""
    filled = fill(text, environ)
    assert (expected, ()) == (filled.text, filled.faults)


@pytest.mark.parametrize(
    ("environ", "message"), [({}, "A is not set in the environment"), ({"A": ""}, "A is empty in the environment")]
)
def test_an_unset_variable_is_a_fault_at_its_place(environ: Mapping[str, str], message: str) -> None:
    """Empty is as bad as unset: an empty URL or token helps nobody. The help names all three ways out."""
    (fault,) = fill("x ${A} y", environ).faults
    assert (2, 6, "unset-variable", message) == (fault.start, fault.end, fault.check, fault.message)
    assert "set A, name a file in A_FILE, or write ${A:-default}" == fault.help


@pytest.mark.parametrize("text", ["${}", "${a b}", "${1A}", "${A-b}", "${A"])
def test_what_is_no_variable_is_a_fault(text: str) -> None:
    """Something that looks like a variable is not passed on silently."""
    assert ["wrong-variable"] == [fault.check for fault in fill(text, {"A": "x"}).faults]


def test_a_file_is_read_where_the_variable_is_unset(tmp_path: Path) -> None:
    """NAME_FILE comes before the default and after NAME; the line feed at its end does not count."""
    file = tmp_path / "token"
    file.write_text(" s3cret \r\n")
    environ = {"A_FILE": str(file)}
    assert (" s3cret ", True) == (fill("${A:-d}", environ).text, fill("${A:-d}", environ).from_file)
    assert ("x", False) == (fill("${A}", environ | {"A": "x"}).text, fill("${A}", environ | {"A": "x"}).from_file)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (None, "cannot be read: No such file"),
        (b"", "is empty"),
        (b"\n", "is empty"),
        (b"\xff", "is not UTF-8"),
        (b"x" * 70_000, "is larger"),
    ],
)
def test_a_file_that_cannot_be_used_is_a_fault(tmp_path: Path, content: bytes | None, problem: str) -> None:
    """Also where there is a default: somebody meant the file. The message names variable and file."""
    file = tmp_path / "token"
    if content is not None:
        file.write_bytes(content)
    (fault,) = fill("${A:-d}", {"A_FILE": str(file)}).faults
    assert "unreadable-file" == fault.check
    assert f"the file that A_FILE names {problem}" in fault.message
    assert fault.message.endswith(str(file))


def test_reading_again_fails_as_a_file_does(tmp_path: Path) -> None:
    """While a file is being replaced the old secret must stay, so the failure is one that Secret expects."""
    with pytest.raises(OSError, match="No such file"):
        refill("${A}", {"A_FILE": str(tmp_path / "gone")})
