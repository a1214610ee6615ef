"""An API as rules meet it: its document, below the path of its URL."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from urllib.parse import urlsplit

from engine.openapi.answers import Answers
from engine.openapi.constants import misfit
from engine.openapi.document import ApiDocument
from engine.openapi.operation import Operation
from engine.openapi.paths import VALUE, KnownPath, segments_of, shape_of
from engine.openapi.schema import Schemas
from engine.typing.model import Type


class KnownApi:
    """What can be asked of an API before it is called.

    Attributes:
        document: the API's.
        base: path of the API's URL, e.g. `/api`; "" for none.
        schemas: of the document.
    """

    def __init__(self, document: ApiDocument, url: str) -> None:
        self.document = document
        self.base = urlsplit(url).path.rstrip("/")
        self.schemas = Schemas(document)
        self._answers = Answers(self.schemas)
        self._paths: dict[str, KnownPath | None] = {}
        self._operations: dict[tuple[str, str], Operation] = {}
        self._types: dict[tuple[Operation, frozenset[int], frozenset[int]], Type] = {}

    @classmethod
    def load(cls, file: Path, url: str) -> KnownApi:
        """Read the document of the API with an URL.

        Raises:
            Unusable: unreadable, or no OpenAPI 3 document.
        """
        return cls(ApiDocument.load(file), url)

    def find(self, template: str) -> KnownPath | None:
        """The document's path that a rule's path means, None for none.

        A literal that cannot be the parameter where it stands is none: `/assets/batch-actoin/` is no asset.
        """
        if template not in self._paths:
            known = self.document.find(template, self.base)
            fits = known is not None and self._fits(segments_of(shape_of(template)), known)
            self._paths[template] = known if fits else None
        return self._paths[template]

    def _fits(self, asked: tuple[str, ...], known: KnownPath) -> bool:
        if not known.parameters:
            return True
        method = next(iter(self._operation("GET", known).methods), "GET")
        parameters = self._operation(method, known).path
        for there, here in zip(known.segments[-len(asked) :], asked, strict=False):
            parameter = parameters.get(there[1:-1]) if there.startswith("{") and there.endswith("}") else None
            if parameter is not None and VALUE not in here and misfit(here, parameter.schema, as_text=True) is not None:
                return False
        return True

    def operation(self, method: str, template: str) -> Operation | None:
        """A method, upper case, of a rule's path; None where the document does not have the path or the method."""
        known = self.find(template)
        found = None if known is None else self._operation(method, known)
        return found if found is not None and found.exists else None

    def methods(self, template: str) -> tuple[str, ...]:
        """All methods of a rule's path, upper case; none where the document does not have the path."""
        known = self.find(template)
        return () if known is None else self._operation("GET", known).methods

    def _operation(self, method: str, known: KnownPath) -> Operation:
        key = (method, known.text)
        if key not in self._operations:
            self._operations[key] = Operation(self.document, self.schemas, known, method)
        return self._operations[key]

    def answer(self, operation: Operation, codes: Iterable[int], classes: Iterable[int]) -> Type:
        """The type of the body of an accepted answer.

        Args:
            operation: of this API.
            codes: accepted statuses.
            classes: first digits of accepted ones, 2 for `2xx`.
        """
        key = (operation, frozenset(codes), frozenset(classes))
        if key not in self._types:
            self._types[key] = self._answers.type_of(operation.answer(key[1], key[2]))
        return self._types[key]

    def page_items(self, body: Type) -> Type:
        """The type of what `paginate` collects, where pages are of a type."""
        return self._answers.page_items(body)
