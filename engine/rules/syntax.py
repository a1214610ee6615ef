"""Reading a template: what a rule may use, with every complaint at its token."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from jinja2 import TemplateSyntaxError, nodes
from jinja2.meta import find_undeclared_variables
from jinja2.parser import Parser

from engine.findings import suggest
from engine.rules.filters import INTERNAL
from engine.rules.sandbox import GLOBALS, Sandbox

_MARKS = ("{{", "{%", "{#")
_ALLOWED: Final[frozenset[type]] = frozenset(
    {
        nodes.Template,
        nodes.Output,
        nodes.TemplateData,
        nodes.If,
        nodes.For,
        nodes.Assign,
        nodes.AssignBlock,
        nodes.NSRef,
        nodes.Name,
        nodes.Const,
        nodes.Tuple,
        nodes.List,
        nodes.Dict,
        nodes.Pair,
        nodes.Keyword,
        nodes.CondExpr,
        nodes.Scope,  # what `autoescape` stands in; it is refused itself
        nodes.Filter,
        nodes.Test,
        nodes.Call,
        nodes.Getitem,
        nodes.Getattr,
        nodes.Slice,
        nodes.Concat,
        nodes.Compare,
        nodes.Operand,
        *nodes.BinExpr.__subclasses__(),
        *nodes.UnaryExpr.__subclasses__(),
    }
)
_STATEMENTS: Final[dict[type[nodes.Node], str]] = {
    nodes.Import: "import",
    nodes.FromImport: "from ... import",
    nodes.Include: "include",
    nodes.Extends: "extends",
    nodes.Block: "block",
    nodes.Macro: "macro",
    nodes.CallBlock: "call",
    nodes.FilterBlock: "filter",
    nodes.With: "with",
    nodes.ScopedEvalContextModifier: "autoescape",
}
_PLAIN = frozenset({str, int, float, bool, type(None)})  # what most fields of nodes hold; known at a glance
_SPECIAL_NAMES = frozenset({"self", "super", "caller", "varargs", "kwargs"})


class TemplateInvalid(Exception):
    """A template that cannot be used. The text says why, on one line.

    Attributes:
        id: of the finding: `template-syntax`, `template-refused`, `unknown-filter`, `unknown-test`.
        start, end: characters of the source to point at.
        help: what to write instead, "" without a suggestion.
    """

    def __init__(self, finding: str, message: str, start: int, end: int, remedy: str = "") -> None:
        super().__init__(message)
        self.id = finding
        self.start = start
        self.end = end
        self.help = remedy


@dataclass(frozen=True, slots=True)
class Parsed:
    """A template that uses only what a rule may use.

    Attributes:
        tree: never changed; `lineno - 1` of a node is the offset of its token (see sandbox.py).
        names: names that it takes from its scope.
        whole: it is one whole expression.
    """

    tree: nodes.Template
    names: frozenset[str]
    whole: bool


def read(sandbox: Sandbox, source: str) -> Parsed:
    """Parse and judge a template.

    Raises:
        TemplateInvalid: it is no template, or uses what a rule may not use.
    """
    try:
        # `sandbox.parse` less a walk that tells every node its environment: nobody asks any but the root for it
        tree = nodes.Template(Parser(sandbox, source).subparse(), lineno=1, environment=sandbox)
    except TemplateSyntaxError as error:
        raise _syntax(error, source) from error
    except (RecursionError, ValueError, MemoryError) as error:
        raise TemplateInvalid("template-syntax", "is nested too deeply, or no template", 0, len(source)) from error
    names, stores = _judge(tree, sandbox, source)
    undeclared = find_undeclared_variables(tree) if stores else names
    return Parsed(tree, frozenset(undeclared), whole_expression(tree) is not None)


def is_template(source: str) -> bool:
    """True where text holds anything that Jinja would act on."""
    return any(mark in source for mark in _MARKS)


def whole_expression(tree: nodes.Template) -> nodes.Expr | None:
    """The expression where the template is one whole expression, white space around it ignored."""
    if len(tree.body) != 1 or not isinstance(tree.body[0], nodes.Output):
        return None
    found = None
    for child in tree.body[0].nodes:
        if type(child) is nodes.TemplateData:
            if child.data.strip():
                return None
        elif found is not None:
            return None
        else:
            found = child
    return found


def children(node: nodes.Node) -> list[nodes.Node]:
    """The nodes right below a node, in reading order; quicker than Jinja's `iter_child_nodes`."""
    found: list[nodes.Node] = []
    for name in node.fields:
        value = getattr(node, name, None)
        if type(value) is list:
            found += [one for one in value if isinstance(one, nodes.Node)]
        elif type(value) not in _PLAIN and isinstance(value, nodes.Node):
            found.append(value)
    return found


def token_at(source: str, start: int) -> tuple[int, int]:
    """The word or sign that begins at an offset; the last character where the source ends there."""
    if start >= len(source):
        return max(0, len(source.rstrip()) - 1), len(source.rstrip())
    end = start
    while end < len(source) and (source[end].isalnum() or source[end] == "_"):
        end += 1
    return start, max(end, start + 1)


def token_span(source: str, node: nodes.Node) -> tuple[int, int]:
    """The characters of a node's own token: of `a.b` the `b`, of `a is b` the `b`, of a filter its name."""
    start = max(0, (node.lineno or 1) - 1)
    if isinstance(node, (nodes.Getattr, nodes.Test)):
        word = node.attr if isinstance(node, nodes.Getattr) else node.name
        found = source.find(word, start + 1)
        return (found, found + len(word)) if found >= 0 else token_at(source, start)
    return token_at(source, start)


def _judge(tree: nodes.Template, sandbox: Sandbox, source: str) -> tuple[set[str], bool]:
    """The names that are read, and whether any are set.

    Raises:
        TemplateInvalid: for the first thing, in reading order, that a rule may not use.
    """
    names: set[str] = set()
    stores = False
    callees: set[int] = set()
    stack: list[nodes.Node] = [tree]
    while stack:
        node = stack.pop()
        if type(node) is nodes.Name:
            stores = stores or node.ctx != "load"
            names.add(node.name)
            _judge_name(node, id(node) in callees, source)
        elif type(node) is nodes.Call:
            callees.add(id(_callee(node, source)))
        elif type(node) is nodes.Filter:
            _judge_word("filter", node, sandbox.filters, source)
        elif type(node) is nodes.Test:
            _judge_word("test", node, sandbox.tests, source)
        elif type(node) not in _ALLOWED:
            word = _STATEMENTS.get(type(node), type(node).__name__.lower())
            raise _refused(node, source, f"'{word}' is not allowed in a rule")
        elif type(node) is nodes.For and node.recursive:
            raise _refused(node, source, "a recursive 'for' is not allowed in a rule")
        stack += reversed(children(node))
    return names, stores


def _judge_name(node: nodes.Name, called: bool, source: str) -> None:
    if node.name in _SPECIAL_NAMES:
        raise _refused(node, source, f"'{node.name}' is not allowed in a rule")
    if node.name in GLOBALS and not called:
        raise _refused(node, source, f"'{node.name}' can only be called")


def _judge_word(what: str, node: nodes.Filter | nodes.Test, known: Collection[str], source: str) -> None:
    if node.name in known and node.name not in INTERNAL:
        return
    near = suggest(node.name, (name for name in known if name not in INTERNAL))
    message = f"'{node.name}' is not a {what} that a rule may use"
    raise TemplateInvalid(
        f"unknown-{what}", message, *token_span(source, node), f"did you mean '{near}'?" if near else ""
    )


def _callee(node: nodes.Call, source: str) -> nodes.Name:
    """What is called: one of GLOBALS.

    Raises:
        TemplateInvalid: anything else.
    """
    callee = node.node
    if isinstance(callee, nodes.Name) and callee.name in GLOBALS:
        return callee
    if isinstance(callee, nodes.Getattr):
        message = f"'{callee.attr}' is called: methods of values cannot be called"
        raise _refused(callee, source, message, "use a filter, such as {{ value | upper }}")
    name = callee.name if isinstance(callee, nodes.Name) else "a value"
    remedy = "the time of the event is message.timestamp" if name == "now" else ""
    raise _refused(callee, source, f"'{name}' is called: only range, dict and namespace can be", remedy)


def _refused(node: nodes.Node, source: str, message: str, remedy: str = "") -> TemplateInvalid:
    return TemplateInvalid("template-refused", message, *token_span(source, node), remedy)


_UNKNOWN_TAG = re.compile(r"Encountered unknown tag '(?!end|el)(\w+)'")
_NOT_CLOSED = re.compile(r"Unexpected end of template\. .*needs to be closed is '(\w+)'")


def _syntax(error: TemplateSyntaxError, source: str) -> TemplateInvalid:
    """Jinja's complaint in our words; its `lineno` is an offset plus one (see sandbox.py)."""
    start, end = token_at(source, max(0, min((error.lineno or 1) - 1, len(source))))
    message = " ".join((error.message or "").split())
    if found := _UNKNOWN_TAG.match(message):
        return TemplateInvalid("template-refused", f"'{found[1]}' is not allowed in a rule", start, end)
    if found := _NOT_CLOSED.match(message):
        return TemplateInvalid("template-syntax", f"'{found[1]}' is not closed", start, end, f"add 'end{found[1]}'")
    message = message.partition(". Jinja was")[0].rstrip(".")
    return TemplateInvalid("template-syntax", message[:1].lower() + message[1:], start, end)
