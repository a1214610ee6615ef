"""Values of a rule that may hold templates at any depth, made into something that renders."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from engine.rules.sandbox import Scope
from engine.rules.templates import Template
from engine.rules.values import OMIT


@dataclass(frozen=True, slots=True)
class Constant:
    """A value without a template in it."""

    data: Any

    def value(self, scope: Scope) -> Any:  # noqa: ARG002 - as the other parts
        """The value itself."""
        return self.data

    def plain(self, scope: Scope) -> Any:  # noqa: ARG002 - as the other parts
        """The value itself: YAML knows nothing that JSON does not."""
        return self.data

    def templates(self) -> Iterator[Template]:
        """None."""
        return iter(())


@dataclass(frozen=True, slots=True)
class Single:
    """One template."""

    template: Template

    def value(self, scope: Scope) -> Any:
        """The template's value.

        Raises:
            RenderFailed: the template cannot be rendered for this event.
        """
        return self.template.value(scope)

    def plain(self, scope: Scope) -> Any:
        """The value for the JSON writer, or OMIT.

        Raises:
            RenderFailed: as for `value`, or the value has no JSON.
        """
        return self.template.plain(scope)

    def templates(self) -> Iterator[Template]:
        """The one."""
        yield self.template


@dataclass(frozen=True, slots=True)
class Fields:
    """A mapping; the keys are literal."""

    items: tuple[tuple[str, Part], ...]

    def value(self, scope: Scope) -> Any:
        """The mapping with every value rendered; `omit` drops its key.

        Raises:
            RenderFailed: a template cannot be rendered for this event.
        """
        return {key: found for key, part in self.items if (found := part.value(scope)) is not OMIT}

    def plain(self, scope: Scope) -> Any:
        """The mapping for the JSON writer; `omit` drops its key.

        Raises:
            RenderFailed: as for `value`, or a value has no JSON.
        """
        return {key: found for key, part in self.items if (found := part.plain(scope)) is not OMIT}

    def templates(self) -> Iterator[Template]:
        """Those of all values, in file order."""
        for _, part in self.items:
            yield from part.templates()


@dataclass(frozen=True, slots=True)
class Elements:
    """A list."""

    items: tuple[Part, ...]

    def value(self, scope: Scope) -> Any:
        """The list with every element rendered; `omit` drops its element.

        Raises:
            RenderFailed: a template cannot be rendered for this event.
        """
        return [found for part in self.items if (found := part.value(scope)) is not OMIT]

    def plain(self, scope: Scope) -> Any:
        """The list for the JSON writer; `omit` drops its element.

        Raises:
            RenderFailed: as for `value`, or an element has no JSON.
        """
        return [found for part in self.items if (found := part.plain(scope)) is not OMIT]

    def templates(self) -> Iterator[Template]:
        """Those of all elements, in file order."""
        for part in self.items:
            yield from part.templates()


Part = Constant | Single | Fields | Elements
