"""What came, in which order it was applied, and what the document does not allow."""

from __future__ import annotations

import re
import time
from collections import Counter, defaultdict, deque
from typing import Any

from tests.api_server.messages import Request

_SEQUENCE = re.compile(r"(\d+)\s*$")
_KEPT = 200_000


class Recorder:
    """The memory of one run; `clear` begins a new one."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Forget everything."""
        self.requests: deque[tuple[float, Request]] = deque(maxlen=_KEPT)
        self.violations: list[dict[str, str]] = []
        self.applied: dict[str, list[int]] = defaultdict(list)
        self._answers: Counter[tuple[str, int]] = Counter()
        self._keys: Counter[str] = Counter()
        self._seen: dict[str, set[int]] = defaultdict(set)
        self._highest: dict[str, int] = {}
        self._numbers = {
            "requests": 0, "connections": 0, "unauthenticated": 0, "applied": 0, "order_violations": 0, "repeats": 0,
            "in_flight": 0, "peak_in_flight": 0,
        }  # fmt: skip
        self._first = self._last = 0.0

    def connected(self) -> None:
        """A TCP connection was opened."""
        self._numbers["connections"] += 1

    def came(self, request: Request) -> None:
        """A request has arrived; `finished` ends it."""
        numbers = self._numbers
        numbers["requests"] += 1
        numbers["in_flight"] += 1
        numbers["peak_in_flight"] = max(numbers["peak_in_flight"], numbers["in_flight"])
        now = time.time()
        self._first = self._first or now
        self.requests.append((now, request))

    def answered(self, request: Request, status: int) -> None:
        """The reply is made; 0 for none."""
        request.status = status
        self._last = time.time()
        self._answers[request.method, status] += 1

    def finished(self) -> None:
        """The reply was sent, or its connection is gone."""
        self._numbers["in_flight"] = max(0, self._numbers["in_flight"] - 1)

    def unauthenticated(self) -> None:
        """A request came without a valid credential."""
        self._numbers["unauthenticated"] += 1

    def wrote(self, request: Request, reference: str, values: dict[str, Any]) -> None:
        """A write to an object was applied.

        A number at the end of the field `observation` is the position of the event within its key: a first application
        that comes after a higher one is an order violation, the same one again a repeat.
        """
        self._numbers["applied"] += 1
        if key := request.headers.get("idempotency-key"):
            self._keys[key] += 1
        found = _SEQUENCE.search(str(values.get("observation") or ""))
        if found is None:
            return
        number = int(found[1])
        self.applied[reference].append(number)
        if number in self._seen[reference]:
            self._numbers["repeats"] += 1
            return
        self._seen[reference].add(number)
        if number < self._highest.get(reference, -1):
            self._numbers["order_violations"] += 1
        else:
            self._highest[reference] = number

    def violated(self, request: Request, kind: str, detail: str) -> None:
        """The request does what the document does not allow."""
        request.notes.append(kind)
        self.violations.append({"kind": kind, "detail": detail, "request": f"{request.method} {request.target}"})

    def stats(self) -> dict[str, Any]:
        """Numbers of the run; `first` and `last` are seconds since the epoch, 0 without a request."""
        return self._numbers | {
            "first": self._first,
            "last": self._last,
            "seconds": self._last - self._first,
            "distinct": sum(len(seen) for seen in self._seen.values()),
            "duplicate_keys": sum(1 for times in self._keys.values() if times > 1),
            "violations": len(self.violations),
            "answers": {f"{method} {status}": times for (method, status), times in sorted(self._answers.items())},
        }

    def listed(self, *, limit: int) -> list[dict[str, Any]]:
        """The latest requests, oldest first."""
        return [
            {
                "time": when,
                "method": one.method,
                "path": one.path,
                "query": one.query,
                "headers": one.headers,
                "body": one.body.decode("utf-8", "replace"),
                "status": one.status,
                "reference": one.reference,
                "notes": one.notes,
            }
            for when, one in list(self.requests)[-limit:]
        ]
