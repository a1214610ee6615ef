"""The checks of validate-rules: what is wrong in a rule whose shape is sound. One file a check.

A new check is a new file and one line here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from engine.checks import (
    arguments,
    empty_filter,
    empty_query,
    header_value,
    literal_path,
    misplaced_omit,
    name_not_yet_known,
    never_true,
    not_boolean,
    response_field,
    undefined_name,
    unguarded_write,
    unused_var,
)
from engine.checks.subject import Memo, Subject
from engine.documents import Document
from engine.findings import Finding
from engine.rules.model import Rule
from engine.rules.scope import places

Check = Callable[[Subject], Iterator[Finding]]

CHECKS: dict[str, Check] = {
    undefined_name.ID: undefined_name.check,
    name_not_yet_known.ID: name_not_yet_known.check,
    response_field.ID: response_field.check,
    arguments.ID: arguments.check,
    "unknown-filter": arguments.check_names,
    not_boolean.ID: not_boolean.check,
    never_true.ID: never_true.check,
    misplaced_omit.ID: misplaced_omit.check,
    literal_path.ID: literal_path.check,
    header_value.ID: header_value.check,
    empty_query.ID: empty_query.check,
    empty_filter.ID: empty_filter.check,
    unguarded_write.ID: unguarded_write.check,
    unused_var.ID: unused_var.check,
}
"""By the id of their findings; `unknown-filter` finds `unknown-test` too."""


def check_rule(document: Document, rule: Rule, known: Iterable[Finding], memo: Memo) -> Iterator[Finding]:
    """Run all checks over one rule.

    Args:
        document: where it stands.
        rule: what was made of it.
        known: what loading it found: of templates with a finding the rule knows nothing.
        memo: one for all rules.
    """
    is_whole = not any(finding.id in _OF_TEMPLATES for finding in known)
    subject = Subject(document, rule, tuple(places(rule)), is_whole, memo)
    for check in CHECKS.values():
        yield from check(subject)


_OF_TEMPLATES = frozenset({"template-syntax", "template-refused", "unknown-filter", "unknown-test"})
