"""The one Jinja environment: items before attributes, no method calls, undefined is an error where it is used.

How it differs from Jinja's own sandbox, which it builds on:

- the lexer counts characters, not lines: `lineno` of every token, node and syntax error is an offset plus one;
- `a.b` is `a['b']` and nothing else, so no attribute of a Python object can be reached at all;
- a missing name fails where it stands, unless the filter or test around it asks for it (`default`, `is defined`);
- values leave a template as they are, and become text by the rules of `values.text`;
- nothing is computed while compiling, and what could grow without bound is judged before it runs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from jinja2 import StrictUndefined, TemplateSyntaxError, nodes
from jinja2.compiler import CodeGenerator, Frame
from jinja2.filters import _GroupTuple
from jinja2.lexer import TokenStream
from jinja2.nodes import EvalContext
from jinja2.runtime import LoopContext
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.utils import Namespace, missing

from engine.rules.bounds import Bounds, bounded_range
from engine.rules.filters import LENIENT_FILTERS, LENIENT_TESTS, MAY_LACK, build_filters, build_tests
from engine.rules.values import OMIT, Problem, Stated, kind

GLOBALS: Final[Mapping[str, Any]] = {"range": bounded_range, "dict": dict, "namespace": Namespace}
"""What a template may call."""

_CALLABLE = tuple(GLOBALS.values())
_LOOP = frozenset({"index", "index0", "revindex", "revindex0", "first", "last", "length", "depth", "depth0"})
_LOOP_EDGES = frozenset({"previtem", "nextitem"})
_SEQUENCES = (list, tuple, str, range)


class Missing(StrictUndefined):
    """What is undefined; any use but `default`, `required` and `is defined` raises Problem."""

    __slots__ = ()
    is_missing = True

    def __init__(self, hint: str | None = None, obj: Any = missing, name: str | None = None, exc: Any = Stated) -> None:
        super().__init__(hint, obj, name, exc)


class Names(dict[str, Any]):
    """Names in scope; asking for another one gives Jinja's mark for it."""

    __slots__ = ()

    def __missing__(self, name: str) -> Any:
        return missing


class Scope:
    """What one event's templates see: in Jinja's words a context, without what Jinja needs for inheritance."""

    __slots__ = ("environment", "eval_ctx", "exported_vars", "names", "resolve_or_missing", "rounds", "vars")

    def __init__(self, sandbox: Sandbox, names: Names) -> None:
        self.environment = sandbox
        self.eval_ctx = sandbox.eval_ctx
        self.names = names
        self.resolve_or_missing = names.__getitem__
        self.rounds = 0
        self.vars: dict[str, Any] = {}  # a `set` leaves its names here; nothing reads them
        self.exported_vars: set[str] = set()


class Generator(CodeGenerator):
    """Writes the Python of a template; see the module's text for what differs from Jinja's."""

    def visit_Getattr(self, node: nodes.Getattr, frame: Frame) -> None:  # noqa: N802 - Jinja's name
        """`a.b`."""
        self.write(f"environment.{self._look(node)}(")
        self.visit(node.node, frame)
        self.write(f", {node.attr!r}, {expression(node)!r})")

    def visit_Getitem(self, node: nodes.Getitem, frame: Frame) -> None:  # noqa: N802 - Jinja's name
        """`a[b]` and `a[1:2]`."""
        if isinstance(node.arg, nodes.Slice):
            super().visit_Getitem(node, frame)
            return
        self.write(f"environment.{self._look(node)}(")
        self.visit(node.node, frame)
        self.write(", ")
        self.visit(node.arg, frame)
        self.write(f", {expression(node)!r})")

    def visit_Name(self, node: nodes.Name, frame: Frame) -> None:  # noqa: N802 - Jinja's name
        """A name: stored, or read."""
        if node.ctx != "load":
            super().visit_Name(node, frame)
            return
        reference = frame.symbols.ref(node.name)
        maker = "undefined" if self._is_lenient(node) else "environment.unknown"
        self.write(f"({maker}(name={node.name!r}) if {reference} is missing else {reference})")

    def visit_Filter(self, node: nodes.Filter, frame: Frame) -> None:  # noqa: N802 - Jinja's name
        """`a | b`."""
        if node.name in LENIENT_FILTERS:
            self._allow(node.node)
        self._checked(node, node.name in MAY_LACK, super().visit_Filter, frame)

    def visit_Test(self, node: nodes.Test, frame: Frame) -> None:  # noqa: N802 - Jinja's name
        """`a is b`."""
        if node.name in LENIENT_TESTS:
            self._allow(node.node)
        super().visit_Test(node, frame)

    def visit_CondExpr(self, node: nodes.CondExpr, frame: Frame) -> None:  # noqa: N802 - Jinja's name
        """`a if b else c`; without `else` it may have no value."""
        frame = frame.soft()
        if self._is_lenient(node):
            self._allow(node.expr1)
            self._allow(node.expr2)
        self.write("(")
        self.visit(node.expr1, frame)
        self.write(" if ")
        self.visit(node.test, frame)
        self.write(" else ")
        if node.expr2 is None:
            self.write("environment.no_else()" if not self._is_lenient(node) else "undefined('no else')")
        else:
            self.visit(node.expr2, frame)
        self.write(")")

    def visit_Concat(self, node: nodes.Concat, frame: Frame) -> None:  # noqa: N802 - Jinja's name
        """`a ~ b`."""
        self.write("environment.bounds.concat((")
        for part in node.nodes:
            self.visit(part, frame)
            self.write(", ")
        self.write("))")

    def visit_Call(self, node: nodes.Call, frame: Frame, forward_caller: bool = False) -> None:  # noqa: ARG002, N802 - Jinja's name
        """`range(3)`; the parser has refused every other callee."""
        self.write("environment.call(context, ")
        self.visit(node.node, frame)
        self.signature(node, frame)
        self.write(")")

    def _output_child_to_const(self, node: nodes.Expr, frame: Frame, finalize: Any) -> str:  # noqa: ARG002 - Jinja's
        if not isinstance(node, nodes.TemplateData):
            raise nodes.Impossible
        return node.data

    def _output_child_pre(self, node: nodes.Expr, frame: Frame, finalize: Any) -> None:
        """Write nothing: a value leaves as it is, not as str()."""

    def _output_child_post(self, node: nodes.Expr, frame: Frame, finalize: Any) -> None:
        """Write nothing: see _output_child_pre."""

    def _checked(self, node: nodes.Filter, may_lack: bool, write: Any, frame: Frame) -> None:
        if not may_lack or self._is_lenient(node):
            write(node, frame)
            return
        self.write("environment.known(")
        write(node, frame)
        self.write(f", {expression(node)!r})")

    def _look(self, node: nodes.Expr) -> str:
        return "find" if self._is_lenient(node) else "need"

    def _is_lenient(self, node: nodes.Expr) -> bool:
        return getattr(node, "lenient", False)

    def _allow(self, node: nodes.Expr | None) -> None:
        if node is not None:
            node.lenient = True  # type: ignore[attr-defined]


class Sandbox(ImmutableSandboxedEnvironment):
    """The environment of every template; see the module's text."""

    code_generator_class = Generator
    intercepted_binops = frozenset({"+", "*", "**", "%"})

    def __init__(self, limit: int) -> None:
        super().__init__(undefined=Missing, optimized=False, keep_trailing_newline=True, cache_size=0)
        self.bounds = Bounds(limit)
        self.filters = build_filters(self.bounds)
        self.tests = dict(build_tests())
        self.globals = {}
        self.eval_ctx = EvalContext(self)
        self._operators = self.bounds.operators
        self.concat = self.bounds.concat  # type: ignore[assignment]  # the text of `{% set x %}...{% endset %}`

    def names(self) -> Names:
        """The names every template sees."""
        return Names(_ALWAYS)

    def need(self, owner: Any, key: Any, spelled: str) -> Any:
        """`owner[key]` where it must exist.

        Raises:
            Problem: it does not; the text says `spelled`, the expression as the rule writes it.
        """
        if type(owner) is dict:
            try:
                return owner[key]
            except (KeyError, TypeError):
                raise Stated(f"{spelled} is undefined") from None
        found = self._item(owner, key)
        if found is missing:
            raise Stated(_why(owner, spelled))
        return found

    def find(self, owner: Any, key: Any, spelled: str = "a value") -> Any:
        """`owner[key]`, or Missing."""
        found = self._item(owner, key)
        return Missing(_why(owner, spelled)) if found is missing else found

    def getitem(self, obj: Any, argument: Any) -> Any:
        """`find` for the filters that look fields up by name: `map`, `sort`, `attr` and the like."""
        named = isinstance(argument, str) and argument.isidentifier()
        return self.find(obj, argument, f"the field '{argument}'" if named else "a field")

    def getattr(self, obj: Any, attribute: str) -> Any:
        """The same: there is no other way to a field."""
        return self.getitem(obj, attribute)

    def unknown(self, name: str) -> Any:
        """Fail for a name that is nowhere in scope.

        Raises:
            Problem: always.
        """
        raise Stated(f"{name} is undefined")

    def no_else(self) -> Any:
        """Fail for an inline if that had no value.

        Raises:
            Problem: always.
        """
        raise Stated("an inline `if` was false and has no `else`")

    def known(self, value: Any, spelled: str) -> Any:
        """The value of a filter that may find nothing.

        Raises:
            Problem: it found nothing.
        """
        if type(value) is Missing:
            raise Stated(f"{spelled} is undefined: there is nothing to take it from")
        return value

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:  # noqa: ARG002 - Jinja's
        """A bounded operator.

        Raises:
            Problem: the result would be too large.
        """
        return self._operators[operator](left, right)

    def call(self, context: Any, function: Any, /, *arguments: Any, **keywords: Any) -> Any:  # noqa: ARG002 - Jinja's
        """Call one of GLOBALS.

        Raises:
            Problem: anything else.
        """
        if not any(function is allowed for allowed in _CALLABLE):
            raise Problem("calls what cannot be called")
        return function(*arguments, **keywords)

    def _item(self, owner: Any, key: Any) -> Any:
        """`owner[key]`, or `missing`. Data has items; Jinja's own loop, group and namespace have a few fields."""
        if isinstance(owner, Mapping):
            try:
                return owner[key]
            except (KeyError, TypeError):
                return missing
        if isinstance(owner, _SEQUENCES) and isinstance(key, int):
            try:
                return owner[key]
            except IndexError:
                return missing
        return self._field(owner, key)

    def _field(self, owner: Any, key: Any) -> Any:
        if type(owner) is LoopContext and (key in _LOOP or key in _LOOP_EDGES):
            found = getattr(owner, key)
            return missing if type(found) is Missing else found
        if type(owner) is _GroupTuple and key in ("grouper", "list"):
            return owner[0 if key == "grouper" else 1]
        if type(owner) is Namespace and isinstance(key, str) and not key.startswith("_"):
            return getattr(owner, key, missing)
        return missing

    def _tokenize(
        self,
        source: str,
        name: str | None,
        filename: str | None = None,
        state: str | None = None,  # noqa: ARG002 - Jinja's
    ) -> Any:
        return TokenStream(self.lexer.wrap(self._offsets(source), name, filename), name, filename)

    def _offsets(self, source: str) -> Iterator[tuple[int, str, str]]:
        """Jinja's tokens with an offset plus one in place of the line."""
        place = 0
        try:
            for _, token, value in self.lexer.tokeniter(source, None):
                begin = source.find(value, place)  # skips white space that `-%}` took away
                begin = place if begin < 0 else begin
                place = begin + len(value)
                if token == "raw_begin":  # noqa: S105 - to the parser it is a tag that it does not know
                    yield begin + 1, "block_begin", "{%"
                    yield begin + value.index("raw") + 1, "name", "raw"
                yield begin + 1, token, value
        except TemplateSyntaxError as error:
            rest = source[place:]
            raise TemplateSyntaxError(_lexer_text(error), place + len(rest) - len(rest.lstrip()) + 1) from error


_ALWAYS: Final = {"omit": OMIT, **GLOBALS}


def expression(node: nodes.Expr) -> str:
    """The expression as a rule writes it, short: `event.payload.status`; the inside of brackets only if constant."""
    if isinstance(node, nodes.Name):
        return node.name
    if isinstance(node, nodes.Getattr):
        return f"{expression(node.node)}.{node.attr}"
    if isinstance(node, nodes.Getitem):
        key = node.arg.value if isinstance(node.arg, nodes.Const) else "..."
        return f"{expression(node.node)}[{key!r}]" if key != "..." else f"{expression(node.node)}[...]"
    if isinstance(node, nodes.Filter) and node.node is not None:
        return f"{expression(node.node)} | {node.name}"
    return "(...)"


def _why(owner: Any, spelled: str) -> str:
    """Why something has no such item, without showing what it holds."""
    if owner is None:
        return f"{spelled} is undefined: what stands before it is null"
    if isinstance(owner, (Mapping, LoopContext, Namespace, list, tuple)):
        return f"{spelled} is undefined"
    if type(owner) is Missing:
        return str(owner)  # raises: the first thing that is undefined is the one to name
    return f"{spelled} is undefined: what stands before it is {kind(owner)}, which has no fields"


def _lexer_text(error: TemplateSyntaxError) -> str:
    text = error.message or "is not a template"
    return text.split(" at ")[0] if text.startswith("unexpected char") else text
