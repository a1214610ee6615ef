"""Bounded decompression: a body that inflates a thousandfold never takes more memory than its limit."""

from __future__ import annotations

import zlib

ACCEPTED = "gzip, deflate"  # what a request says that it accepts
_PLAIN = frozenset({"", "identity"})
_KNOWN = frozenset({"gzip", "x-gzip", "deflate"})
_AUTO = 32 + zlib.MAX_WBITS  # zlib or gzip, by its first bytes
_MEMBERS = 100  # gzip files that one body may be put together from


class Inflate:
    """The decoder of one body.

    Args:
        encoding: the answer's Content-Encoding, "" for none.

    Raises:
        zlib.error: it is none of those that we said that we accept.
    """

    __slots__ = ("_began", "_inflate", "_members")

    def __init__(self, encoding: str) -> None:
        encoding = encoding.strip().lower()
        if encoding not in _PLAIN and encoding not in _KNOWN:
            raise zlib.error(f"unknown Content-Encoding {encoding[:40]!r}")
        self._inflate = None if encoding in _PLAIN else zlib.decompressobj(_AUTO)
        self._began = False
        self._members = 1

    def feed(self, raw: bytes, most: int) -> bytes:
        """Up to `most` bytes of what `raw` stands for; whoever gets as many has had enough.

        Raises:
            zlib.error: it is not compressed like that.
        """
        if self._inflate is None:
            return raw
        self._began = self._began or bool(raw)
        parts = []
        while raw and most > 0:
            if self._inflate.eof:  # gzip may come in several parts
                self._inflate = self._next()
            parts.append(self._inflate.decompress(raw, most))
            most -= len(parts[-1])
            raw = self._inflate.unused_data
        return b"".join(parts)

    def _next(self) -> zlib._Decompress:
        self._members += 1
        if self._members >= _MEMBERS:
            raise zlib.error("the compressed body has too many parts")
        return zlib.decompressobj(_AUTO)

    def end(self) -> None:
        """The body has ended.

        Raises:
            zlib.error: too early.
        """
        if self._inflate is not None and self._began and not self._inflate.eof:
            raise zlib.error("the compressed body ends early")
