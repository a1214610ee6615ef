"""Whether a rule reads headers of answers."""

from __future__ import annotations

import pytest

from engine.rules.headers_read import reads_answer_headers
from tests.rules.making import rule


def _rule(expression: str, each: str = "", each_afterwards: str = "") -> str:
    return f"""
vars: {{seen: "{{{{ event.payload }}}}"}}
requests:
  - id: find
    method: GET
    path: /a/
    {each}
  - id: write
    method: POST
    path: /b/
    {each_afterwards}
    body: {{seen: "{{{{ seen.headers }}}}", x: "{expression}"}}
"""


@pytest.mark.parametrize(
    ("expression", "reads"),
    [
        ("{{ find.body.id }}", False),
        ("{{ find.status }}", False),
        ("{{ find.body['id'] }}", False),
        ("{{ message.headers.trace }}", False),
        ("{{ event.headers.trace }}", False),
        ("{% for one in find.body %}{{ one.id }}{% endfor %}", False),
        ("{{ find.headers.etag }}", True),
        ("{{ find['headers']['etag'] }}", True),
        ("{{ find | json }}", True),
        ("{{ find[event.payload.name] }}", True),
        ("{% set answer = find %}{{ answer.status }}", True),
        ("{{ find.body | map(attribute='headers.etag') | list }}", True),
    ],
)
def test_a_header_of_an_answer_is_found(expression: str, reads: bool) -> None:
    """However it is written; the event's and the message's headers are other things."""
    assert reads == reads_answer_headers(rule(_rule(expression)))


@pytest.mark.parametrize(
    ("expression", "afterwards", "reads"),
    [
        ("{{ find | length }}", "", False),
        ("{{ find | map(attribute='status') | list }}", "", False),
        ("{{ find[0].headers.etag }}", "", True),
        ("{{ find | map(attribute='headers.etag') | list }}", "", True),
        ("{{ item }}", 'for_each: "{{ find }}"', True),
        ("{{ item.headers.etag }}", 'for_each: "{{ find }}"', True),
    ],
)
def test_so_is_one_in_a_list_of_answers(expression: str, afterwards: str, reads: bool) -> None:
    """Counting them is no reading."""
    text = _rule(expression, 'for_each: "{{ event.payload.all }}"', afterwards)
    assert reads == reads_answer_headers(rule(text))
