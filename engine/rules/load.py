"""From YAML documents to rules: shape, templates, names; every finding of every document, and the rules that stand."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from engine.api.messages import Accept, RetryOverrides
from engine.config.model import Limits
from engine.documents import Document
from engine.findings import Finding, Level, spell, suggest
from engine.rules.encode import FORBIDDEN_HEADERS, HEADER_NAME
from engine.rules.model import Condition, Expect, RequestRule, Rule
from engine.rules.multipart import file_faults, raw_faults
from engine.rules.parts import Constant, Elements, Fields, Part, Single
from engine.rules.paths import check_literal, check_path
from engine.rules.sandbox import GLOBALS
from engine.rules.templates import Pointer, Template, TemplateInvalid, Templates, is_template
from engine.rules.values import Problem
from engine.shapes import check_shape, load_schema
from engine.units import duration

RESERVED = frozenset({"event", "message", "item", "omit", "loop", *GLOBALS, "lipsum", "cycler", "joiner"})
"""Names that no response, var or item may take. `item` may be the name of an item."""

_LATER = {
    "cache": "'cache' is not supported yet",
}


def load_rules(
    documents: Iterable[Document], limits: Limits | None = None, apis: Collection[str] | None = None
) -> tuple[list[Rule], list[Finding]]:
    """Compile the rules that stand in documents.

    Args:
        documents: in file order; a file may have several.
        limits: `rendered` bounds every template; the defaults where None.
        apis: names of the configured `apis`; None: an `api` is not looked up.

    Returns:
        The rules without an error, and the findings of all documents.
    """
    templates = Templates(limits or Limits())
    rules: list[Rule] = []
    findings: list[Finding] = []
    seen: Counter[Path] = Counter()
    for document in documents:
        seen[document.path] += 1
        rule, wrong = load_rule(document, rule_name(document.path, seen[document.path]), templates, apis)
        findings += wrong
        if rule is not None and not any(finding.level is Level.ERROR for finding in wrong):
            rules.append(rule)
    return rules, findings


def load_rule(
    document: Document, name: str, templates: Templates, apis: Collection[str] | None = None
) -> tuple[Rule | None, list[Finding]]:
    """Compile one rule as far as it goes.

    Args:
        document: the rule.
        name: what it is called in logs and dead letters.
        templates: the sandbox; what it has read once it does not read again.
        apis: as for `load_rules`.

    Returns:
        The rule, where its shape is sound: with findings it lacks the parts that they are about. And the findings.
    """
    loader = _Loader(document, templates, apis)
    return loader.rule(name), loader.findings


def rule_name(path: Path, number: int) -> str:
    """What the rule in the document with that number, from 1, of a file is called."""
    return path.stem if number == 1 else f"{path.stem}#{number}"


class _Loader:
    """One document on its way to a Rule; collects findings instead of stopping at the first."""

    def __init__(self, document: Document, templates: Templates, apis: Collection[str] | None) -> None:
        self.document = document
        self.templates = templates
        self.apis = apis
        self.findings: list[Finding] = []
        self.taken: dict[str, Pointer] = {}

    def rule(self, name: str) -> Rule | None:
        """The rule, None where the document's shape is wrong."""
        self.findings += map(self._later, check_shape(self.document, load_schema("rule.schema.json")))
        if self.findings:
            return None
        data: Mapping[str, Any] = self.document.data
        retry = dict(data.get("retry", {}))
        restart = retry.pop("restart", False)
        overrides = _overrides(retry)
        variables = tuple(self._var(key, value) for key, value in data.get("vars", {}).items())
        requests = self._requests(data, overrides)
        rule = Rule(
            name=name,
            path=self.document.path,
            line=self.document.span(()).line,
            event_type=data["event_type"],
            versions=tuple(data["versions"]) if "versions" in data else None,
            digest=hashlib.sha256(json.dumps(data).encode()).hexdigest(),
            retry=overrides,
            restart=restart,
            max_age=duration(data["max_age"]) if "max_age" in data else None,
            on_old=data.get("on_old", "skip"),
            on_dead=data.get("on_dead", "continue"),
            order_by=self._optional(data, ("order_by",)),
            when=self._condition(data.get("when", True), ("when",)),
            vars=variables,
            requests=requests,
            sandbox=self.templates,
            uses_message=False,
        )
        return replace(rule, uses_message=any("message" in template.names for template in rule.templates()))

    # Requests

    def _requests(self, data: Mapping[str, Any], overrides: RetryOverrides) -> tuple[RequestRule, ...]:
        if "request" in data:
            return (self._request(data["request"], ("request",), "request", overrides),)
        return tuple(
            self._request(one, ("requests", index), f"request_{index + 1}", overrides)
            for index, one in enumerate(data["requests"])
        )

    def _request(self, data: Mapping[str, Any], at: Pointer, default_id: str, overrides: RetryOverrides) -> RequestRule:
        name = data.get("id", default_id)
        self._take(name, (*at, "id") if "id" in data else at)
        self._check_fits(data, at)
        path, template = self._path(data["path"], (*at, "path"))
        return RequestRule(
            pointer=at,
            id=name,
            api=self._api(data, at),
            method=data["method"],
            path=path,
            path_template=template,
            query=self._mapping_or_expression(data, (*at, "query")),
            allow_empty=data.get("allow_empty", False),
            headers=self._headers(data.get("headers", {}), (*at, "headers")),
            body=self._optional(data, (*at, "body")),
            encoding=data.get("encoding", "json"),
            expect=self._expect(data.get("expect", {}), (*at, "expect")),
            when=self._condition(data.get("when", True), (*at, "when")),
            for_each=self._list_or_expression(data, (*at, "for_each")),
            item=self._item(data, at),
            paginate=data.get("paginate", False),
            retry=_merge(overrides, _overrides(data.get("retry", {}))),
            timeout=duration(data["timeout"]) if "timeout" in data else None,
        )

    def _api(self, data: Mapping[str, Any], at: Pointer) -> str:
        name: str = data.get("api", "")
        if name and self.apis is not None and name not in self.apis:
            near = suggest(name, self.apis)
            help_ = f"did you mean '{near}'?" if near else "add it to `apis` in the configuration"
            self._find("unknown-api", (*at, "api"), f"'{name}' is not one of the configured apis", help_)
        return name

    def _check_fits(self, data: Mapping[str, Any], at: Pointer) -> None:
        """Keys whose values do not go together."""
        if data.get("paginate") and data["method"] != "GET":
            self._find("wrong-value", (*at, "paginate"), "pages can be followed for a GET only")
        if data["method"] in ("GET", "HEAD", "OPTIONS") and "body" in data:
            self._find("wrong-value", (*at, "body"), f"a {data['method']} request has no body", key=True)
        encoding = data.get("encoding")
        if encoding in ("form", "multipart") and isinstance(data["body"], list):
            self._find("wrong-value", (*at, "body"), f"must be a mapping with `encoding: {encoding}`")
        if encoding == "multipart" and isinstance(data["body"], dict):
            for name in [one for one in data.get("headers", {}) if one.lower() == "content-type"]:
                text = "cannot be set with `encoding: multipart`, which has its boundary in it"
                self._find("wrong-header", (*at, "headers", name), text, key=True)
            for steps, check, text, help_, key in file_faults(data["body"]):
                self._find(check, (*at, "body", *steps), text, help_, key=key)
        if data.get("encoding") == "raw" and not isinstance(data["body"], str):
            for steps, check, text, help_, key in raw_faults(data["body"]):
                self._find(check, (*at, "body", *steps), text, help_, key=key)

    def _path(self, source: str, at: Pointer) -> tuple[str, Template | None]:
        template = None
        if is_template(source):
            template = self._template(source, at, path=True)
            if template is None:
                return source, None
        try:
            if template is None:
                check_literal(source)
                check_path(source)
            else:
                for chunk in template.literals():
                    check_literal(chunk)
        except Problem as error:
            self._find("wrong-path", at, str(error))
        return source, template

    def _headers(self, data: Mapping[str, Any], at: Pointer) -> tuple[tuple[str, Part], ...]:
        seen: dict[str, str] = {}
        parts = []
        for name, value in data.items():
            here = (*at, name)
            if HEADER_NAME.fullmatch(name) is None:
                self._find("wrong-header", here, f"'{name}' is not a header name", key=True)
            elif name.lower() in FORBIDDEN_HEADERS:
                self._find("wrong-header", here, f"'{name}' cannot be set by a rule", key=True)
            elif name.lower() in seen:
                text = f"'{name}' stands here a second time, as '{seen[name.lower()]}' above"
                self._find("duplicate-key", here, text, key=True)
            seen.setdefault(name.lower(), name)
            parts.append((name, self._part(value, here)))
        return tuple(parts)

    def _expect(self, data: Mapping[str, Any], at: Pointer) -> Expect:
        listed = data.get("status")
        accept = Accept()
        if listed is not None:
            codes = frozenset(one for one in listed if isinstance(one, int))
            accept = Accept(codes, frozenset(int(one[0]) for one in listed if isinstance(one, str)))
        that = self._condition(data["that"], (*at, "that")) if "that" in data else None
        return Expect(accept, that, self._optional(data, (*at, "message")))

    def _item(self, data: Mapping[str, Any], at: Pointer) -> str:
        name: str = data.get("as", "item")
        if "as" in data and name != "item":
            self._take(name, (*at, "as"), shared=True)
        return name

    # Values

    def _var(self, name: str, value: Any) -> tuple[str, Part]:
        at = ("vars", name)
        self._take(name, at, key=True)
        return name, self._part(value, at)

    def _part(self, value: Any, at: Pointer) -> Part:
        if isinstance(value, str):
            template = self._template(value, at) if is_template(value) else None
            return Single(template) if template is not None else Constant(value)
        if isinstance(value, dict):
            fields = Fields(tuple((self._key(key, at), self._part(one, (*at, key))) for key, one in value.items()))
            return fields if any(not isinstance(part, Constant) for _, part in fields.items) else Constant(value)
        if isinstance(value, list):
            elements = Elements(tuple(self._part(one, (*at, index)) for index, one in enumerate(value)))
            return elements if any(not isinstance(part, Constant) for part in elements.items) else Constant(value)
        return Constant(value)

    def _key(self, key: str, at: Pointer) -> str:
        if is_template(key):
            text = "a key cannot be a template; make the mapping in one {{ expression }}"
            self._find("template-refused", (*at, key), text, key=True)
        return key

    def _optional(self, data: Mapping[str, Any], at: Pointer) -> Part | None:
        return self._part(data[str(at[-1])], at) if at[-1] in data else None

    def _mapping_or_expression(self, data: Mapping[str, Any], at: Pointer) -> Part | None:
        part = self._optional(data, at)
        return None if part is None else self._whole(part, at, "a mapping")

    def _list_or_expression(self, data: Mapping[str, Any], at: Pointer) -> Part | None:
        part = self._optional(data, at)
        return None if part is None else self._whole(part, at, "a list")

    def _whole(self, part: Part, at: Pointer, wanted: str) -> Part:
        text = isinstance(part, Constant) and isinstance(part.data, str)
        if text or (isinstance(part, Single) and not part.template.whole):
            self._find("wrong-value", at, f"must be {wanted}, or one whole {{{{ expression }}}} that gives one")
        return part

    def _condition(self, value: str | bool, at: Pointer) -> Condition:
        if isinstance(value, bool):
            return value
        template = self._template(value, at)
        if template is not None and not template.whole:
            self._find("wrong-value", at, "must be one whole {{ expression }} that gives true or false, nothing else")
        return template if template is not None else True

    def _template(self, source: str, at: Pointer, *, path: bool = False) -> Template | None:
        try:
            return Template(self.templates, source, at, path=path)
        except TemplateInvalid as error:
            span = self.document.inside(at, error.start, error.end)
            message = f"{spell(at)}: {error}"
            self.findings.append(Finding(self.document.path, span, Level.ERROR, error.id, message, error.help))
            return None

    # Findings

    def _take(self, name: str, at: Pointer, *, key: bool = False, shared: bool = False) -> None:
        """Claim a name; items of different requests may share one."""
        if name in RESERVED:
            self._find("reserved-name", at, f"'{name}' is a name of the engine's own", key=key)
        elif name in self.taken and not (shared and self.taken[name][-1] == "as"):
            first = self.document.span(self.taken[name]).line
            text = f"'{name}' is already the name of {_owner(self.taken[name])} (line {first})"
            self._find("duplicate-id" if at[-1] != "as" and not key else "duplicate-name", at, text, key=key)
        else:
            self.taken.setdefault(name, at)

    def _find(self, check: str, at: Pointer, text: str, help_: str = "", *, key: bool = False) -> None:
        where = spell(at[:-1] if key else at)
        message = f"{where}: {text}" if where else text
        span = self.document.span(at, key=key)
        self.findings.append(Finding(self.document.path, span, Level.ERROR, check, message, help_))

    def _later(self, finding: Finding) -> Finding:
        """Say of what is not supported yet that it is not supported yet."""
        for word, text in _LATER.items():
            if f"'{word}'" in finding.message and finding.id in ("unknown-key", "wrong-value"):
                where = finding.message.partition(": ")[0]
                return Finding(finding.path, finding.span, finding.level, finding.id, f"{where}: {text}")
        return finding


def _owner(at: Pointer) -> str:
    if at[0] == "vars":
        return "a var"
    return "an item" if at[-1] == "as" else "a request"


def _overrides(data: Mapping[str, Any]) -> RetryOverrides:
    values = dict(data)
    for name in ("initial_delay", "max_delay", "throttled_for"):
        if name in values:
            values[name] = duration(values[name])
    if "statuses" in values:
        values["statuses"] = frozenset(values["statuses"])
    return RetryOverrides(**values)


def _merge(rule: RetryOverrides, request: RetryOverrides) -> RetryOverrides:
    """The request's values where it has some, else the rule's."""
    names = RetryOverrides.__dataclass_fields__
    return RetryOverrides(
        **{name: getattr(rule, name) if getattr(request, name) is None else getattr(request, name) for name in names}
    )
