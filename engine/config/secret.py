"""A value that must never be printed."""

from __future__ import annotations

from collections.abc import Callable


class Secret:
    """Text that shows as `***` everywhere but in `reveal()`.

    `source` reads the text anew (a secret file that was rotated); without one the text never changes.
    """

    __slots__ = ("_source", "_text")

    def __init__(self, text: str, source: Callable[[], str] | None = None) -> None:
        self._text = text
        self._source = source

    def reveal(self) -> str:
        """The text itself: only for the place that sends it."""
        return self._text

    def reread(self) -> None:
        """Read the text again where it came from a file; keeps the old text where that fails."""
        if self._source is not None:
            try:
                self._text = self._source()
            except OSError:
                return

    def __repr__(self) -> str:
        return "Secret('***')"

    __str__ = __repr__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._text == self._text

    def __hash__(self) -> int:
        return hash(self._text)
