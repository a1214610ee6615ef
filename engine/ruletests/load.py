"""From files to suites: which files hold rule tests, and what is wrong with their shape."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from engine.documents import Document, Pointer, read_documents
from engine.errors import Unusable
from engine.findings import Finding, Level, Span
from engine.ruletests.model import Case, Exchange, Suite
from engine.shapes import check_shape, load_schema

ENDINGS = (".test.yaml", ".test.yml")
_TIMES = 10  # the usual size: tests are longer than rules
_NOW = "2026-01-01T00:00:00Z"
_ENDS = ("reason", "stage", "request", "status", "error", "attempts", "order_key")


def suite_files(path: Path) -> list[Path]:
    """The test files of a folder and the folders in it, sorted; of a rule file those beside it; a test file itself.

    Raises:
        Unusable: there is nothing at `path`.
    """
    if path.is_file():
        beside = [path.with_name(path.stem + ending) for ending in ENDINGS]
        return [path] if path.name.endswith(ENDINGS) else [one for one in beside if one.is_file()]
    if not path.is_dir():
        raise Unusable(f"{path}: there is no such file or folder")
    found = (file for ending in ENDINGS for file in path.rglob(f"*{ending}"))
    return sorted(file for file in found if not any(one.startswith(".") for one in file.relative_to(path).parts))


def read_suites(file: Path) -> tuple[list[Suite], list[Finding]]:
    """The suites of one file, one a document, and what is wrong with it; a faulty document gives no suite.

    Raises:
        Unusable: the file cannot be read.
    """
    try:
        text = file.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise Unusable(f"{file}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError:
        return [], [Finding(file, Span(1, 1, 1, 1), Level.ERROR, "yaml-syntax", "the file is not UTF-8 text")]
    documents, findings = read_documents(file, text, _TIMES)
    if findings:
        return [], findings
    if not documents:
        return [], [Finding(file, Span(1, 1, 1, 1), Level.ERROR, "missing-key", "the file holds no cases")]
    suites = []
    for document in documents:
        wrong = check_shape(document, load_schema("rule-test")) or list(_meaning(document))
        findings += wrong
        if not wrong:
            suites.append(_suite(document))
    return suites, findings


def _meaning(document: Document) -> Iterable[Finding]:
    """What a schema cannot say."""
    data = document.data
    if not _rule_file(document).is_file():
        key = "rule" in data
        help_ = "" if key else "name the rule file under `rule`"
        yield _find(document, ("rule",) if key else (), f"there is no rule file {_rule_file(document)}", help_)
    first: dict[str, int] = {}
    for index, case in enumerate(data["cases"]):
        at = ("cases", index, "name")
        if first.setdefault(case["name"], index) != index:
            line = document.span(("cases", first[case["name"]], "name")).line
            yield _find(document, at, f"line {line} has a case with the same name", "", "duplicate-name")
        dead = [one for one in ("stage", "request", "status", "error") if one in case]
        if dead and case.get("outcome") != "dead":
            yield _find(
                document, (*at[:2], dead[0]), f"'{dead[0]}' is of a dead letter", "add `outcome: dead`", key=True
            )
        if "reason" in case and case.get("outcome") != "skipped":
            yield _find(
                document, (*at[:2], "reason"), "'reason' is of a skipped event", "add `outcome: skipped`", key=True
            )
    yield from _times(document)


def _times(document: Document) -> Iterable[Finding]:
    """Times that look like some and are none, such as the 31st of February."""
    places: list[Pointer] = [("now",)]
    for index in range(len(document.data["cases"])):
        places += [("cases", index, "now"), ("cases", index, "message", "timestamp")]
    for place in places:
        text = _at(document.data, place)
        try:
            dt.datetime.fromisoformat(text or _NOW)
        except ValueError:
            yield _find(document, place, f"'{text}' is no time")


def _at(data: Any, place: Pointer) -> Any:
    for step in place:
        data = data[step] if isinstance(step, int) or step in data else {}
    return data or None


def _find(
    document: Document, at: Pointer, text: str, help_: str = "", check: str = "wrong-value", *, key: bool = False
) -> Finding:
    return Finding(document.path, document.span(at, key=key), Level.ERROR, check, text, help_)


def _rule_file(document: Document) -> Path:
    path = document.path
    if "rule" in document.data:
        return path.parent / str(document.data["rule"])
    ending = next((one for one in ENDINGS if path.name.endswith(one)), path.suffix)
    stem = path.name.removesuffix(ending)
    found = path.with_name(stem + ".yaml")
    other = path.with_name(stem + ".yml")
    return other if other.is_file() and not found.is_file() else found


def _suite(document: Document) -> Suite:
    data = document.data
    usual = data.get("now", _NOW)
    cases = tuple(_case(one, ("cases", index), usual) for index, one in enumerate(data["cases"]))
    return Suite(document, _rule_file(document), cases)


def _case(data: Mapping[str, Any], at: Pointer, usual: str) -> Case:
    exchanges = tuple(
        Exchange((*at, "conversation", index), one.get("request"), one.get("answer"), one.get("error", ""))
        for index, one in enumerate(data.get("conversation", ()))
    )
    return Case(
        pointer=at,
        name=data["name"],
        now=dt.datetime.fromisoformat(data.get("now", usual)),
        event=data["event"],
        message=data.get("message", {}),
        conversation=exchanges,
        outcome=data.get("outcome", "done"),
        ends={name: data[name] for name in _ENDS if name in data},
    )
