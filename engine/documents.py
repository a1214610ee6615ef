"""YAML files as plain data with exact positions: YAML 1.2 core meaning, nothing that surprises.

Dates stay text, `on` and `yes` stay text, keys are text. Duplicate keys, `<<`, tags of one's own and files that are
too large are findings. The only file that imports PyYAML.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

import yaml

from engine.findings import Finding, Level, Span, spell
from engine.nodes import MAPPING, SEQUENCE, Node, resolve, unknown_tag
from engine.scalars import line_starts, trace

try:  # libyaml is ten times as fast; both count characters
    from yaml import CSafeLoader as _Parser
except ImportError:  # pragma: no cover - PyYAML built without libyaml
    from yaml import SafeLoader as _Parser  # type: ignore[assignment]

Pointer = tuple[str | int, ...]

MAX_CHARACTERS = 1024 * 1024
MAX_NODES = 10_000
MAX_DEPTH = 64
LARGE = 50  # times the bounds above: for files that are made, not written, such as an API's document

# What YAML refuses, and the three line ends of YAML 1.1, which libyaml still takes for some and editors do not show.
_FORBIDDEN = re.compile("[^\t\n\r\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_PROPERTIES = re.compile(r"(?:[&!]\S*(?:\s+|\s+#[^\r\n]*\s+))+")


@dataclass(frozen=True, slots=True)
class Document:
    """One YAML document.

    Attributes:
        path: the file as the user named it.
        text: the whole file, without a byte order mark.
        data: dict with text keys, list, str, int, float, bool or None.
        root: the same with positions.
        lines: offsets at which the lines of `text` begin.
    """

    path: Path
    text: str
    data: Any
    root: Node = field(repr=False)
    lines: list[int] = field(repr=False)

    def span(self, pointer: Pointer, *, key: bool = False) -> Span:
        """The place of a value, or of its key; of the nearest value around it where the pointer leads nowhere."""
        owner, node = self.root, self.root
        for step in pointer:
            owner = node.target or node
            if step not in owner.values:
                return self._between(node.start, self._visible_end(node))
            node = owner.values[step]
        if key and pointer and pointer[-1] in owner.keys:
            node = owner.keys[pointer[-1]]
        return self._between(node.start, self._visible_end(node))

    def inside(self, pointer: Pointer, start: int, end: int) -> Span:
        """The place of characters `start`..`end` of the text at `pointer`; of all of it where that is not known."""
        node = self._find(pointer)
        if node is None or node.text is None:
            return self.span(pointer)
        places = trace(self.text, node.start, node.end, node.style, node.text)
        if places is None:
            return self.span(pointer)
        last = len(places.chars)
        start, end = max(0, min(start, last)), max(0, min(end, last))
        if start == last:
            begin = places.ends[-1] if last else node.start + (1 if node.style in ("'", '"') else 0)
            return self._between(begin, begin)
        begin = places.begins[start]
        return self._between(begin, places.ends[end - 1] if end > start else begin)

    def style(self, pointer: Pointer) -> str | None:
        """How the scalar is written: "" for plain, else `'`, `"`, `|` or `>`; None where there is no scalar."""
        node = self._find(pointer)
        return None if node is None or node.text is None else node.style or ""

    def at(self, offset: int) -> tuple[int, int]:
        """1-based line and column of a character of `text`."""
        line = bisect_right(self.lines, offset)
        return line, offset - self.lines[line - 1] + 1

    def _find(self, pointer: Pointer) -> Node | None:
        node = self.root
        for step in pointer:
            found = (node.target or node).values.get(step)
            if found is None:
                return None
            node = found
        return node.target or node

    def _visible_end(self, node: Node) -> int:
        """Without the line breaks that end a block scalar."""
        if node.style not in ("|", ">"):
            return node.end
        return node.start + len(self.text[node.start : node.end].rstrip())

    def _between(self, start: int, end: int) -> Span:
        return Span(*self.at(start), *self.at(max(start, end)))


def read_documents(path: Path, text: str, times: int = 1) -> tuple[list[Document], list[Finding]]:
    """Read all documents (`---`) of a file, up to `times` the usual size; never raises on what the user wrote.

    Returns:
        The documents up to a syntax error, and findings `yaml-syntax`, `duplicate-key` (the first one counts),
        `merge-key` and `too-large`. An empty file holds no document.
    """
    text = text.removeprefix("\ufeff")
    reader = _Reader(path, text, times)
    try:
        reader.read()
    except _Stop:
        pass
    except RecursionError:  # pragma: no cover - MAX_DEPTH comes first
        reader.report("too-large", 0, 0, "the file is nested too deeply")
    return reader.documents, reader.findings


class _Stop(Exception):
    """Nothing more can be read from this file."""


class _Reader:
    """Turns the parser's events into nodes; iterative, so that no nesting can exhaust the stack."""

    def __init__(self, path: Path, text: str, times: int) -> None:
        self.path = path
        self.text = text
        self.times = times
        self.lines = line_starts(text)
        self.documents: list[Document] = []
        self.findings: list[Finding] = []
        self._nodes = 0
        self._open: list[tuple[Node, Node | None]] = []  # a branch, and the key that waits for its value
        self._anchors: dict[str, Node] = {}
        self._root: Node | None = None

    def report(self, check: str, start: int, end: int, message: str, help_: str = "") -> None:
        """Note a finding at the offsets start..end."""
        marker = Document(self.path, self.text, None, Node(None, start, end), self.lines)
        where = spell(self._pointer())
        self.findings.append(
            Finding(self.path, marker.span(()), Level.ERROR, check, f"{where}: {message}" if where else message, help_)
        )

    def read(self) -> None:
        """Read all documents.

        Raises:
            _Stop: after a finding that ends the file.
        """
        self._refuse_unreadable()
        for event in self._events():
            match event:
                case yaml.ScalarEvent():
                    self._add(self._scalar(event))
                case yaml.MappingStartEvent() | yaml.SequenceStartEvent():
                    self._enter(event)
                case yaml.MappingEndEvent() | yaml.SequenceEndEvent():
                    self._leave(event)
                case yaml.AliasEvent():
                    self._add(self._alias(event))
                case yaml.DocumentStartEvent():
                    self._anchors, self._root = {}, None
                case yaml.DocumentEndEvent() if self._root is not None:
                    self.documents.append(Document(self.path, self.text, self._root.data, self._root, self.lines))

    def _refuse_unreadable(self) -> None:
        most = MAX_CHARACTERS * self.times
        if len(self.text) > most or len(self.text.encode("utf-8", "replace")) > most:
            self._stop("too-large", 0, 0, f"the file is larger than {self.times} MiB")
        bad = _FORBIDDEN.search(self.text)
        if bad:
            text = f"the character U+{ord(bad.group()):04X} is not allowed here"
            help_ = "in a double-quoted text write it as an escape, such as \\u2028"
            self._stop("yaml-syntax", bad.start(), bad.end(), text, help_)

    def _events(self) -> Iterator[Any]:
        try:
            yield from yaml.parse(self.text, Loader=_Parser)
        except yaml.MarkedYAMLError as error:
            self._open = []
            offset = self._offset(error)
            check = "too-large" if "nesting depth" in str(error.problem) else "yaml-syntax"
            context = f" {error.context}" if error.context else ""
            self._stop(check, offset, offset + 1, f"{error.problem}{context}", _hint(self.text, offset))
        except (yaml.YAMLError, ValueError) as error:
            self._open = []
            self._stop("yaml-syntax", 0, 0, f"this is not YAML: {error}".splitlines()[0])

    def _offset(self, error: yaml.MarkedYAMLError) -> int:
        """Where to fix it: where something was opened, if the parser only noticed at the end of the file."""
        mark = error.problem_mark or error.context_mark
        if mark and mark.index >= len(self.text.rstrip()) and error.context_mark:
            mark = error.context_mark
        last = max(len(self.text.rstrip()) - 1, 0)
        return min(mark.index, last) if mark else last

    def _stop(self, check: str, start: int, end: int, message: str, help_: str = "") -> NoReturn:
        self.report(check, start, end, message, help_)
        raise _Stop

    def _pointer(self) -> Pointer:
        steps: list[str | int] = []
        for branch, key in self._open:
            if isinstance(branch.data, list):
                steps.append(len(branch.data))
            elif key is not None:
                steps.append(key.data)
        return tuple(steps)

    def _scalar(self, event: Any) -> Node:
        end, text = event.end_mark.index, event.value
        start = min(self._start(event), end)
        data, problem = resolve(text, event.tag, plain=event.implicit[0])
        if problem:
            self.report("yaml-syntax", event.start_mark.index, end, problem)
        node = Node(data, start, end, event.style, text)
        self._anchor(event.anchor, node)
        return node

    def _start(self, event: Any) -> int:
        """Where the value itself begins, behind an anchor and a tag."""
        start: int = event.start_mark.index
        if event.anchor is None and event.tag is None:
            return start
        properties = _PROPERTIES.match(self.text, start)
        return properties.end() if properties else start

    def _anchor(self, name: str | None, node: Node) -> None:
        if name is not None:
            self._anchors[name] = node

    def _alias(self, event: Any) -> Node:
        start, end = event.start_mark.index, event.end_mark.index
        target = self._anchors.get(event.anchor)
        if target is None:
            self._stop("yaml-syntax", start, end, f"the anchor '{event.anchor}' is not defined above")
        if target.open:
            self._stop("yaml-syntax", start, end, f"the anchor '{event.anchor}' contains itself")
        self._refuse_depth(start, target.height)
        return Node(target.data, start, end, target=target, size=target.size, height=target.height)

    def _enter(self, event: Any) -> None:
        is_mapping = isinstance(event, yaml.MappingStartEvent)
        start = event.start_mark.index
        if event.tag not in (None, "!", MAPPING if is_mapping else SEQUENCE):
            self.report("yaml-syntax", start, event.end_mark.index, unknown_tag(event.tag))
        self._refuse_depth(start, 1)
        if self._wants_key():
            begin = start - 1 if self.text.startswith("{{", start - 1) else start  # a template without its quotes
            help_ = _hint(self.text, start)
            self._stop("yaml-syntax", begin, start + 1, "a mapping or list cannot be a key", help_)
        start = self._start(event)
        node = Node({} if is_mapping else [], start, start, height=1, flow=bool(event.flow_style), open=True)
        self._anchor(event.anchor, node)
        self._open.append((node, None))

    def _refuse_depth(self, start: int, height: int) -> None:
        if len(self._open) + height > MAX_DEPTH:
            self._stop("too-large", start, start + 1, f"nested deeper than {MAX_DEPTH} levels, aliases included")

    def _leave(self, event: Any) -> None:
        node, _ = self._open.pop()
        node.open = False
        if node.flow:
            node.end = event.end_mark.index
        elif node.values:
            node.end = max(next(reversed(node.values.values())).end, node.start)
        self._add(node)

    def _wants_key(self) -> bool:
        return bool(self._open) and isinstance(self._open[-1][0].data, dict) and self._open[-1][1] is None

    def _add(self, node: Node) -> None:
        self._count(node)
        if not self._open:
            self._root = node
            return
        owner, key = self._open[-1]
        owner.size += node.size
        owner.height = max(owner.height, node.height + 1)
        if isinstance(owner.data, list):
            owner.values[len(owner.data)] = node
            owner.data.append(node.data)
        elif key is None:
            self._open[-1] = (owner, self._as_key(node))
        else:
            self._open[-1] = (owner, None)
            self._put(owner, key, node)

    def _count(self, node: Node) -> None:
        self._nodes += node.size if node.target else 1
        most = MAX_NODES * self.times
        if self._nodes > most:
            self._stop("too-large", node.start, node.end, f"the file has more than {most:,} values, aliases included")

    def _as_key(self, node: Node) -> Node:
        scalar = node.target or node
        if scalar.text is None:
            self._stop("yaml-syntax", node.start, node.end, "a mapping or list cannot be a key")
        return Node(scalar.text, node.start, node.end, scalar.style, scalar.text)

    def _put(self, owner: Node, key: Node, node: Node) -> None:
        name: str = key.data
        if name == "<<" and not key.style:
            self.report(
                "merge-key",
                key.start,
                key.end,
                "the merge key '<<' is not supported",
                "write the keys out, or use an alias for the whole value",
            )
        elif name in owner.data:
            first = bisect_right(self.lines, owner.keys[name].start)
            self.report(
                "duplicate-key", key.start, key.end, f"'{name}' stands here a second time; first in line {first}"
            )
        else:
            owner.keys[name] = key
            owner.values[name] = node
            owner.data[name] = node.data


def _hint(text: str, offset: int) -> str:
    """What is usually meant where YAML breaks off."""
    line = text[text.rfind("\n", 0, offset) + 1 : offset + 1]
    if "\t" in line[: len(line) - len(line.lstrip())]:
        return "indent with spaces, not with tabs"
    if "{{" in line or "{%" in line:
        return 'a template needs quotes: "{{ ... }}"'
    if "${" in line:
        return 'a variable inside { } needs quotes: "${NAME}"'
    if line[-1:] in ("@", "`", "%"):
        return f"a text that begins with {line[-1]} needs quotes"
    return "a text with ': ' in it needs quotes" if line[-1:] == ":" and ": " in line else ""
