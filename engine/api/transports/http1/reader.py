"""Reads the answers of one connection with httptools (llhttp), each within its bounds."""

from __future__ import annotations

import zlib

from httptools import HttpParserCallbackError, HttpParserError, HttpResponseParser

from engine.api.transports import Answer
from engine.api.transports.inflate import Inflate
from engine.errors import EngineError, NoAnswer, Stage, Undeliverable

_SILENT = 64 * 1024  # bytes that may come without being a part of a body: headers, trailers, chunk extensions
_LINES = 500  # headers of an answer
_BODILESS = frozenset({204, 304})


class Reader:
    """One answer after the other; `expect` comes before each.

    Attributes:
        keep: whether the connection may be used again after the answer that is complete.
    """

    __slots__ = (
        "_answer",
        "_chunks",
        "_head_only",
        "_headers",
        "_inflate",
        "_limit",
        "_names",
        "_parser",
        "_raw",
        "_receiving",
        "_silent",
        "_size",
        "_status",
        "_to_end",
        "keep",
    )

    def __init__(self) -> None:
        self._names = _Names()
        self._parser = HttpResponseParser(self)
        self.expect(head_only=False, limit=0)

    def expect(self, *, head_only: bool, limit: int) -> None:
        """Begin anew.

        Args:
            head_only: whether the answer has no body whatever its headers say.
            limit: bytes that the decompressed body may have.
        """
        self.keep = False
        self._head_only = head_only
        self._limit = limit
        self._answer: Answer | None = None
        self._status = 0
        self._raw: list[tuple[bytes, bytes]] = []
        self._headers: dict[str, str] = {}
        self._chunks: list[bytes] = []
        self._inflate: Inflate | None = None
        self._size = self._silent = 0
        self._receiving = False  # whether the headers are complete
        self._to_end = False  # whether the body ends with the connection

    def feed(self, data: bytes) -> Answer | None:
        """The answer, if it is complete with these bytes.

        Raises:
            NoAnswer: it is broken.
            Undeliverable: it is over the limit.
        """
        self._silent += len(data)
        try:
            self._parser.feed_data(data)
        except HttpParserError as error:
            if self._answer is None:
                raise self._failure(error) from error
            self.keep = False  # there is more than the answer
        if self._answer is None:
            if self._silent > _SILENT:
                raise self._unreadable("its headers do not end")
        elif self._head_only:
            self._parser = HttpResponseParser(self)  # the old one waits for the body that the headers announced
        return self._answer

    def end(self) -> Answer | None:
        """The answer, if it is complete with the connection's end.

        Raises:
            NoAnswer: it is broken.
        """
        if self._to_end and self._answer is None:
            try:
                self._complete()
            except zlib.error as error:
                raise self._unreadable(str(error)) from error
        return self._answer

    def cut_off(self, why: str) -> NoAnswer:
        """What it means that the connection was closed before the answer was complete."""
        return self._unreadable(why) if self._receiving else NoAnswer(f"the connection failed: {why}")

    # What the parser calls. What is raised here comes out of `feed_data`, as the context of its own error.

    def on_message_begin(self) -> None:
        """An answer's first byte."""
        if self._answer is not None:
            raise HttpParserError("there is more than the answer")
        self._raw = []

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header, or a trailer, which nobody looks at."""
        self._raw.append((name, value))

    def on_headers_complete(self) -> None:
        """The last header is there: what kind of body follows, and may it?"""
        status = self._status = self._parser.get_status_code()
        if status < 200:
            if status == 101 or status < 100:
                raise NoAnswer(f"the answer is not HTTP: nobody asked for status {status}")
            return
        self._headers = self._read_headers()
        self._receiving = True
        if self._head_only:
            self._complete()
        elif status not in _BODILESS:
            self._expect_body()

    def on_body(self, body: bytes) -> None:
        """A part of the body."""
        if self._answer is not None:
            raise HttpParserError("there is more than the answer")
        self._silent = 0
        if self._inflate is not None:
            body = self._inflate.feed(body, self._limit + 1 - self._size)
        self._size += len(body)
        if self._size > self._limit:
            raise self._over()
        self._chunks.append(body)

    def on_message_complete(self) -> None:
        """The end of an answer, or of one that only announces it."""
        if self._receiving and self._answer is None:
            self._complete()

    def _read_headers(self) -> dict[str, str]:
        names, raw = self._names, self._raw
        if len(raw) > _LINES:
            raise NoAnswer("the answer is not HTTP: it has too many headers")
        headers = {names[name]: value.decode("latin-1") for name, value in raw}
        if len(headers) < len(raw):
            headers.clear()
            for name, value in raw:
                key, text = names[name], value.decode("latin-1")
                headers[key] = f"{headers[key]}, {text}" if key in headers else text
        return headers

    def _expect_body(self) -> None:
        headers = self._headers
        length = headers.get("content-length")
        encoding = headers.get("content-encoding")
        if encoding is not None:
            self._inflate = Inflate(encoding)
        elif length is not None and int(length) > self._limit:
            raise self._over()
        if length is None:
            transfer = headers.get("transfer-encoding")
            self._to_end = transfer is None
            if transfer is not None and transfer.strip().lower() != "chunked":
                raise zlib.error(f"unknown Transfer-Encoding {transfer[:40]!r}")

    def _complete(self) -> None:
        if self._inflate is not None:
            self._inflate.end()
        self.keep = self._parser.should_keep_alive()
        self._answer = Answer(self._status, self._headers, b"".join(self._chunks))

    def _failure(self, error: HttpParserError) -> EngineError:
        """What the parser, or a method that it called, did not accept."""
        cause = error.__context__ if isinstance(error, HttpParserCallbackError) else error
        return cause if isinstance(cause, EngineError) else self._unreadable(str(cause))

    def _unreadable(self, why: str) -> NoAnswer:
        if self._receiving:
            return NoAnswer(f"the answer's body was cut off or broken: {why}", reason="body")
        return NoAnswer(f"the answer is not HTTP: {why}")

    def _over(self) -> Undeliverable:
        text = f"the answer is over limits.body ({self._limit} bytes)"
        return Undeliverable(Stage.REQUEST, text, status=self._status)


class _Names(dict[bytes, str]):
    """Names of headers as they came, in lower case; an API's answers have the same few again and again."""

    def __missing__(self, name: bytes) -> str:
        if len(self) >= _LINES:
            self.clear()
        return self.setdefault(name, name.decode("latin-1").lower())
