"""What CISO Assistant answers, its traps included."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from tests.api_server import forms
from tests.api_server.credentials import LOGIN, OAUTH, Credentials
from tests.api_server.document import Document, Endpoint, Operation, problem
from tests.api_server.faults import Faults
from tests.api_server.messages import Reply, Request, html_reply, json_reply
from tests.api_server.recorder import Recorder
from tests.api_server.seed import seed
from tests.api_server.store import RELATIONS, Item, Store

_PAGE = 5000  # CISO Assistant's own page size
_BUILT_IN = frozenset({"limit", "offset", "ordering"})
_MAX_FILE = 50 * 1024 * 1024


class App:
    """All of the API but HTTP itself."""

    def __init__(self, document: Document, *, controls: int) -> None:
        self.document = document
        self.recorder = Recorder()
        self.faults = Faults()
        self.credentials = Credentials()
        self.reset(controls=controls)

    def reset(self, *, controls: int) -> None:
        """Begin anew: seeded objects, no faults, an empty record."""
        self.store = Store(self.document.collections)
        self._fresh_folders: set[str] = set()
        seed(self.store, controls=controls)
        self.faults.set({})
        self.credentials.renew()
        self.recorder.clear()

    def answer(self, request: Request) -> Reply:
        """The reply to one request, recorded."""
        self.recorder.came(request)
        reply = self._faulty(request)
        reply.delay += self.faults.wait()
        self.recorder.answered(request, 0 if reply.drop or reply.hang else reply.status)
        return reply

    def _faulty(self, request: Request) -> Reply:
        if not self.faults.rules:
            return self._open(request)
        request.reference = self._reference(request)
        fault = self.faults.striking(request, request.reference)
        if fault is None:
            return self._open(request)
        if fault.applied:
            self._open(request)
        return fault.reply()

    def _reference(self, request: Request) -> str | None:
        """The `ref_id` that a request is about, by its query or by the object behind its path."""
        for name, value in request.query:
            if name == "ref_id":
                return value
        found = self.document.find(request.path)
        item = self.store.get(found[0].collection, found[1]) if found and found[1] else None
        return item.get("ref_id") if item else None

    def _open(self, request: Request) -> Reply:
        """Endpoints that need no credential, then the rest."""
        path = request.path
        if path == LOGIN and request.method == "POST":
            return self.credentials.login(request)
        if path == OAUTH and request.method == "POST":
            return self.credentials.oauth(request)
        if path == "/api/health/":
            return json_reply(200, {"status": "ok"})
        if not path.endswith("/"):
            return self._without_slash(request)
        found = self.document.find(path)
        if found is None:
            self.recorder.violated(request, "unknown-path", path)
            return html_reply(404, "Not Found")
        if refusal := self.credentials.refusal(request):
            self.recorder.unauthenticated()
            return refusal
        return self._dispatch(request, *found)

    def _without_slash(self, request: Request) -> Reply:
        if self.document.find(f"{request.path}/") is None:
            self.recorder.violated(request, "unknown-path", request.path)
            return html_reply(404, "Not Found")
        self.recorder.violated(request, "no-trailing-slash", request.path)
        query = f"?{request.query_text}" if request.query_text else ""
        return Reply(301, headers=(("Location", f"{request.path}/{query}"),), media_type="text/html; charset=utf-8")

    def _dispatch(self, request: Request, endpoint: Endpoint, key: str) -> Reply:
        operation = endpoint.operations.get(request.method)
        if operation is None:
            self.recorder.violated(request, "wrong-method", f"{request.method} {endpoint.template}")
            return json_reply(405, {"detail": f'Method "{request.method}" not allowed.'})
        if request.is_write and "idempotency-key" not in request.headers:
            self.recorder.violated(request, "no-idempotency-key", endpoint.template)
        for name, _ in request.query:
            if name not in operation.query:
                self.recorder.violated(request, "unknown-query", name)
        if not key:
            return self._on_collection(request, endpoint, operation)
        item = self.store.get(endpoint.collection, key)
        if item is None:
            return json_reply(404, {"detail": f"No {endpoint.collection} matches the given query."})
        request.reference = item.get("ref_id")
        return self._on_item(request, endpoint, operation, item)

    def _on_collection(self, request: Request, endpoint: Endpoint, operation: Operation) -> Reply:
        if endpoint.template.endswith("/batch-action/"):
            return self._batch(request, endpoint)
        if request.method == "GET":
            return self._list(request, endpoint, operation)
        return self._write(request, endpoint, operation, None)

    def _on_item(self, request: Request, endpoint: Endpoint, operation: Operation, item: Item) -> Reply:
        if endpoint.template.endswith("/upload/"):
            return self._upload(request, endpoint, item)
        if endpoint.collection == "risk-acceptances" and not endpoint.template.endswith("{id}/"):
            return self._decide(request, endpoint, item)
        if request.method == "GET":
            return json_reply(200, self._read(item))
        if request.method == "DELETE":
            self.store.remove(endpoint.collection, item)
            return Reply(204)
        return self._write(request, endpoint, operation, item)

    def _list(self, request: Request, endpoint: Endpoint, operation: Operation) -> Reply:
        filters: dict[str, list[str]] = {}
        for name, value in request.query:
            # the trap: a name that the API does not know, or an empty value, filters nothing
            if value and name in operation.query:
                filters.setdefault(name, []).append(value)
        for name, values in filters.items():
            schema = operation.query[name]
            wrong = problem(values if schema.get("type") == "array" else values[0], schema) if name != "id" else None
            if wrong:
                return json_reply(400, {name: [wrong]})
        limit, offset = (
            int(filters.get(name, [default])[0]) for name, default in (("limit", str(_PAGE)), ("offset", "0"))
        )
        found = self.store.select(endpoint.collection, {n: v for n, v in filters.items() if n not in _BUILT_IN})
        page = [self._read(item) for item in found[offset : offset + limit]]
        links = self._links(request, limit, offset, len(found))
        return json_reply(200, {"count": len(found), **links, "results": page})

    def _links(self, request: Request, limit: int, offset: int, count: int) -> dict[str, str | None]:
        """Relative, with the /api prefix, as the real one gives them."""

        def link(start: int) -> str:
            kept = [(name, value) for name, value in request.query if name not in ("limit", "offset")]
            return f"{request.path}?{urlencode([*kept, ('limit', limit), ('offset', start)])}"

        following = link(offset + limit) if offset + limit < count else None
        return {"next": following, "previous": link(max(0, offset - limit)) if offset else None}

    def _write(self, request: Request, endpoint: Endpoint, operation: Operation, item: Item | None) -> Reply:
        try:
            given = forms.fields(request, operation.lists)
        except forms.Unsupported as wrong:
            return json_reply(415, {"detail": f'Unsupported media type "{wrong}" in request.'})
        except forms.Malformed as wrong:
            return json_reply(400, {"detail": str(wrong)})
        values = self._known(request, operation, given)
        if wrongs := self._problems(operation, values, complete=request.method != "PATCH"):
            return json_reply(400, wrongs)
        if refusal := self._scope_refusal(endpoint.collection, values, item) or _too_early(endpoint.collection, values):
            return refusal
        return self._apply(request, endpoint.collection, values, item)

    def _known(self, request: Request, operation: Operation, given: Mapping[str, Any]) -> dict[str, Any]:
        """The trap: fields that the API does not know, or does not let write, are left out without a word."""
        schemas = operation.body or {}
        known = {}
        for name, value in given.items():
            if name not in schemas:
                self.recorder.violated(request, "unknown-field", name)
            elif name in operation.read_only:
                self.recorder.violated(request, "read-only-field", name)
            else:
                known[name] = value
        return known

    def _problems(self, operation: Operation, values: Mapping[str, Any], *, complete: bool) -> dict[str, list[str]]:
        schemas = operation.body or {}
        wrongs: dict[str, list[str]] = {}
        for name, value in values.items():
            wrong = None if isinstance(value, dict) else problem(value, schemas[name])
            wrong = wrong or self._missing_relation(name, value)
            if wrong:
                wrongs[name] = [wrong]
        if complete:
            for name in operation.required - values.keys():
                wrongs[name] = ["This field is required."]
        return wrongs

    def _missing_relation(self, name: str, value: Any) -> str | None:
        if name not in RELATIONS or not value:
            return None
        keys = value if isinstance(value, list) else [value]
        missing = [key for key in keys if not self.store.holds(name, key)]
        return f'Invalid pk "{missing[0]}" - object does not exist.' if missing else None

    def _scope_refusal(self, collection: str, values: Mapping[str, Any], item: Item | None) -> Reply | None:
        folder = values.get("folder")
        if item is None and folder in self._fresh_folders:
            self._fresh_folders.discard(folder)  # observed once, right after a folder was made
            return json_reply(403, {"folder": "You do not have permission to create objects in this folder"})
        whole = (item or {}) | dict(values)
        taken = self.store.taken(collection, whole, values.keys(), but=item["id"] if item else None)
        if taken:
            return json_reply(
                400, {taken: [f"{whole[taken]} is already used in this scope. Please pick another value."]}
            )
        return None

    def _apply(self, request: Request, collection: str, values: dict[str, Any], item: Item | None) -> Reply:
        status = 200
        created = item is None
        values = {name: _as_written(value) for name, value in values.items()}
        if item is None:
            status, item = 201, self.store.add(collection, values)
            if collection == "folders":
                self._fresh_folders.add(item["id"])
        else:
            self.store.change(collection, item, values)
        if collection == "evidences":
            self._attach(item, values.get("applied_controls", ()))
        if created and collection in ("evidences", "evidence-revisions"):
            self._revised(item if collection == "evidence-revisions" else None, item)
        request.reference = item.get("ref_id")
        self.recorder.wrote(request, request.reference or item["id"], values)
        return json_reply(status, item)

    def _attach(self, evidence: Item, controls: Iterable[str]) -> None:
        """The other side of the relation."""
        for key in controls:
            control = self.store.get("applied-controls", key)
            if control is not None and evidence["id"] not in control.setdefault("evidences", []):
                control["evidences"].append(evidence["id"])

    def _revisions(self, evidence: str) -> list[Item]:
        return self.store.select("evidence-revisions", {"evidence": [evidence]})

    def _revised(self, revision: Item | None, given: Item) -> Item:
        """Number a new version of evidence; new evidence (`revision` None) gets its first."""
        if revision is None:
            made = {"evidence": given["id"], "version": 1, "observation": None, "attachment": given.get("attachment")}
            return self.store.add("evidence-revisions", made)
        evidence = revision["evidence"]
        self.store.change("evidence-revisions", revision, {"version": len(self._revisions(evidence))})
        if found := self.store.get("evidences", evidence):
            self.store.change("evidences", found, {"status": "in_review"})
        return revision

    def _upload(self, request: Request, endpoint: Endpoint, item: Item) -> Reply:
        disposition = request.headers.get("content-disposition", "")
        name = forms.file_name(disposition)
        if not name:
            return json_reply(400, {"detail": "Missing filename. Request should include a Content-Disposition header."})
        if name.endswith(".exe") or len(request.body) > _MAX_FILE:
            return json_reply(400, {"attachment": "This file type is not allowed or the file is too large."})
        latest = next(reversed(self._revisions(item["id"])), None) or self._revised(None, {"id": item["id"]})
        # the trap: where the version had a file, both are lost
        attachment = None if latest["attachment"] else {"filename": name, "size": len(request.body)}
        self.store.change("evidence-revisions", latest, {"attachment": attachment})
        self.recorder.wrote(request, item["id"], {})
        return json_reply(200, {"attachment": name})

    def _decide(self, request: Request, endpoint: Endpoint, item: Item) -> Reply:
        """Submit, accept or revoke a risk acceptance; any state may follow any other, as in the real one."""
        state = {"submit": "Submitted", "accept": "Accepted", "revoke": "Revoked"}[endpoint.template.split("/")[-2]]
        if state == "Submitted" and not item.get("approver"):
            return json_reply(403, {"error": "Missing 'approver' field"})
        values = {"state": state}
        if state != "Submitted":
            values["justification"] = str(forms.fields(request, ()).get("justification", "")).strip()
        self.store.change(endpoint.collection, item, values)
        self.recorder.wrote(request, item["id"], values)
        return json_reply(200, {"results": f"state updated to {state.lower()}"})

    def _batch(self, request: Request, endpoint: Endpoint) -> Reply:
        """The trap: 200 although some failed."""
        given = forms.fields(request, ())
        succeeded, failed = [], []
        for key in given.get("ids", ()):
            item = self.store.get(endpoint.collection, key)
            if item is None:
                failed.append({"id": key, "error": "Object not found"})
            else:
                succeeded.append(key)
        return json_reply(200, {"succeeded": succeeded, "failed": failed})

    def _read(self, item: Item) -> Item:
        """As GET shows it: relations with their names."""
        return {name: self._related(name, value) if name in RELATIONS else value for name, value in item.items()}

    def _related(self, name: str, value: Any) -> Any:
        if isinstance(value, list):
            return [self._related(name, one) for one in value]
        if not isinstance(value, str):
            return value
        related = self.store.get(RELATIONS[name], value)
        return {"str": (related or {}).get("name", value), "id": value}


def _too_early(collection: str, values: Mapping[str, Any]) -> Reply | None:
    """The refusal of a timeline entry that lies in the future."""
    if collection != "timeline-entries" or not values.get("timestamp"):
        return None
    if datetime.fromisoformat(values["timestamp"]) <= datetime.now(UTC):
        return None
    return json_reply(400, ["Timestamp cannot be in the future."])


def _as_written(value: Any) -> Any:
    """A value as GET shows it: times end with Z."""
    return value.removesuffix("+00:00") + "Z" if isinstance(value, str) and value.endswith("+00:00") else value
