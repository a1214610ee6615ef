"""Templates: text of a rule that is parsed once and rendered for each event."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import jinja2
from jinja2 import nodes

from engine.config.model import Limits
from engine.documents import Pointer
from engine.findings import spell
from engine.rules.filters import SEGMENT, STEPS
from engine.rules.sandbox import Names, Sandbox, Scope, expression
from engine.rules.shortcut import UNSURE, Shortcut, shortcut
from engine.rules.syntax import Parsed, TemplateInvalid, is_template, read, token_span, whole_expression
from engine.rules.values import Plain, Problem, Stated, kind, text, too_long

__all__ = [
    "Pointer",
    "RenderFailed",
    "Template",
    "TemplateInvalid",
    "Templates",
    "is_template",
    "token_span",
    "whole_expression",
]


Compiled = tuple[Callable[[Scope], Iterator[Any]], Shortcut | None]
"""The function that renders, and the short way where there is one."""


class RenderFailed(Exception):
    """A template failed for this event. The text names the place in the rule and holds nothing of the event."""


class Template:
    """One template of a rule.

    Attributes:
        pointer: its path in the rule's document.
        source: as the rule writes it.
        whole: True where it is one whole expression, which keeps its type.
        names: names that it takes from its scope; what it sets itself is not among them.
    """

    __slots__ = ("_path", "_render", "_short", "_templates", "names", "pointer", "source", "whole")

    def __init__(self, templates: Templates, source: str, pointer: Pointer, *, path: bool = False) -> None:
        """Parse `source`.

        Args:
            templates: the sandbox.
            source: text of the rule.
            pointer: where it stands in the document.
            path: True where every value becomes a percent-encoded part of a path.

        Raises:
            TemplateInvalid: it is no template, or uses what a rule may not use.
        """
        parsed = templates.read(source)
        self.source = source
        self.pointer = pointer
        self.whole = parsed.whole and not path
        self.names = parsed.names
        self._path = path
        self._templates = templates
        self._render: Callable[[Scope], Iterator[Any]] | None = None
        self._short: Shortcut | None = None

    @property
    def place(self) -> str:
        """Where it stands, as findings and errors write it: `requests[1].body.status`."""
        return spell(self.pointer)

    def literals(self) -> list[str]:
        """The literal parts of the text, in order, those inside statements too."""
        return [data.data for data in self.ast().find_all(nodes.TemplateData)]

    def ast(self) -> nodes.Template:
        """The tree, not to be changed; `lineno - 1` of a node is the offset of its token (see `token_span`)."""
        return self._templates.parse(self.source)

    def prepare(self) -> None:
        """Compile it now rather than for the first event."""
        if self._render is None:
            self._render, self._short = self._templates.compile(self.source, path=self._path)

    def value(self, scope: Scope) -> Any:
        """The value of a whole expression, else the text.

        Raises:
            RenderFailed: something is undefined, has no text, or is too large.
        """
        if not self.whole:
            return self.text(scope)
        if self._render is None:
            self.prepare()
        if self._short is not None and (short := self._short.value(scope.names)) is not UNSURE:
            return short
        scope.rounds = 0
        try:
            for found in self._render(scope):  # type: ignore[misc]
                if type(found) is str and len(found) > self._templates.limit:
                    raise too_long(self._templates.limit)  # noqa: TRY301 - told with its place like all others
                return found
        except Exception as error:
            raise self.failed(error) from error
        raise AssertionError  # pragma: no cover - a whole expression always yields

    def plain(self, scope: Scope) -> Any:
        """The value for the JSON writer, or OMIT.

        Raises:
            RenderFailed: as for `value`, or it has no JSON.
        """
        found = self.value(scope)
        if type(found) is str or found is None:
            return found
        try:
            return Plain(self._templates.limit).plain(found)
        except (Problem, RecursionError) as error:
            raise self.failed(error) from error

    def text(self, scope: Scope) -> str:
        """The text.

        Raises:
            RenderFailed: something is undefined, has no text, or the text is over `limits.rendered`.
        """
        if self._render is None:
            self.prepare()
        if self._short is not None and (short := self._short.text(scope.names)) is not None:
            return short
        scope.rounds = 0
        parts: list[str] = []
        left = self._templates.limit
        try:
            for found in self._render(scope):  # type: ignore[misc]
                part = found if type(found) is str else text(found, self._templates.limit)
                left -= len(part)
                if left < 0:
                    raise too_long(self._templates.limit)  # noqa: TRY301 - told with its place like all others
                parts.append(part)
        except Exception as error:
            raise self.failed(error, len(parts)) from error
        return "".join(parts)

    def truth(self, scope: Scope) -> bool:
        """The value of a condition.

        Raises:
            RenderFailed: it is not a boolean.
        """
        found = self.value(scope)
        if found is True or found is False:
            return found
        raise self.failed(Problem(f"must be true or false, not {kind(found)}"))

    def failed(self, error: Exception, part: int = 0) -> RenderFailed:
        """The failure of this template, naming its place.

        Args:
            error: why; a Problem says it in its own words, of anything else only the kind is told.
            part: index of the part of the text that failed.
        """
        subject = "" if isinstance(error, Stated) else self._subject(part)
        return RenderFailed(f"{self.place}: {subject}{_reason(error)}")

    def _subject(self, part: int) -> str:
        """The expression that failed, as the rule writes it; "" where that cannot be said shortly."""
        body = self.ast().body
        if len(body) != 1 or not isinstance(body[0], nodes.Output):
            return ""
        children = [c for c in body[0].nodes if not (self.whole and isinstance(c, nodes.TemplateData))]
        spelled = expression(children[part]) if part < len(children) else "(...)"
        return "" if "(...)" in spelled else f"{spelled} "


class Templates:
    """The sandbox with its limits; makes every template of a book. What was read once is not read again."""

    __slots__ = ("_compiled", "_parsed", "limit", "sandbox")

    def __init__(self, limits: Limits) -> None:
        """Build the sandbox.

        Args:
            limits: `rendered` bounds what one template makes.
        """
        self.limit = limits.rendered
        self.sandbox = Sandbox(self.limit)
        self._parsed: dict[str, Parsed] = {}
        self._compiled: dict[tuple[str, bool], Compiled] = {}

    def names(self) -> Names:
        """The names that every template sees, for a new scope."""
        return self.sandbox.names()

    def scope(self, names: Names) -> Scope:
        """What one event's templates see."""
        return Scope(self.sandbox, names)

    def parse(self, source: str) -> nodes.Template:
        """The tree of a template, not to be changed; `lineno - 1` of a node is the offset of its token.

        Raises:
            TemplateInvalid: it is no template, or uses what a rule may not use.
        """
        return self.read(source).tree

    def read(self, source: str) -> Parsed:
        """What is known of a template without rendering it.

        Raises:
            TemplateInvalid: it is no template, or uses what a rule may not use.
        """
        found = self._parsed.get(source)
        if found is None:
            found = self._parsed[source] = read(self.sandbox, source)
        return found

    def compile(self, source: str, *, path: bool = False) -> Compiled:
        """What renders a template that was read before; in a `path` each value becomes a part of it."""
        compiled = self._compiled.get((source, path))
        if compiled is None:
            tree = self.sandbox.parse(source)
            short = shortcut(tree, path=path, limit=self.limit)
            _adapt(tree, path=path)
            code = self.sandbox.compile(tree, None, "<template>")
            render: Any = jinja2.Template.from_code(self.sandbox, code, {}).root_render_func
            compiled = self._compiled[source, path] = (render, short)
        return compiled

    def forget(self) -> None:
        """Drop the trees: enough where everything is compiled."""
        self._parsed.clear()


def _adapt(tree: nodes.Template, *, path: bool) -> None:
    """Count the rounds of loops; leave a whole expression alone; percent-encode every value in a path."""
    for loop in list(tree.find_all(nodes.For)):
        loop.iter = nodes.Filter(loop.iter, STEPS, [], [], None, None, lineno=loop.lineno)
    if not path:
        whole = whole_expression(tree)
        if whole is not None:
            tree.body = [nodes.Output([whole])]  # without the white space around it
        return
    set_aside = {id(one) for block in tree.find_all(nodes.AssignBlock) for one in block.find_all(nodes.Output)}
    for output in list(tree.find_all(nodes.Output)):
        if id(output) not in set_aside:  # what `set` keeps is encoded where it is put into the path
            output.nodes = [_segment(child) for child in output.nodes]


def _segment(child: nodes.Expr) -> nodes.Expr:
    if isinstance(child, nodes.TemplateData):
        return child
    return nodes.Filter(child, SEGMENT, [], [], None, None, lineno=child.lineno)


def _reason(error: Exception) -> str:
    """Why rendering failed, without anything of the event: only texts that are ours, or that name types."""
    if isinstance(error, Problem):
        return str(error)
    if isinstance(error, ZeroDivisionError):
        return "divides by zero"
    if isinstance(error, TypeError):
        return f"mixes types that do not go together ({' '.join(str(error).split())[:200]})"
    if isinstance(error, RecursionError):
        return "is nested too deeply"
    return f"cannot be computed ({type(error).__name__})"
