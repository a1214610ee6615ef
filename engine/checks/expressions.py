"""What can be said of an expression without computing it.

`lineno - 1` of every node is the offset of its token (see `engine.rules.sandbox`).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from jinja2 import nodes

from engine.rules.syntax import children, token_span
from engine.rules.templates import Template


def span_of(source: str, node: nodes.Node) -> tuple[int, int]:
    """The characters of a node's own token, of a text constant with its quotes."""
    if isinstance(node, nodes.Const) and isinstance(node.value, str):
        return _quoted(source, (node.lineno or 1) - 1)
    return token_span(source, node)


def walk(tree: nodes.Node) -> Iterator[nodes.Node]:
    """The node and all nodes below it, in reading order; quicker than Jinja's `find_all`."""
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        yield node
        waiting += reversed(children(node))


def results(expression: nodes.Expr) -> Iterator[nodes.Expr]:
    """The expressions whose value this one may give as it is: branches of an inline if, sides of `or` and `and`."""
    match expression:
        case nodes.CondExpr():
            yield from results(expression.expr1)
            if expression.expr2 is not None:
                yield from results(expression.expr2)
        case nodes.Or() | nodes.And():
            yield from results(expression.left)
            yield from results(expression.right)
        case nodes.Filter(name="default" | "d", node=nodes.Expr() as subject, args=[nodes.Expr() as instead, *_]):
            yield from results(subject)
            yield from results(instead)
        case _:
            yield expression


def kind(expression: nodes.Expr) -> str | None:
    """What every value of an expression is: `a boolean`, `text`, `a number`, `a list`, `a map`; None: not known."""
    match expression:
        case nodes.Const():
            return _CONSTANTS.get(type(expression.value))
        case nodes.Compare() | nodes.Not() | nodes.Test():
            return "a boolean"
        case nodes.Filter():
            return _FILTERS.get(expression.name)
        case nodes.Concat():
            return "text"
        case nodes.List() | nodes.Tuple():
            return "a list"
        case nodes.Dict():
            return "a map"
        case nodes.Add() | nodes.Mul() | nodes.Mod():
            return "a number, text or a list"
        case nodes.Sub() | nodes.Div() | nodes.FloorDiv() | nodes.Pow() | nodes.Neg() | nodes.Pos():
            return "a number"
        case _:
            return None


def constant(expression: nodes.Expr) -> Any:
    """The value of a constant or an empty list; `...` for everything else."""
    if isinstance(expression, nodes.Const):
        return expression.value
    return [] if isinstance(expression, nodes.List) and not expression.items else ...


def is_name(expression: nodes.Expr, name: str) -> bool:
    """True where the expression is that name and nothing else."""
    return isinstance(expression, nodes.Name) and expression.name == name


def reads(tree: nodes.Node, name: str) -> bool:
    """True where the tree reads the name."""
    return any(node.name == name and node.ctx == "load" for node in _names(tree))


def literals(tree: nodes.Template) -> list[str] | None:
    """The literal parts between the values, one more than there are values; None where there are statements."""
    parts = [""]
    for statement in tree.body:
        if not isinstance(statement, nodes.Output):
            return None
        for child in statement.nodes:
            if isinstance(child, nodes.TemplateData):
                parts[-1] += child.data
            else:
                parts.append("")
    return parts


def fields(template: Template) -> tuple[tuple[str, str | int, nodes.Node], ...]:
    """Every `name.field`, `name['field']` and `name[0]`: name, field, node."""
    return tuple(_fields(template.ast()))


def _fields(tree: nodes.Node) -> Iterator[tuple[str, str | int, nodes.Node]]:
    for node in walk(tree):
        yield from _fields_at(node)


def _fields_at(node: nodes.Node) -> Iterator[tuple[str, str | int, nodes.Node]]:
    """The field that a node looks up, where it is one of a name."""
    if type(node) is nodes.Getattr and type(node.node) is nodes.Name:
        yield node.node.name, node.attr, node
    elif type(node) is nodes.Getitem and type(node.node) is nodes.Name:
        key = node.arg.value if isinstance(node.arg, nodes.Const) else None
        if isinstance(key, str | int):
            yield node.node.name, key, node


def _certain(node: nodes.Node) -> Iterator[nodes.Node]:
    """The node and those below it that are computed whenever it is."""
    yield node
    match node:
        case nodes.CondExpr() | nodes.If():
            below: list[nodes.Node] = [node.test]
        case nodes.And() | nodes.Or():
            below = [node.left]
        case nodes.For():
            below = [node.iter]
        case nodes.Filter(name="default" | "d" | "required") | nodes.Test(name="defined" | "undefined"):
            below = []
        case _:
            below = children(node)
    for child in below:
        yield from _certain(child)


def certain_fields(template: Template) -> tuple[tuple[str, str | int, nodes.Node], ...]:
    """Those of `fields` that are looked up for every event: no condition stands before, no `default` behind them."""
    return tuple(found for one in _certain(template.ast()) for found in _fields_at(one))


def counts(tree: nodes.Node, name: str) -> bool:
    """True where the tree looks at how many things `name` holds: `length`, a field such as `count`, `== []`."""
    for found in walk(tree):
        is_count = isinstance(found, nodes.Filter) and found.name in ("length", "count")
        is_field = isinstance(found, nodes.Getattr) and found.attr in _COUNTS
        is_list = isinstance(found, nodes.Compare) and _against_list(found)
        if (is_count or is_field or is_list) and reads(found, name):
            return True
    return False


def first_use(tree: nodes.Template, name: str) -> nodes.Node | None:
    """Where the tree first takes a name from its scope; None where it sets the name itself before each use."""
    return next((node for node in _free(tree.body, set()) if node.name == name), None)


def _against_list(node: nodes.Compare) -> bool:
    return any(isinstance(side, nodes.List) for side in (node.expr, *(operand.expr for operand in node.ops)))


def _names(tree: nodes.Node) -> Iterator[nodes.Name]:
    return (node for node in walk(tree) if type(node) is nodes.Name)


def _free(body: list[nodes.Node], bound: set[str]) -> Iterator[nodes.Name]:
    """Names that statements read and nothing above them sets; `bound` grows by what they set."""
    for node in body:
        match node:
            case nodes.If():
                yield from _free_if(node, bound)
            case nodes.For():
                yield from _free_for(node, bound)
            case nodes.Assign():
                yield from _reads(node.node, bound)
                bound |= {name.name for name in _names(node.target)}
            case nodes.AssignBlock():
                yield from _free(node.body, set(bound))
                bound |= {name.name for name in _names(node.target)}
            case _:
                yield from _reads(node, bound)


def _free_if(node: nodes.If, bound: set[str]) -> Iterator[nodes.Name]:
    """A name that one branch sets counts as set afterwards: whether it is depends on the event."""
    yield from _reads(node.test, bound)
    after: set[str] = set()
    for branch in (node.body, list[nodes.Node](node.elif_), node.else_):
        inside = set(bound)
        yield from _free(branch, inside)
        after |= inside
    bound |= after


def _free_for(node: nodes.For, bound: set[str]) -> Iterator[nodes.Name]:
    yield from _reads(node.iter, bound)
    inside = bound | {name.name for name in _names(node.target)} | {"loop"}
    if node.test is not None:
        yield from _reads(node.test, inside)
    yield from _free(node.body, inside)
    yield from _free(node.else_, set(bound))


def _reads(expression: nodes.Node, bound: set[str]) -> Iterator[nodes.Name]:
    return (node for node in _names(expression) if node.ctx == "load" and node.name not in bound)


def _quoted(source: str, start: int) -> tuple[int, int]:
    """The characters of a text constant, quotes included; neighbours that Jinja joins are not looked for."""
    quote = source[start : start + 1]
    if quote not in ("'", '"'):
        return start, start + 1
    end = start + 1
    while end < len(source) and source[end] != quote:
        end += 2 if source[end] == "\\" else 1
    return start, min(end + 1, len(source))


_COUNTS = frozenset({"count", "total", "total_count", "totalCount", "size"})

_CONSTANTS: dict[type, str] = {
    bool: "a boolean",
    str: "text",
    int: "a number",
    float: "a number",
    type(None): "null",
}

_FILTERS = {
    **dict.fromkeys(
        (
            "b64encode", "capitalize", "center", "e", "escape", "filesizeformat", "format", "indent", "isoformat",
            "join", "json", "lower", "replace", "string", "title", "tojson", "trim", "truncate", "upper", "urlencode",
            "wordwrap",
        ),
        "text",
    ),
    **dict.fromkeys(("abs", "count", "float", "int", "length", "round", "sum", "wordcount"), "a number"),
    **dict.fromkeys(
        (
            "batch", "dictsort", "groupby", "items", "list", "map", "reject", "rejectattr", "select", "selectattr",
            "slice", "sort", "unique",
        ),
        "a list",
    ),
    "b64decode": "bytes",
}  # fmt: skip
