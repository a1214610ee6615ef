"""Lines that the process writes, as bytes."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import structlog

from engine.config.model import Log
from engine.config.secret import Secret
from engine.observe.log import Routed, configure, configure_listener


class Terminal(io.TextIOWrapper):
    """A file that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _restore() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    structlog.reset_defaults()
    root.handlers[:] = handlers
    root.setLevel(level)


def _file(kind: type[io.TextIOWrapper] = io.TextIOWrapper) -> io.TextIOWrapper:
    return kind(io.BytesIO(), encoding="utf-8")


def _text(file: io.TextIOWrapper) -> str:
    assert isinstance(file.buffer, io.BytesIO)
    return file.buffer.getvalue().decode()


def _raised(error: Exception) -> Exception:
    with pytest.raises(type(error)) as caught:
        raise error
    return caught.value


def _lines(file: io.TextIOWrapper) -> list[dict[str, Any]]:
    return [json.loads(line) for line in _text(file).splitlines()]


def test_a_line_is_json_with_time_level_and_event_first() -> None:
    """Elsewhere than on a terminal, `auto` writes one JSON object a line, in a stable order, the time in UTC."""
    file = _file()
    configure(Log(), file=file)
    structlog.get_logger().info("event.done", event_id="e1", attempts=2)
    (line,) = _lines(file)
    assert ["timestamp", "level", "event", "event_id", "attempts"] == list(line)
    assert ("info", "event.done", "e1", 2) == (line["level"], line["event"], line["event_id"], line["attempts"])
    assert line["timestamp"].endswith("Z")
    assert timedelta(0) == datetime.fromisoformat(line["timestamp"]).utcoffset()


def test_a_field_named_timestamp_does_not_replace_the_lines_time() -> None:
    """The time of a line is always its own; the caller's stands beside it."""
    file = _file()
    configure(Log(), file=file)
    structlog.get_logger().info("event.done", timestamp=17)
    assert 17 == _lines(file)[0]["event_timestamp"]
    assert isinstance(_lines(file)[0]["timestamp"], str)


@pytest.mark.parametrize(("level", "written"), [("debug", 3), ("info", 2), ("warning", 1), ("error", 0)])
def test_lines_below_the_level_are_not_written(level: Any, written: int) -> None:
    """`log.level` is the lowest level that is written."""
    file = _file()
    configure(Log(level=level), file=file)
    logger = structlog.get_logger()
    logger.debug("a")
    logger.info("b")
    logger.warning("c")
    assert written == len(_lines(file))


def test_a_terminal_gets_a_readable_row() -> None:
    """On a terminal `auto` writes the event and its fields as name=value, in colour, without JSON."""
    file = _file(Terminal)
    configure(Log(), file=file)
    structlog.get_logger().warning("event.retried", rule="a", why="two words")
    text = _text(file)
    assert "\x1b[33mwarning\x1b[0m event.retried" in text
    assert text.endswith("rule=a why='two words'\n")


def test_the_console_format_has_no_colour_in_a_file() -> None:
    """`format: console` elsewhere than on a terminal writes no escape sequences."""
    file = _file()
    configure(Log(format="console"), file=file)
    structlog.get_logger().warning("event.retried", rule="a")
    assert "\x1b" not in _text(file)


def test_an_event_cannot_draw_on_the_terminal() -> None:
    """Control characters and line breaks of values are escaped in console rows."""
    file = _file(Terminal)
    configure(Log(), file=file)
    structlog.get_logger().error("event.dead_lettered", event_id="\x1b[2Jgone\nlevel=info")
    assert "event_id='\\x1b[2Jgone\\nlevel=info'" in _text(file)


@pytest.mark.parametrize("how", ["json", "console"])
def test_an_exception_is_shown_with_its_stack(how: Any) -> None:
    """`exc_info` gives the stack, causes included."""
    file = _file()
    configure(Log(format=how), file=file)
    error = ValueError("outer")
    error.__cause__ = OSError("inner")
    structlog.get_logger().error("event.dead_lettered", exc_info=_raised(error))
    text = _text(file)
    assert "OSError: inner" in text
    assert "ValueError: outer" in text
    assert "in _raised" in text


@pytest.mark.parametrize(
    "value",
    [b"\xff\x00", 2**70, "\ud800", {1: "a"}, {"a": {2**80}}, float("nan"), object(), datetime(2026, 1, 1)],
)  # fmt: skip
def test_any_value_becomes_a_line(value: Any) -> None:
    """What JSON does not know is written as text; a line is never lost to its values."""
    file = _file()
    configure(Log(), file=file)
    structlog.get_logger().info("event.done", value=value)
    structlog.get_logger().info("event.done", value=[value, {"token": value}])
    assert ["event.done"] * 2 == [line["event"] for line in _lines(file)]
    assert "***" == _lines(file)[1]["value"][1]["token"]


def test_a_value_whose_text_fails_becomes_its_type() -> None:
    """A broken `__str__` does not lose the line."""

    class Broken:
        def __str__(self) -> str:
            raise RuntimeError

    file = _file()
    configure(Log(), file=file)
    structlog.get_logger().info("event.done", value=Broken())
    assert "<Broken>" == _lines(file)[0]["value"]


@pytest.mark.parametrize("how", ["json", "console"])
def test_secrets_are_masked_by_name_and_by_value(how: Any) -> None:
    """Neither a field with a secret's name, at any depth, nor a known secret's text reaches the file, in any format."""
    file = _file()
    configure(Log(format=how, mask=("national-id",)), secrets=[Secret('hidden"text')], file=file)
    structlog.get_logger().info(
        "event.done", payload={"list": [{"API_Key": "k-1", "national_id": "n-1"}]}, why='API said hidden"text twice'
    )
    text = _text(file)
    assert 3 == text.count("***")
    assert not any(secret in text for secret in ("k-1", "n-1", "hidden"))


def test_a_secret_in_an_exception_is_masked() -> None:
    """Texts of exceptions are looked through, too: known values, and what looks like a credential."""
    file = _file()
    configure(Log(), secrets=[Secret("known-value")], file=file)
    error = ValueError("sent Authorization: Token abc123 to https://bob:pw1@host/?access_token=xyz9 with known-value")
    structlog.get_logger().error("event.dead_lettered", exc_info=error)
    text = _text(file)
    assert not any(secret in text for secret in ("abc123", "pw1", "xyz9", "known-value"))
    assert "https://bob:***@host" in text


def test_other_libraries_join_in_from_warning_up() -> None:
    """What goes to the standard library's logging comes out in the same form, once, from WARNING up."""
    file = _file()
    configure(Log(), file=_file())
    configure(Log(), file=file)
    logging.getLogger("httpx").info("GET /")
    logging.getLogger("quixstreams.kafka").warning("broker %s is away", "b1")
    logging.getLogger("asyncio").error("a task failed")
    found = [(line["level"], line["event"], line["logger"]) for line in _lines(file)]
    assert [("warning", "broker b1 is away", "quixstreams.kafka"), ("error", "a task failed", "asyncio")] == found


def test_a_librarys_wrong_format_string_is_shown_as_it_is() -> None:
    """The line is written, and the library's code goes on."""
    file = _file()
    configure(Log(), file=file)
    Routed().emit(logging.LogRecord("x", logging.ERROR, "x.py", 1, "wrong %d", ("text",), None))
    assert "wrong %d" == _lines(file)[0]["event"]


def test_what_a_library_says_again_and_again_is_counted() -> None:
    """Written once in ten seconds a library and text, with how often it was not written; others are not held up."""
    file, now = _file(), [0.0]
    configure(Log(), file=file)
    routed = Routed(clock=lambda: now[0])
    for at, library, text in (
        (0, "k", "down"),
        (5, "k", "down"),
        (6, "z", "down"),
        (9, "k", "down"),
        (11, "k", "down"),
    ):
        now[0] = at
        routed.emit(logging.LogRecord(library, logging.ERROR, "x.py", 1, text, (), None))
    now[0] = 30
    routed.emit(logging.LogRecord("k", logging.ERROR, "x.py", 1, "down", (), None))
    found = [(line["logger"], line.get("repeated")) for line in _lines(file)]
    assert [("k", None), ("z", None), ("k", 2), ("k", None)] == found


def test_a_second_configuration_reaches_loggers_of_modules() -> None:
    """With a file, a logger made before writes to the file configured last."""
    logger = structlog.get_logger()
    first, second = _file(), _file()
    configure(Log(), file=first)
    logger.info("a")
    configure(Log(), file=second)
    logger.info("b")
    assert (["a"], ["b"]) == ([r["event"] for r in _lines(first)], [r["event"] for r in _lines(second)])


def test_a_listener_gets_the_fields_instead() -> None:
    """Nothing is written; the listener is told level and fields from its level up, those of other libraries too."""
    heard: list[tuple[str, str]] = []
    configure_listener("info", lambda level, fields: heard.append((level, fields["event"])))
    structlog.get_logger().debug("a")
    structlog.get_logger().info("b")
    logging.getLogger("httpx").warning("c")
    assert [("info", "b"), ("warning", "c")] == heard


def test_a_closed_file_stops_nothing() -> None:
    """A line that cannot be written is lost without an error."""
    file = _file()
    configure(Log(), file=file)
    file.close()
    structlog.get_logger().info("event.done")


def test_lines_go_to_stderr(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Without a file, lines go to stderr, nothing to stdout."""
    configure(Log())
    structlog.get_logger().info("engine.started", folder=tmp_path)
    out, err = capfd.readouterr()
    assert ("", str(tmp_path)) == (out, json.loads(err)["folder"])
