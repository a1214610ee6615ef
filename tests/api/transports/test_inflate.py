"""Bounded decompression."""

from __future__ import annotations

import gzip
import zlib

import pytest

from engine.api.transports.inflate import Inflate


def inflate(encoding: str, raw: bytes, size: int = 7, limit: int = 1000) -> bytes:
    """All of it, in pieces."""
    decoder = Inflate(encoding)
    out = b""
    for start in range(0, len(raw), size):
        out += decoder.feed(raw[start : start + size], limit + 1 - len(out))
        if len(out) > limit:
            break
    else:
        decoder.end()
    return out


def _gzip(data: bytes) -> bytes:
    return gzip.compress(data, mtime=0)  # the same bytes in every process


@pytest.mark.parametrize("size", [1, 7, 10_000])
@pytest.mark.parametrize(
    ("encoding", "raw"),
    [
        ("", b"abcabc"),
        (" Identity ", b"abcabc"),
        ("gzip", _gzip(b"abcabc")),
        ("X-GZIP", _gzip(b"abcabc")),
        ("gzip", _gzip(b"abc") + _gzip(b"") + _gzip(b"abc")),
        ("deflate", zlib.compress(b"abcabc")),
    ],
)
def test_what_comes_out(encoding: str, raw: bytes, size: int) -> None:
    """However it comes in; gzip in several parts, too."""
    assert b"abcabc" == inflate(encoding, raw, size)


@pytest.mark.parametrize("encoding", ["gzip", "deflate", ""])
def test_nothing(encoding: str) -> None:
    """An empty body is one."""
    assert b"" == inflate(encoding, b"")


@pytest.mark.parametrize("size", [1, 7, 100_000])
def test_never_more_than_asked_for(size: int) -> None:
    """A bomb gives one byte more than the limit, then nobody goes on."""
    bomb = gzip.compress(b"\0" * 1_000_000)
    assert 1001 == len(inflate("gzip", bomb, size))
    assert 1001 == len(inflate("gzip", gzip.compress(b"\0" * 500) * 50, size))
    assert 1000 == len(inflate("gzip", gzip.compress(b"\0" * 500) * 2, size))


@pytest.mark.parametrize(
    ("encoding", "raw"),
    [
        ("gzip", b"abc"),
        ("gzip", _gzip(b"abc")[:-1]),
        ("gzip", _gzip(b"abc") + b"x" * 20),
        ("gzip", _gzip(b"abc") + _gzip(b"abc")[:-1]),
        ("gzip", _gzip(b"") * 1000),
        ("deflate", zlib.compress(b"abc")[:-1]),
        ("deflate", b"abc"),
    ],
)
@pytest.mark.parametrize("size", [1, 100_000])
def test_broken(encoding: str, raw: bytes, size: int) -> None:
    """Other bytes, an early end, something behind the end, more parts than anybody needs."""
    with pytest.raises(zlib.error):
        inflate(encoding, raw, size)


@pytest.mark.parametrize("encoding", ["br", "gzip, gzip", "zstd", "x"])
def test_unknown(encoding: str) -> None:
    """What nobody asked for."""
    with pytest.raises(zlib.error, match="unknown Content-Encoding"):
        Inflate(encoding)
