"""Done intervals beyond the watermark as the text of a commit's metadata.

`1r` + base64 of run lengths (undone, done, undone, done, ... as LEB128), or `1b` + base64 of a bitmap from the
watermark on, least significant bit first: whichever is shorter. Kafka allows 4,095 ASCII characters.
"""

from __future__ import annotations

import binascii
import re
from base64 import b64decode, b64encode
from collections.abc import Iterable, Iterator

from engine.stream.progress import Interval, Progress

LIMIT = 3_500
"""Characters that metadata may have."""

_BITS = (LIMIT - 2) // 4 * 3 * 8
_DIGITS = bytes.maketrans(b"\0", b"0")
_DENSE = 16  # offsets a pending one, up to which the bitmap may be the shorter form
_RUN = re.compile(b"1+")


class Unreadable(ValueError):
    """Metadata that another program, or a newer engine, wrote."""


def encode(watermark: int, done: list[Interval]) -> str:
    """The text for a commit at `watermark`; "" where nothing is done beyond it.

    Intervals that would make it longer than LIMIT are left out from the far end: forgetting means repeating, never
    losing. (A partition pauses long before, see `Partition`.)
    """
    if not done:
        return ""
    span = done[-1][1] - watermark
    if span > _BITS or (span + 7) // 8 > 2 * len(done):  # two runs an interval have at least a byte each
        best = _text("1r", _runs(watermark, done))
        if span <= _BITS and (span + 7) // 8 < len(best) // 4 * 3 - 4:
            best = _text("1b", _bitmap(watermark, done))
    else:
        best = _text("1b", _bitmap(watermark, done))
    if len(best) <= LIMIT:
        return best
    return encode(watermark, done[: len(done) * LIMIT // len(best)])


def remember(progress: Progress) -> str:
    """The text of a partition's progress: as `encode` makes it, several times as fast where much is pending."""
    if progress.span > min(_BITS, _DENSE * progress.pending):
        return encode(progress.watermark, progress.done())
    marks = progress.marks().rstrip(b"0")
    runs = marks.count(b"01")  # what stands at the watermark is never done
    if (len(marks) + 7) // 8 >= 2 * runs:
        return encode(0, [match.span() for match in _RUN.finditer(marks)])
    return _text("1b", _bits(marks))


def decode(watermark: int, text: str) -> list[Interval]:
    """The done intervals that stand in a commit's metadata.

    Raises:
        Unreadable: it is not of this form.
    """
    if not text:
        return []
    try:
        data = b64decode(text[2:], validate=True)
    except (binascii.Error, ValueError) as error:
        raise Unreadable("not base64") from error
    if text.startswith("1r"):
        return list(_from_runs(watermark, data))
    if text.startswith("1b"):
        return list(_from_bitmap(watermark, data))
    raise Unreadable("of an unknown version")


def _text(mark: str, data: bytes) -> str:
    return mark + b64encode(data).decode("ascii")


def _runs(watermark: int, done: Iterable[Interval]) -> bytes:
    data = bytearray()
    at = watermark
    for start, end in done:
        for length in (start - at, end - start):
            _put(data, length)
        at = end
    return bytes(data)


def _put(data: bytearray, number: int) -> None:
    while number > 0x7F:
        data.append(number & 0x7F | 0x80)
        number >>= 7
    data.append(number)


def _bitmap(watermark: int, done: list[Interval]) -> bytes:
    marks = bytearray(done[-1][1] - watermark)  # a byte an offset: setting a slice is one step
    for start, end in done:
        marks[start - watermark : end - watermark] = b"1" * (end - start)
    return _bits(marks.translate(_DIGITS))


def _bits(marks: bytearray) -> bytes:
    """Of `1` and `0`; the first is the least significant bit."""
    return int(marks[::-1], 2).to_bytes((len(marks) + 7) // 8, "little")


def _from_runs(watermark: int, data: bytes) -> Iterator[Interval]:
    lengths = list(_numbers(data))
    if len(lengths) % 2:
        raise Unreadable("cut off")
    at = watermark
    for undone, done in zip(lengths[::2], lengths[1::2], strict=True):
        if not undone or not done:
            raise Unreadable("an empty run")
        yield at + undone, at + undone + done
        at += undone + done


def _numbers(data: bytes) -> Iterator[int]:
    number = shift = 0
    for byte in data:
        number |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            yield number
            number = shift = 0
        elif shift > 63:
            raise Unreadable("a run beyond 63 bits")
    if shift:
        raise Unreadable("cut off")


def _from_bitmap(watermark: int, data: bytes) -> Iterator[Interval]:
    start: int | None = None
    for at in range(len(data) * 8):
        is_done = data[at >> 3] >> (at & 7) & 1
        if is_done and start is None:
            start = at
        elif not is_done and start is not None:
            yield watermark + start, watermark + at
            start = None
    if start is not None:
        yield watermark + start, watermark + len(data) * 8
