"""A schema registry, as much of it as the engine asks for; it knows what was registered since it started."""

from __future__ import annotations

from engine.demo.web import Answered, Asked

_NOT_FOUND = Answered(404, {"error_code": 40403, "message": "Schema not found"})


class SampleRegistry:
    """Schemas by id, from 1; the same text is the same schema."""

    def __init__(self) -> None:
        self._schemas: list[str] = []
        self._subjects: dict[str, int] = {}

    def answer(self, asked: Asked) -> Answered:
        """Answer `POST /subjects/NAME/versions`, `GET /schemas/ids/N` and `GET /subjects`."""
        match asked.method, asked.path.strip("/").split("/"):
            case "POST", ["subjects", subject, "versions"]:
                return self._register(subject, str(asked.body["schema"]))
            case "GET", ["schemas", "ids", number] if number.isdigit():
                known = 0 < int(number) <= len(self._schemas)
                return Answered(200, {"schema": self._schemas[int(number) - 1]}) if known else _NOT_FOUND
            case "GET", ["subjects"]:
                return Answered(200, list(self._subjects))
        return _NOT_FOUND

    def _register(self, subject: str, schema: str) -> Answered:
        if schema not in self._schemas:
            self._schemas.append(schema)
        self._subjects[subject] = self._schemas.index(schema) + 1
        return Answered(200, {"id": self._subjects[subject]})
