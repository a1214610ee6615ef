"""A project for explaining: a configuration, rules and an event, in a folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from engine.commands.explain import How, explain

ID = "0192f1c4-7b1e-7c3a-9d2e-000000000001"
CONFIG = """
events: {format: json}
api: {url: "http://api.example/base", auth: {type: token, token: "${MY_TOKEN}"}}
rules: {path: rules}
"""
RULE = """
event_type: changed
versions: [1]
when: "{{ event.ref is not none }}"
requests:
  - id: find
    method: GET
    path: /things/
    query: {ref: "{{ event.ref }}"}
    paginate: true
    expect: {that: "{{ find.items | length > 0 }}", message: "nothing has {{ event.ref }}"}
  - id: update
    for_each: "{{ find.items }}"
    as: thing
    when: "{{ not thing.done }}"
    method: PATCH
    path: /things/{{ thing.id }}/
    body: {was: "{{ thing.id }}"}
  - id: tell
    method: POST
    path: /log/
    headers: {X-Api-Key: "k", X-Plain: "it's"}
    body: {states: "{{ update | map(attribute='skipped') | list }}", text: "@it's $HOME `x`"}
"""


class Project:
    """A folder that the verb is run in."""

    def __init__(self, folder: Path, rule: str = RULE, config: str = CONFIG) -> None:
        self.folder = folder
        self.write("rules/a.yaml", rule)
        self.write("config.yaml", config)
        self.event()

    def write(self, name: str, text: str) -> Path:
        """A file of the project."""
        file = self.folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
        return file

    def event(self, **fields: Any) -> None:
        """The event that is explained."""
        event = {"event_id": ID, "event_type": "changed", "version": 1, "ref": "A 1", **fields}
        self.write("event.json", json.dumps(event))

    def explain(self, answers: str | None = None, **how: Any) -> int:
        """The verb's exit code."""
        file = None if answers is None else self.write("answers.yaml", answers)
        return explain(self.folder / "event.json", self.folder / "config.yaml", How(file, **how))
