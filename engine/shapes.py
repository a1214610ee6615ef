"""JSON Schema (Draft 2020-12) to findings that a person can act on. The only file that imports jsonschema.

Besides the standard's keywords a schema may say, for people:
`title`: what the mapping is ("request": "'boddy' is not a key of a request"); `x-expected`: what a value should be
("a duration such as 10s": "'10' is not a duration such as 10s"); `x-message`: the whole message;
`writeOnly`: the value is a secret and never shown. A key that must not stand has the schema `{"not": {}}` (of `false`
jsonschema does not tell the place).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.documents import Document, Pointer
from engine.errors import Unusable
from engine.findings import Finding, Level, spell, suggest
from engine.gauge import Fits, NotGauged, gauge
from engine.wording import Failure, join, listed, mismatch, quoting, show, titled, wrong_choice, wrong_type

if TYPE_CHECKING:
    from jsonschema.exceptions import ValidationError


@dataclass(frozen=True, slots=True)
class _Problem:
    """A finding before it has a place.

    Attributes:
        pointer: the value to point at, or with `key` the value whose key to point at.
        about: the value that the message begins with; `pointer` where None.
    """

    pointer: Pointer
    check: str
    message: str
    help: str = ""
    key: bool = False
    about: Pointer | None = None


def check_shape(document: Document, schema: Mapping[str, Any]) -> list[Finding]:
    """Hold a document against a schema.

    Returns:
        In file order, one finding a place and check: `unknown-key`, `missing-key`, `exclusive-keys`, `wrong-key`,
        `wrong-type` or `wrong-value`. Where alternatives failed (`oneOf`, `anyOf`), what is wrong with the likeliest.
    """
    found: dict[tuple[Any, ...], Finding] = {}
    fits = _gauge(_ByIdentity(schema))
    if fits is not None and fits(document.data):
        return []
    for error in _errors(document.data, schema):
        for problem in _problems(_failure(error), schema):
            finding = _place(document, problem)
            found.setdefault((finding.span, finding.id), finding)
    return sorted(found.values(), key=lambda finding: (finding.span.line, finding.span.column))


class _ByIdentity:
    """A schema as a key: it is never changed, and too large to be compared."""

    __slots__ = ("schema",)

    def __init__(self, schema: Mapping[str, Any]) -> None:
        self.schema = schema

    def __hash__(self) -> int:
        return id(self.schema)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _ByIdentity) and self.schema is other.schema


@lru_cache(maxsize=32)
def _gauge(held: _ByIdentity) -> Fits | None:
    try:
        return gauge(held.schema)
    except NotGauged:
        return None


def _errors(data: Any, schema: Mapping[str, Any]) -> Iterator[ValidationError]:
    from jsonschema import Draft202012Validator, validators  # noqa: PLC0415 - slow, and most files have no error

    # JSON knows one kind of number; in YAML `versions: [1.0]` is no whole number.
    types = Draft202012Validator.TYPE_CHECKER.redefine("integer", lambda _, value: type(value) is int)
    strict: Any = validators.extend(Draft202012Validator, type_checker=types)  # type: ignore[no-untyped-call]
    yield from strict(schema).iter_errors(data)


@cache
def load_schema(name: str) -> Mapping[str, Any]:
    """One of the engine's own schemas: `config.schema.json`, `rule.schema.json`; short `config`, `rule`.

    Raises:
        Unusable: the installation is broken: there is no such schema.
    """
    file = name if name.endswith(".json") else f"{name}.schema.json"
    package = Path(__file__).parent
    for folder in (package / "schemas", package.parent / "schemas"):  # the wheel, a checkout
        if (folder / file).is_file():
            schema: Mapping[str, Any] = json.loads((folder / file).read_text(encoding="utf-8"))
            return schema
    raise Unusable(f"the schema {file} is missing from the installation; install the engine again")


def _failure(error: ValidationError) -> Failure:
    path = list(error.absolute_schema_path)
    named = path.index("propertyNames") if "propertyNames" in path else 0
    branches: dict[Any, list[Failure]] = {}
    for cause in error.context or ():
        branches.setdefault(cause.schema_path[0], []).append(_failure(cause))
    return Failure(
        pointer=tuple(error.absolute_path),
        depth=len(error.path),
        keyword=str(error.validator or ""),
        wanted=error.validator_value,
        value=error.instance,
        schema=error.schema if isinstance(error.schema, Mapping) else {},
        of_key="propertyNames" in path and path[max(named - 1, 0)] != "properties",
        branches=tuple(tuple(causes) for causes in branches.values()),
    )


def _place(document: Document, problem: _Problem) -> Finding:
    where = spell(problem.pointer if problem.about is None else problem.about)
    message = f"{where}: {problem.message}" if where else problem.message
    span = document.span(problem.pointer, key=problem.key)
    return Finding(document.path, span, Level.ERROR, problem.check, message, problem.help)


def _problems(failure: Failure, root: Mapping[str, Any]) -> Iterator[_Problem]:
    pointer = failure.pointer
    if failure.of_key:
        yield _Problem((*pointer, failure.value), "wrong-key", mismatch(failure), key=True, about=pointer)
    elif failure.keyword in _EXPLAIN:
        yield from _EXPLAIN[failure.keyword](failure, root)
    elif failure.keyword == "not" and not failure.wanted and pointer:
        text = failure.schema.get("x-message") or f"{show(pointer[-1])} is not allowed here"
        yield _Problem(pointer, "unknown-key", text, key=True, about=pointer[:-1])
    else:
        yield _Problem(pointer, "wrong-value", mismatch(failure))


# Keys


def _unknown(failure: Failure, root: Mapping[str, Any]) -> Iterator[_Problem]:
    known = list(_known_keys(failure.schema, root))
    patterns = [re.compile(pattern) for pattern in failure.schema.get("patternProperties", {})]
    owner = titled(failure.schema)
    for name in failure.value:
        if name in known or any(pattern.search(name) for pattern in patterns):
            continue
        near = suggest(name, [one for one in known if one not in failure.value]) or suggest(name, known)
        help_ = f"did you mean '{near}'?" if near else listed("known: ", known)
        text = f"{show(name)} is not a key of {owner}" if owner else f"{show(name)} is not a known key"
        yield _Problem((*failure.pointer, name), "unknown-key", text, help_, key=True, about=failure.pointer)


def _known_keys(schema: Mapping[str, Any], root: Mapping[str, Any]) -> Iterator[str]:
    """Keys that a schema names, in its alternatives too."""
    yield from (name for name, value in schema.get("properties", {}).items() if value is not False)
    reference = schema.get("$ref", "")
    if reference.startswith("#/"):
        target: Any = root
        for step in reference[2:].split("/"):
            target = target.get(step, {})
        yield from _known_keys(target, root)
    branches = [branch for word in ("allOf", "anyOf", "oneOf") for branch in schema.get(word, ())]
    for branch in (*branches, *(schema.get(word) for word in ("if", "then", "else"))):
        if isinstance(branch, Mapping):
            yield from _known_keys(branch, root)


def _missing(failure: Failure, _: Mapping[str, Any]) -> Iterator[_Problem]:
    """One problem for all missing keys: they would all point at the same place."""
    owner = titled(failure.schema)
    names = join([f"'{name}'" for name in failure.wanted if name not in failure.value], "and")
    text = failure.schema.get("x-message") or (f"{owner} needs {names}" if owner else f"needs {names}")
    yield _of_mapping(failure, "missing-key", text)


def _dependent(failure: Failure, _: Mapping[str, Any]) -> Iterator[_Problem]:
    for name, needed in failure.wanted.items():
        for other in needed:
            if name in failure.value and other not in failure.value:
                text = f"'{name}' needs '{other}' beside it"
                yield _Problem((*failure.pointer, name), "missing-key", text, key=True, about=failure.pointer)


def _of_mapping(failure: Failure, check: str, text: str) -> _Problem:
    """Point at the key that owns a mapping; in a list, or at the top, at the mapping's first key."""
    pointer = failure.pointer
    if pointer and isinstance(pointer[-1], str):
        return _Problem(pointer, check, text, key=True)
    first = next(iter(failure.value), None)
    return _Problem(pointer if first is None else (*pointer, first), check, text, key=True, about=pointer)


# Alternatives


def _alternatives(failure: Failure, root: Mapping[str, Any]) -> Iterator[_Problem]:
    names = _exclusive(failure.wanted)
    if names:
        if isinstance(failure.value, Mapping):
            yield _one_of(failure, names)
        return
    fitting = [causes for causes in failure.branches if not any(_is_other_kind(cause) for cause in causes)]
    if fitting:
        likeliest = min(fitting, key=lambda causes: (len(causes), -max(cause.depth for cause in causes)))
        for cause in likeliest:
            yield from _problems(cause, root)
    else:
        yield _no_kind(failure, [cause for causes in failure.branches for cause in causes])


def _exclusive(branches: list[Any]) -> list[str]:
    """The names where every branch only requires one key: exactly one of them may stand."""
    if all(isinstance(branch, Mapping) and set(branch) == {"required"} for branch in branches):
        return [name for branch in branches for name in branch["required"]]
    return []


def _one_of(failure: Failure, names: list[str]) -> _Problem:
    there = [name for name in failure.value if name in names]
    quoted = join([f"'{name}'" for name in names])
    if not there:
        return _of_mapping(failure, "missing-key", f"{titled(failure.schema) or 'this'} needs {quoted}")
    text = f"'{there[1]}' cannot stand beside '{there[0]}'; write {quoted}, not both"
    return _Problem((*failure.pointer, there[1]), "exclusive-keys", text, key=True, about=failure.pointer)


def _is_other_kind(cause: Failure) -> bool:
    """The branch is for another kind of value: the type differs, or the constant that tells the kinds apart."""
    if cause.depth == 0:
        return cause.keyword in ("type", "const", "enum")
    return cause.depth == 1 and cause.keyword == "const"


def _no_kind(failure: Failure, causes: list[Failure]) -> _Problem:
    telling = [cause for cause in causes if cause.depth == 1 and cause.keyword == "const"]
    if telling and isinstance(failure.value, Mapping):
        same = [cause.wanted for cause in telling if cause.pointer == telling[0].pointer]
        return _choice(telling[0], same)
    roots = [cause for cause in causes if cause.depth == 0]
    types = [one for cause in roots if cause.keyword == "type" for one in _as_list(cause.wanted)]
    values = [one for cause in roots if cause.keyword in ("const", "enum") for one in _as_list(cause.wanted)]
    check = "wrong-value" if values and isinstance(failure.value, str) else "wrong-type"
    near = suggest(failure.value, [one for one in values if isinstance(one, str)]) if check == "wrong-value" else None
    help_ = f"did you mean '{near}'?" if near else quoting(failure, types)
    return _Problem(failure.pointer, check, wrong_type(failure, types, values), help_)


# Values


def _wrong_type(failure: Failure, _: Mapping[str, Any]) -> Iterator[_Problem]:
    types = _as_list(failure.wanted)
    yield _Problem(failure.pointer, "wrong-type", wrong_type(failure, types), quoting(failure, types))


def _wrong_choice(failure: Failure, _: Mapping[str, Any]) -> Iterator[_Problem]:
    yield _choice(failure, [failure.wanted] if failure.keyword == "const" else list(failure.wanted))


def _choice(failure: Failure, values: list[Any]) -> _Problem:
    texts = [value for value in values if isinstance(value, str)]
    near = suggest(failure.value, texts) if isinstance(failure.value, str) else None
    help_ = f"did you mean {show(near)}?" if near else ""
    return _Problem(failure.pointer, "wrong-value", wrong_choice(failure, values), help_)


def _repeated(failure: Failure, _: Mapping[str, Any]) -> Iterator[_Problem]:
    seen: list[Any] = []
    for index, value in enumerate(failure.value):
        if any(value == one and type(value) is type(one) for one in seen):
            yield _Problem((*failure.pointer, index), "wrong-value", f"{show(value)} stands here a second time")
        seen.append(value)


def _as_list(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list) else [value]


_EXPLAIN: Mapping[str, Callable[[Failure, Mapping[str, Any]], Iterator[_Problem]]] = {
    "additionalProperties": _unknown,
    "unevaluatedProperties": _unknown,
    "required": _missing,
    "dependentRequired": _dependent,
    "oneOf": _alternatives,
    "anyOf": _alternatives,
    "type": _wrong_type,
    "enum": _wrong_choice,
    "const": _wrong_choice,
    "uniqueItems": _repeated,
}
