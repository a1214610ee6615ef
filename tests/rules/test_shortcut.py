"""The short way of plain templates says what the sandbox says, or nothing."""

from __future__ import annotations

from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from engine.config.model import Limits
from engine.rules.shortcut import UNSURE, shortcut
from engine.rules.templates import Templates
from engine.rules.values import OMIT

LIMIT = 40
VALUES: tuple[Any, ...] = (
    "x", "a/b ?", "", "ä", "y" * 50, 7, True, None, 1.5, float("nan"), Decimal("1.10"), b"raw", OMIT, [1], {"k": 1},
    UUID(int=1), "\ud800",
)  # fmt: skip
PLAIN = (
    "{{ event.v }}", " {{ event['v'] }} ", "{{ rows[0].v }}", "seq {{ event.v }}", "{{ event.v }}{{ event.v }}",
    "{{ rows[0]['v'] }}/{{ event.v }}", "{{ v }}", "{{ omit }}", "{{ event.gone }}", "{{ event.v.w }}",
    "{{ rows[1].v }}", "{{ rows.v }}", "{{ event[0] }}", "{{ gone }}", "{{ event.v[0] }}",
)  # fmt: skip


@pytest.mark.parametrize("path", [False, True])
@pytest.mark.parametrize("source", PLAIN)
@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_the_short_way_agrees_with_the_sandbox(source: str, value: Any, path: bool) -> None:
    """Same value, same text; where the sandbox raises, the short way is unsure."""
    templates = Templates(Limits(rendered=LIMIT))
    render, short = templates.compile(source, path=path)
    assert short is not None
    names = templates.names()
    names.update(event={"v": value}, rows=[{"v": value}], v=value)
    try:
        found = list(render(templates.scope(names)))
    except Exception:
        assert path or UNSURE is short.value(names)
        assert None is short.text(names)
        return
    if len(found) == 1 and not path:
        assert short.value(names) in (UNSURE, found[0]) or found[0] != found[0]  # NaN
    text = short.text(names)
    if text is not None and all(type(one) is str for one in found):
        assert "".join(found) == text


@pytest.mark.parametrize(
    "source",
    [
        "{{ a | trim }}",
        "{{ a if b }}",
        "{{ a + b }}",
        "{% if a %}b{% endif %}",
        "{{ a[b] }}",
        "{{ a[-1] }}",
        "{{ a[1:] }}",
    ],
)
def test_what_computes_has_no_short_way(source: str) -> None:
    """Anything but a lookup is the sandbox's."""
    assert None is shortcut(Templates(Limits()).sandbox.parse(source), path=False, limit=10)


def test_too_long_is_left_to_the_sandbox() -> None:
    """The limit on what is rendered holds on the short way too."""
    _, short = Templates(Limits(rendered=3)).compile("{{ a }}{{ a }}")
    assert short is not None
    assert None is short.text({"a": "xx"})
    assert "xx" == short.text({"a": "x"})
