"""Writes the requests that were sent into cases that do not say any; everything else in the file stays as it is."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from engine.documents import Pointer
from engine.nodes import Node, core
from engine.ruletests.matching import escaped
from engine.ruletests.model import Result, Sent

_WORD = r"[A-Za-z_/][A-Za-z0-9_./-]*"
_UUID = "-".join(f"[0-9a-f]{{{length}}}" for length in (8, 4, 4, 4, 12))
_PLAIN = re.compile(rf"{_WORD}(?: {_WORD})*|{_UUID}")


def written(text: str, results: Iterable[Result]) -> tuple[str, int]:
    """The file with the missing requests.

    Args:
        text: of the file, without a byte order mark.
        results: of its cases.

    Returns:
        The new text and how many requests were written. An exchange that stands behind an alias is left alone.
    """
    edits = sorted((edit for result in results for edit in _edits(text, result)), reverse=True)
    for offset, piece in edits:
        text = text[:offset] + piece + text[offset:]
    return text, len(edits)


def _edits(text: str, result: Result) -> Iterator[tuple[int, str]]:
    for exchange, sent in zip(result.case.conversation, result.sent, strict=False):
        node = _written_out(result.suite.document.root, exchange.pointer)
        if exchange.request is not None or node is None:
            continue
        if node.flow:
            request = _request(sent)
            exact = {"exact": True} if _is_json(request.get("body")) else {}
            yield node.start + 1, f"request: {_flow({**request, **exact})}, "
        else:
            column = node.start - (text.rfind("\n", 0, node.start) + 1)
            yield node.start, "".join(f"{line}\n{' ' * column}" for line in _block(_request(sent)))


def _written_out(node: Node, pointer: Pointer) -> Node | None:
    """The value's own place; None where an alias leads to it."""
    for step in pointer:
        if node.target is not None or step not in node.values:
            return None
        node = node.values[step]
    return node if node.target is None else None


def _request(sent: Sent) -> Mapping[str, Any]:
    found: dict[str, Any] = {"id": sent.id, "api": sent.api, "method": sent.method, "path": sent.path}
    found |= {"query": sent.query, "body": sent.body}
    return {name: escaped(value) for name, value in found.items() if value not in ("", None) and value != {}}


def _is_json(body: Any) -> bool:
    """Bodies that a case would take for a part of what is sent."""
    return isinstance(body, Mapping | list)


def _block(request: Mapping[str, Any]) -> Iterator[str]:
    yield "request:"
    for name, value in request.items():
        if name == "body" and isinstance(value, Mapping):
            yield "  body:"
            yield from (f"    {_flow(key)}: {_flow(one)}" for key, one in value.items())
        else:
            yield f"  {name}: {_flow(value)}"
    if _is_json(request.get("body")):
        yield "  exact: true"


def _flow(value: Any) -> str:
    """YAML in flow style; a text without quotes where it means the same without."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_flow(name)}: {_flow(one)}" for name, one in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_flow, value)) + "]"
    if isinstance(value, str) and _PLAIN.fullmatch(value) and isinstance(core(value), str):
        return value
    # What JSON leaves as it is and YAML does not take is escaped.
    return json.dumps(value, ensure_ascii=isinstance(value, str) and not value.isprintable(), default=str)
