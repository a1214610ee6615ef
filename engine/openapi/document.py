"""One document: read, its references followed, its paths matched. Nothing is looked at before it is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import orjson

from engine.documents import LARGE, read_documents
from engine.errors import Unusable
from engine.openapi.paths import KnownPath, segments_of, shape_of

Json = Mapping[str, Any]

METHODS = ("get", "head", "options", "post", "put", "patch", "delete", "trace")
_DEEPEST = 32  # references that lead to references
_FATAL = frozenset({"yaml-syntax", "too-large", "merge-key"})


class ApiDocument:
    """An OpenAPI document.

    Attributes:
        data: as read.
        path: the file, for messages.
    """

    def __init__(self, data: Json, path: Path) -> None:
        self.data = data
        self.path = path
        self._found: dict[tuple[str, str], KnownPath | None] = {}

    @classmethod
    def load(cls, path: Path) -> ApiDocument:
        """Read a document in JSON or YAML.

        Raises:
            Unusable: unreadable, or no OpenAPI 3 document.
        """
        data = _read(path)
        if (
            not isinstance(data, dict)
            or not str(data.get("openapi", "")).startswith("3.")
            or not isinstance(data.get("paths"), dict)
        ):
            raise Unusable(f"{path} is not an OpenAPI 3 document with paths")
        return cls(data, path)

    @cached_property
    def paths(self) -> tuple[KnownPath, ...]:
        """All paths, in the document's order."""
        return tuple(KnownPath(known) for known in self.data["paths"])

    @cached_property
    def _by_length(self) -> Mapping[int, list[KnownPath]]:
        found: dict[int, list[KnownPath]] = {}
        for known in self.paths:
            found.setdefault(len(known.segments), []).append(known)
        return found

    @cached_property
    def server(self) -> str:
        """The path of the first server, variables at their defaults, without a slash at its end; "" for none."""
        servers = self.data.get("servers")
        first = servers[0] if isinstance(servers, list) and servers else None
        url = first.get("url") if isinstance(first, Mapping) else None
        if not isinstance(first, Mapping) or not isinstance(url, str):
            return ""
        variables = first.get("variables")
        for name, variable in variables.items() if isinstance(variables, Mapping) else ():
            if isinstance(variable, Mapping) and "default" in variable:
                url = url.replace(f"{{{name}}}", str(variable["default"]))
        return urlsplit(url).path.rstrip("/")

    def find(self, template: str, base: str) -> KnownPath | None:
        """The path that a rule's path means; None where the document has none.

        Args:
            template: the rule's path as written, with its templates.
            base: path of `api.url`, e.g. `/api`; "" for none.
        """
        key = (template, base)
        if key not in self._found:
            self._found[key] = self._find(shape_of(template), base)
        return self._found[key]

    def seen_by_rules(self, base: str) -> Mapping[str, KnownPath]:
        """All paths as a rule writes them below the path of `api.url`; those that no rule reaches are left out."""
        found = {}
        for one in self.paths:
            whole = self.server + one.text
            if whole.startswith(f"{base}/"):
                found[whole[len(base) :]] = one
            elif not self._has_below(base):
                found[one.text] = one
        return found

    def item(self, known: KnownPath) -> Json:
        """The path item; empty where it is none."""
        found = self.resolve(self.data["paths"][known.text])
        return {} if found is None else found

    def resolve(self, node: Any) -> Json | None:
        """The object behind references within the document; None where there is none."""
        for _ in range(_DEEPEST):
            if not isinstance(node, Mapping):
                return None
            reference = node.get("$ref")
            if not isinstance(reference, str):
                return node
            node = self.at(reference)
        return None

    def at(self, reference: str) -> Any:
        """What a reference such as `#/components/schemas/Thing` names; None where there is nothing, or elsewhere."""
        if not reference.startswith("#/"):
            return None
        node: Any = self.data
        for step in reference[2:].split("/"):
            name = unquote(step).replace("~1", "/").replace("~0", "~")
            if isinstance(node, list) and name.isdigit() and int(name) < len(node):
                node = node[int(name)]
            elif isinstance(node, Mapping):
                node = node.get(name)
            else:
                return None
        return node

    def _find(self, path: str, base: str) -> KnownPath | None:
        """Below the API's own path, less the server's; else the rule's path alone."""
        whole = base + path
        if self.server and whole.startswith(self.server + "/"):
            whole = whole[len(self.server) :]
        found = self._closest(whole)
        return found if found is not None or self._has_below(base) else self._closest(path)

    def _has_below(self, base: str) -> bool:
        return any(one.text == base or one.text.startswith(base + "/") for one in self.paths)

    def _closest(self, path: str) -> KnownPath | None:
        """The one with most literal segments, where several match."""
        segments = segments_of(path)
        matching = [one for one in self._by_length.get(len(segments), ()) if one.matches(segments)]
        return min(matching, key=lambda one: one.parameters, default=None)


def _read(path: Path) -> Any:
    """JSON or YAML as plain data; keys are text.

    Raises:
        Unusable: it cannot be read.
    """
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise Unusable(f"cannot read the OpenAPI document {path}: {error.strerror}") from error
    if raw.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] in (b"{", b"["):
        try:
            return orjson.loads(raw.removeprefix(b"\xef\xbb\xbf"))
        except ValueError as error:
            if path.suffix == ".json":
                raise Unusable(f"the OpenAPI document {path} is not JSON: {error}") from error
    return _read_yaml(path, raw)


def _read_yaml(path: Path, raw: bytes) -> Any:
    try:
        documents, findings = read_documents(path, raw.decode(), LARGE)
    except UnicodeDecodeError as error:
        raise Unusable(f"the OpenAPI document {path} is not UTF-8") from error
    for finding in findings:
        if finding.id in _FATAL:
            raise Unusable(f"the OpenAPI document {path} is not YAML: line {finding.span.line}: {finding.message}")
    return documents[0].data if documents else None
