"""Documents: YAML 1.2 core meaning, exact places, nothing that surprises."""

from __future__ import annotations

import math
import random
from pathlib import Path
from typing import Any

import pytest

from engine.documents import MAX_DEPTH, MAX_NODES, Document, Pointer, read_documents
from engine.findings import Span

FILE = Path("rules/a.yaml")
NEEDLE = "NeEdLe"


def read(text: str) -> Document:
    documents, findings = read_documents(FILE, text)
    assert [] == findings
    assert 1 == len(documents)
    return documents[0]


def source(document: Document, span: Span) -> str:
    """The text that a span covers."""
    start = document.lines[span.line - 1] + span.column - 1
    return document.text[start : document.lines[span.end_line - 1] + span.end_column - 1]


def faults(text: str) -> list[tuple[int, int, str]]:
    return [(one.span.line, one.span.column, one.id) for one in read_documents(FILE, text)[1]]


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("2024-05-01", "2024-05-01"),
        ("12:30:45", "12:30:45"),
        ("on", "on"),
        ("Yes", "Yes"),
        ("010", 10),
        ("0o17", 15),
        ("0xfF", 255),
        ("-7", -7),
        ("1_000", "1_000"),
        ("1e3", 1000.0),
        (".5", 0.5),
        ("-.inf", -math.inf),
        ("TRUE", True),
        ("tRUE", "tRUE"),
        ("~", None),
        ("", None),
        ("Null", None),
        ("none", "none"),
        ('"1"', "1"),
        ("'true'", "true"),
        ("!!str 5", "5"),
        ("!!float 5", 5),
        ("18446744073709551616", 18446744073709551616),
        ("=", "="),
    ],
)
def test_plain_scalars_have_their_core_meaning(written: str, meant: Any) -> None:
    """YAML 1.2 core schema: no dates, no octal by a leading zero, no `on`."""
    value = read(f"k: {written}\n").data["k"]
    assert (meant, type(meant)) == (value, type(value))


def test_nan_is_a_number() -> None:
    """`.nan` is read in each of its three spellings."""
    assert all(math.isnan(value) for value in read("[.nan, .NaN, .NAN]").data)


def test_keys_are_text() -> None:
    """A key is what is written, also where a value of that spelling would be a number, a boolean or null."""
    assert ["1", "true", "on", "", "2024-01-01"] == list(read("1: a\ntrue: b\non: c\n? \n: d\n2024-01-01: e\n").data)


def test_several_documents_share_a_file() -> None:
    """Each document has its own data, and places count from the file's beginning."""
    documents, findings = read_documents(FILE, "a: 1\n---\n# talk\nb: 2\n--- \n")
    assert [] == findings
    assert [{"a": 1}, {"b": 2}, None] == [document.data for document in documents]
    assert Span(4, 1, 4, 5) == documents[1].span(())


@pytest.mark.parametrize("text", ["", "\n\n", "# nothing\n", "\ufeff"])
def test_an_empty_file_holds_no_document(text: str) -> None:
    """No document, no finding; what that means is for the reader to say."""
    assert ([], []) == read_documents(FILE, text)


def test_a_byte_order_mark_does_not_shift_columns() -> None:
    """Editors do not count it, so we do not."""
    assert Span(1, 4, 1, 5) == read("\ufeffa: b").span(("a",))


@pytest.mark.parametrize(
    ("text", "pointer", "covered", "key"),
    [
        ("a:\n  b: [1, {c: x}]\n", ("a", "b", 1, "c"), "x", "c"),
        ("a:\n  - k: v\n    l: w\n\n\nz: 1\n", ("a", 0), "k: v\n    l: w", "k: v\n    l: w"),
        ("a: {b: 1, c: 2}  # talk\n", ("a",), "{b: 1, c: 2}", "a"),
        ("a: |\n  one\n  two\n\n\nb: 1\n", ("a",), "|\n  one\n  two", "a"),
        ("a: &x !!str 5\n", ("a",), "5", "a"),
        ("a: &x\n  b: 1\n", ("a",), "b: 1", "a"),
        ("a: &x {b: 1}\nc: *x\n", ("c",), "*x", "c"),
        ("a: &x {b: 1}\nc: *x\n", ("c", "b"), "1", "b"),
        ('"é\U0001f600": "x"\n', ("é\U0001f600",), '"x"', '"é\U0001f600"'),
        ("a:\r\n  b: c\r\n", ("a", "b"), "c", "b"),
        ("a:\n  b: c\n", ("a", "nope", "deeper"), "b: c", "b: c"),
        ("a:\nb: 1\n", ("a",), "", "a"),
    ],
)
def test_spans_cover_value_and_key(text: str, pointer: Pointer, covered: str, key: str) -> None:
    """A span covers exactly what a person would mark; a place that is not there gives the nearest around it."""
    document = read(text)
    assert covered == source(document, document.span(pointer))
    assert key == source(document, document.span(pointer, key=True))


def test_columns_count_characters() -> None:
    """A character outside the BMP is one column."""
    assert Span(1, 10, 1, 13) == read('"\U0001f600é": [a, "x"]'.replace("[a, ", "[a,")).span(("\U0001f600é", 1))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: 1\nb: 2\na: 3\n", [(3, 1, "duplicate-key")]),
        ("a: {'x': 1, x: 2}\n", [(1, 13, "duplicate-key")]),
        ("b: &b {c: 1}\na:\n  <<: *b\n  d: 1\n", [(3, 3, "merge-key")]),
        ("a: b: c\n", [(1, 5, "yaml-syntax")]),
        ("a:\n\tb: 1\n", [(2, 1, "yaml-syntax")]),
        ("a: 'open\nb: 1\n", [(1, 4, "yaml-syntax")]),
        ("a: *nowhere\n", [(1, 4, "yaml-syntax")]),
        ("a: &a [*a]\n", [(1, 8, "yaml-syntax")]),
        ("a: !secret x\n", [(1, 4, "yaml-syntax")]),
        ("a: !!int x\n", [(1, 4, "yaml-syntax")]),
        ("a: !!int true\n", [(1, 4, "yaml-syntax")]),
        ("a: !!set {b}\n", [(1, 4, "yaml-syntax")]),
        ("k: {{ event.x }}\n", [(1, 4, "yaml-syntax")]),
        ("a: \x07\n", [(1, 4, "yaml-syntax")]),
        ("a: \ud800\n", [(1, 4, "yaml-syntax")]),
        ("# talk\u2028a: 1\n", [(1, 7, "yaml-syntax")]),
        ("a: " + "9" * 5000, [(1, 4, "yaml-syntax")]),
        ("[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1), [(1, MAX_DEPTH + 1, "too-large")]),
        ("[" * 1_000_000, [(1, 1001, "too-large")]),
        ("a: '" + "x" * 1_048_576 + "'", [(1, 1, "too-large")]),
        ("a: '" + "é" * 600_000 + "'", [(1, 1, "too-large")]),
        ("[" + "1," * (MAX_NODES + 1) + "]", [(1, 2 * MAX_NODES + 2, "too-large")]),
    ],
)
def test_what_is_refused_is_found_at_its_place(text: str, expected: list[tuple[int, int, str]]) -> None:
    """Nothing raises; every refusal points at what to change."""
    assert expected == faults(text)


def test_a_quoted_merge_key_is_a_plain_key() -> None:
    """Only the bare `<<` would merge."""
    assert {"<<": 1} == read("'<<': 1\n").data


def test_the_first_of_two_keys_counts_and_is_named() -> None:
    """Later checks see one value; the finding at the second key says where the first is."""
    documents, findings = read_documents(FILE, "a: 1\n\na: 2\n")
    assert {"a": 1} == documents[0].data
    assert "'a' stands here a second time; first in line 1" in findings[0].message


def test_aliases_are_counted_as_what_they_stand_for() -> None:
    """A few lines cannot unfold into millions of values."""
    text = "a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]\n"
    for n in range(1, 9):
        text += f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n"
    assert ["too-large"] == [check for _, _, check in faults(text)]


def test_aliases_cannot_nest_without_end() -> None:
    """A chain of deep anchors is as deep as it unfolds."""
    text = "a0: &a0 " + "[" * 40 + "]" * 40 + "\n"
    text += "a1: &a1 " + "[" * 40 + "*a0" + "]" * 40 + "\n"
    assert [(2, 49, "too-large")] == faults(text)


def test_documents_before_a_syntax_error_are_returned() -> None:
    """One broken rule does not hide the others of its file."""
    documents, findings = read_documents(FILE, "a: 1\n---\nb: [\n")
    assert [{"a": 1}] == [document.data for document in documents]
    assert ["yaml-syntax"] == [finding.id for finding in findings]


@pytest.mark.parametrize(
    ("text", "help_"),
    [
        ("ref: {{ event.x }}\n", 'a template needs quotes: "{{ ... }}"'),
        ("when: {% if x %}\n", 'a template needs quotes: "{{ ... }}"'),
        ("a: {b: ${X}\n", 'a variable inside { } needs quotes: "${NAME}"'),
        ("a:\n\tb: 1\n", "indent with spaces, not with tabs"),
        ("a: @x\n", "a text that begins with @ needs quotes"),
        ("a: b: c\n", "a text with ': ' in it needs quotes"),
    ],
)
def test_usual_slips_come_with_help(text: str, help_: str) -> None:
    """The parser's words are for YAML's authors; the help is for rules' authors."""
    assert [help_] == [finding.help for finding in read_documents(FILE, text)[1]]


def test_style_tells_how_a_scalar_is_written() -> None:
    """Plain, quoted and block scalars can be told apart; a mapping has no style."""
    document = read("a: x\nb: 'x'\nc: \"x\"\nd: |\n  x\ne: >\n  x\nf: {}\n")
    assert ["", "'", '"', "|", ">", None, None] == [document.style((key,)) for key in "abcdefg"]


@pytest.mark.parametrize(
    ("text", "start", "end", "covered"),
    [
        ("k: plain text\n", 6, 10, "text"),
        ("k: 'it''s'\n", 2, 3, "''"),
        ("k: 'it''s'\n", 3, 4, "s"),
        ('k: "a\\u00e9\\n\\x41z"\n', 1, 2, "\\u00e9"),
        ('k: "a\\u00e9\\n\\x41z"\n', 4, 5, "z"),
        ('k: "a\\\n   b"\n', 1, 2, "b"),
        ('k: "a\n\n   b"\n', 2, 3, "b"),
        ("k: a\n  b\n", 0, 3, "a\n  b"),
        ("k: |\n  one\n   two\n", 4, 8, " two"),
        ("k: |2-\n    one\n  two\n", 6, 9, "two"),
        ("k: >\n  one\n  two\n", 4, 7, "two"),
        ("k: >+\n  one\n\n    two\n\n", 7, 10, "two"),
        ("k: &a 'x y'\n", 2, 3, "y"),
        ("k: abc\n", 3, 3, ""),
        ("k: abc\n", 2, 99, "c"),
        ("k: abc\n", 1, 1, ""),
        ("k: ''\n", 0, 1, ""),
        ("k: [1]\n", 0, 1, "[1]"),
    ],
)
def test_characters_of_a_value_are_found_in_the_source(text: str, start: int, end: int, covered: str) -> None:
    """Escapes, folds and indentation are traced back."""
    document = read(text)
    assert covered == source(document, document.inside(("k",), start, end))


def test_inside_an_alias_is_inside_its_anchor() -> None:
    """The text to fix stands at the anchor."""
    document = read("a: &x 'one two'\nb: *x\n")
    assert Span(1, 12, 1, 15) == document.inside(("b",), 4, 7)


NOISE = ["a", "Z", "é", "\U0001f600", " ", "  ", "\n", "\n\n", "\n\n\n", ".", "1", "-x"]
NOISE_OF = {
    "": [*NOISE, "x:y", "a#b"],
    "'": [*NOISE, "''", '"', "\\", "# ", ": "],
    '"': [*NOISE, '\\"', "\\n", "\\\\", "\\x41", "\\u20ac", "\\U0001F600", "\\ ", "\\t", "\\\n", "\\N", "'", "# "],
    "|": [*NOISE, "\n   ", "\n \n", "# ", '"', "\\n", "{{", "\t"],
    ">": [*NOISE, "\n   ", "\n \n", "# ", "'", "\\n", "}}", "\n\t"],
}


def scalar(dice: random.Random, style: str, indent: int) -> str:
    """A scalar with the needle among random noise, lines indented."""

    def noise() -> str:
        return "".join(dice.choice(NOISE_OF[style]) for _ in range(dice.randint(0, 6)))

    body = noise() + NEEDLE + noise()
    if style not in ("|", ">"):
        return style + body.replace("\n", "\n" + " " * indent) + style
    mark = dice.choice(["", "-", "+", str(indent - 2), f"{indent - 2}-"])
    lines = "\n".join(" " * indent + line for line in body.split("\n"))
    return f"{style}{mark}{dice.choice(['', '  # talk'])}\n{lines}" + dice.choice(["", "\n", "\n\n", "\n   \n"])


@pytest.mark.parametrize("style", list(NOISE_OF))
@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_a_needle_is_found_in_any_scalar(style: str, line_end: str) -> None:
    """Whatever surrounds it, each character of the needle's value is traced to that character of the source."""
    dice = random.Random(f"{style}{line_end}")
    tried = 0
    for _ in range(1500):
        text = "k:\n  - z: " + scalar(dice, style, dice.randint(3, 6)) + dice.choice(["", "\n", "\n  - y\n"])
        text = text.replace("\n", line_end)
        documents, findings = read_documents(FILE, text)
        if findings or not isinstance(documents[0].data["k"][0], dict):
            continue  # the noise was no YAML of this style
        value = documents[0].data["k"][0]["z"]
        if not isinstance(value, str) or NEEDLE not in value:
            continue
        tried += 1
        start = value.index(NEEDLE)
        for index in range(len(NEEDLE)):
            span = documents[0].inside(("k", 0, "z"), start + index, start + index + 1)
            assert documents[0].at(text.index(NEEDLE) + index) == (span.line, span.column), text
        assert NEEDLE == source(documents[0], documents[0].inside(("k", 0, "z"), start, start + len(NEEDLE))), text
    assert tried > 200


def test_random_bytes_never_raise() -> None:
    """Whatever a file holds, reading gives documents and findings."""
    dice = random.Random(7)
    pieces = [*"a: \n-[]{}'\"|>#\t%?\x00\ud800\u2029\ufeff", "&x ", "*x", "!t ", "<<: ", "---\n", "...\n"]
    for _ in range(3000):
        text = "".join(dice.choice(pieces) for _ in range(dice.randint(0, 25)))
        documents, findings = read_documents(FILE, text)
        for document in documents:
            document.span(("a", 0))
            document.inside(("a",), 0, 3)
        assert all(finding.span.line >= 1 and finding.span.column >= 1 for finding in findings)
