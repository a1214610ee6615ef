"""Where each character of a YAML scalar's value stands in the source: plain, quoted, literal and folded."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

_BREAK = re.compile(r"\r\n|\r|\n")
_FLOW_TOKEN = re.compile(
    r"(?P<fold>[ \t]*(?:\r\n|\r|\n)[ \t\r\n]*)|(?P<escape>\\)|(?P<quotes>'')|(?P<char>.)", re.DOTALL
)
_HEADER = re.compile(r"[|>](?P<marks>[-+0-9]*)[^\r\n]*(?:\r\n|\r|\n|$)")
_LINE = re.compile(r"([^\r\n]*)(\r\n|\r|\n|$)")
_ESCAPES = {
    "0": "\0", "a": "\a", "b": "\b", "t": "\t", "\t": "\t", "n": "\n", "v": "\v", "f": "\f", "r": "\r", "e": "\x1b",
    " ": " ", '"': '"', "'": "'", "/": "/", "\\": "\\", "N": "\x85", "_": "\xa0", "L": "\u2028", "P": "\u2029",
}  # fmt: skip
_HEX = {"x": 2, "u": 4, "U": 8}


@dataclass(slots=True)
class Places:
    """The characters of a value and, for each, the source it came from (offsets begin..end)."""

    chars: list[str] = field(default_factory=list)
    begins: list[int] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)

    def add(self, char: str, begin: int, end: int) -> None:
        """Append one character of the value."""
        self.chars.append(char)
        self.begins.append(begin)
        self.ends.append(end)

    def extend(self, source: str, begin: int, end: int) -> None:
        """Append source characters that stand for themselves."""
        self.chars.extend(source[begin:end])
        self.begins.extend(range(begin, end))
        self.ends.extend(range(begin + 1, end + 1))

    def take(self, other: Places) -> None:
        """Move all characters of `other` to the end."""
        self.chars += other.chars
        self.begins += other.begins
        self.ends += other.ends
        other.chars, other.begins, other.ends = [], [], []


def trace(source: str, start: int, end: int, style: str | None, value: str) -> Places | None:
    """Trace `value` back to `source[start:end]`, which holds the scalar with its quotes or block header.

    Args:
        source: the whole file.
        start: offset of the first character, the quote or the `|`.
        end: offset behind the last one.
        style: PyYAML's: None or "" for plain, else one of `'`, `"`, `|`, `>`.
        value: what the parser made of it.

    Returns:
        None where the trace does not give exactly `value`: then nothing inside can be pointed at.
    """
    if style in ("|", ">"):
        return _trace_block(source, start, end, style, value)
    edge = 1 if style else 0
    places = _trace_flow(source, start + edge, end - edge, style or "")
    return places if "".join(places.chars) == value else None


def _trace_flow(source: str, start: int, end: int, style: str) -> Places:
    places = Places()
    offset = start
    while offset < end:
        token = _FLOW_TOKEN.match(source, offset, end)
        if token is None:  # cannot be: <char> takes anything
            break
        kind = token.lastgroup
        if kind == "fold":
            _fold(places, source, offset, token.end())
            offset = token.end()
        elif kind == "escape" and style == '"':
            offset = _unescape(places, source, offset, end)
        elif kind == "quotes" and style == "'":
            places.add("'", offset, token.end())
            offset = token.end()
        else:
            places.extend(source, offset, offset + 1)
            offset += 1
    return places


def _fold(places: Places, source: str, start: int, end: int) -> None:
    """One break is a space, n breaks are n-1 line feeds; the white space around them is dropped."""
    breaks = list(_BREAK.finditer(source, start, end))
    if len(breaks) == 1:
        places.add(" ", start, end)
    for one in breaks[1:]:
        places.add("\n", one.start(), one.end())


def _unescape(places: Places, source: str, start: int, end: int) -> int:
    """Take one escape of a double-quoted scalar; return the offset behind it."""
    letter = source[start + 1 : start + 2]
    if letter in _HEX:
        behind = start + 2 + _HEX[letter]
        places.add(chr(int(source[start + 2 : behind], 16)), start, behind)
        return behind
    if letter in _ESCAPES:
        places.add(_ESCAPES[letter], start, start + 2)
        return start + 2
    fold = _FLOW_TOKEN.match(source, start + 1, end)  # an escaped line break: joins without a space
    if fold is None or fold.lastgroup != "fold":
        return start + 2
    for one in list(_BREAK.finditer(source, start + 1, fold.end()))[1:]:
        places.add("\n", one.start(), one.end())
    return fold.end()


def _trace_block(source: str, start: int, end: int, style: str, value: str) -> Places | None:
    header = _HEADER.match(source, start, end)
    if header is None:
        return None
    marks = header.group("marks")
    keep = 1 if "+" in marks else -1 if "-" in marks else 0
    lines = [(m.start(1), m.end(1), m.end(2)) for m in _LINE.finditer(source, header.end(), end) if m.end() > m.start()]
    for indent in _indents(source, lines, explicit=any(mark.isdigit() for mark in marks)):
        places = _read_lines(source, lines, indent, folded=style == ">", keep=keep)
        if "".join(places.chars) == value:
            return places
    return None


def _indents(source: str, lines: list[tuple[int, int, int]], *, explicit: bool) -> list[int]:
    """Possible indentations, the likeliest first; an explicit one counts from a parent that is not known here."""
    first = next(((begin, end) for begin, end, _ in lines if source[begin:end].strip(" ")), None)
    if first is None:
        return list(range(max((end - begin for begin, end, _ in lines), default=0), -1, -1))
    text = source[first[0] : first[1]]
    indent = len(text) - len(text.lstrip(" "))
    return list(range(indent, -1, -1)) if explicit else [indent]


def _read_lines(source: str, lines: list[tuple[int, int, int]], indent: int, *, folded: bool, keep: int) -> Places:
    """Join the lines of a block scalar as libyaml does: only between lines that are not more indented a break folds."""
    places, pending, blank_lines = Places(), Places(), Places()
    was_blank = False
    for begin, end, behind in lines:
        content = begin + indent
        if content >= end:  # an empty line, perhaps with some indentation
            _add_break(blank_lines, end, behind)
            continue
        is_blank = source[content] in " \t"
        if folded and pending.chars and not was_blank and not is_blank:
            if not blank_lines.chars:
                places.add(" ", pending.begins[0], pending.ends[0])
            pending = Places()
        places.take(pending)
        places.take(blank_lines)
        places.extend(source, content, end)
        _add_break(pending, end, behind)
        was_blank = is_blank
    if keep >= 0:
        places.take(pending)
    if keep > 0:
        places.take(blank_lines)
    return places


def _add_break(places: Places, begin: int, end: int) -> None:
    if end > begin:
        places.add("\n", begin, end)


def line_starts(text: str) -> list[int]:
    """Offsets at which the lines of `text` begin; CR LF, CR and LF end a line."""
    return [0, *(one.end() for one in _BREAK.finditer(text))]
