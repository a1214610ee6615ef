"""Events that were done, remembered for a while, so that one that its producer sent twice is done once. Pure."""

from __future__ import annotations

import binascii
from base64 import b64decode, b64encode
from collections import OrderedDict
from hashlib import blake2b

_BYTES = 8  # of a digest: two different events of a window share one by chance once in 10^11 windows
_PAIR = 2 * _BYTES
HANDED_OVER = 20_000
"""Events, the newest, that are handed to the partition's next owner: 430 KB of text."""


class Seen:
    """The newest events of one partition that were done.

    Args:
        window: events that are remembered, at least 1.
        text: what a former owner of the partition remembered; what is not of this form is ignored.

    Attributes:
        changed: more is remembered than `text` said.
    """

    __slots__ = ("_done", "_looked", "_window", "changed")

    def __init__(self, window: int, text: str = "") -> None:
        self._window = window
        self._done: OrderedDict[bytes, bytes] = OrderedDict()
        self._looked: dict[int, tuple[bytes, bytes]] = {}
        try:
            data = b64decode(text, validate=True)
        except (binascii.Error, ValueError):
            data = b""
        for at in range(0, len(data) - _PAIR + 1, _PAIR):
            self._remember(data[at : at + _BYTES], data[at + _BYTES : at + _PAIR])
        self.changed = False

    def look(self, offset: int, event_id: str, value: bytes) -> bool | None:
        """Look for an event that is about to be processed.

        Returns:
            True: one with this id and these bytes was done. False: one with this id and other bytes. None: neither.
        """
        name = blake2b(event_id.encode("utf-8", "surrogatepass"), digest_size=_BYTES).digest()
        digest = blake2b(value, digest_size=_BYTES).digest()
        self._looked[offset] = (name, digest)
        known = self._done.get(name)
        return None if known is None else known == digest

    def end(self, offset: int, *, done: bool) -> None:
        """An event that was looked for ended."""
        looked = self._looked.pop(offset, None)
        if looked is not None and done:
            self._remember(*looked)
            self.changed = True

    def text(self) -> str:
        """What the next owner is told: the newest events, oldest first."""
        newest = list(self._done.items())[-HANDED_OVER:]
        return b64encode(b"".join(map(b"".join, newest))).decode("ascii")

    def _remember(self, name: bytes, digest: bytes) -> None:
        done = self._done
        done[name] = digest
        done.move_to_end(name)
        if len(done) > self._window:
            done.popitem(last=False)
