"""The checks of validate-rules: what is wrong in a rule whose shape is sound. One file a check.

A new check is a new file and one line here.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping

from engine.checks import (
    arguments,
    empty_filter,
    empty_query,
    header_value,
    literal_path,
    misplaced_omit,
    missing_body_field,
    missing_in_version,
    name_not_yet_known,
    never_true,
    no_pages,
    not_a_list,
    not_boolean,
    nullable_value,
    read_only_field,
    response_field,
    skipped_response,
    undefined_name,
    unfitting_value,
    unguarded_write,
    unknown_body_field,
    unknown_event_type,
    unknown_field,
    unknown_method,
    unknown_path,
    unknown_query,
    unknown_symbol,
    unreachable_branch,
    unused_var,
    wrong_operand,
)
from engine.checks.answers import answers_of
from engine.checks.subject import Memo, Subject
from engine.documents import Document
from engine.findings import Finding
from engine.openapi.api import KnownApi
from engine.rules.model import Rule
from engine.rules.scope import places
from engine.typing.rule import typed
from engine.typing.schemas import NO_EVENTS, EventTypes

Check = Callable[[Subject], Iterator[Finding]]

CHECKS: dict[str, Check] = {
    undefined_name.ID: undefined_name.check,
    name_not_yet_known.ID: name_not_yet_known.check,
    response_field.ID: response_field.check,
    skipped_response.ID: skipped_response.check,
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
    unknown_event_type.ID: unknown_event_type.check,
    unknown_field.ID: unknown_field.check,
    missing_in_version.ID: missing_in_version.check,
    nullable_value.ID: nullable_value.check,
    wrong_operand.ID: wrong_operand.check,
    unknown_symbol.ID: unknown_symbol.check,
    unreachable_branch.ID: unreachable_branch.check,
    not_a_list.ID: not_a_list.check,
    unknown_path.ID: unknown_path.check,
    unknown_path.SLASH: unknown_path.check_slash,
    unknown_method.ID: unknown_method.check,
    unknown_query.ID: unknown_query.check,
    unknown_body_field.ID: unknown_body_field.check,
    read_only_field.ID: read_only_field.check,
    missing_body_field.ID: missing_body_field.check,
    unfitting_value.ID: unfitting_value.check,
    no_pages.ID: no_pages.check,
}
"""By the id of their findings; `unknown-filter` finds `unknown-test` too."""


def check_rule(
    document: Document,
    rule: Rule,
    known: Iterable[Finding],
    memo: Memo,
    events: EventTypes = NO_EVENTS,
    listed: Collection[int] = (),
    apis: Mapping[str, KnownApi] | None = None,
) -> Iterator[Finding]:
    """Run all checks over one rule.

    Args:
        document: where it stands.
        rule: what was made of it.
        known: what loading it found: of templates with a finding the rule knows nothing.
        memo: one for all rules.
        events: the types of the project's events.
        listed: versions that other rules of the event's type list.
        apis: those with a document, by their names in `apis`; "" for `api`. None: there is none.
    """
    is_whole = not any(finding.id in _OF_TEMPLATES for finding in known)
    covered = events.covered(rule.event_type, rule.versions, listed)
    types = typed(rule, covered, answers_of(apis or {}), whole=is_whole, memo=memo.types)
    subject = Subject(document, rule, tuple(places(rule)), is_whole, memo, events, types, apis or {})
    for check in CHECKS.values():
        yield from check(subject)


_OF_TEMPLATES = frozenset({"template-syntax", "template-refused", "unknown-filter", "unknown-test"})
