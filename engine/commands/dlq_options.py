"""Options by which several verbs of `engine dlq` choose dead letters."""

from __future__ import annotations

from collections.abc import Callable

import click

FILTERS = (
    click.option("--type", "types", multiple=True, metavar="TYPE", help="Of the event; may be repeated."),
    click.option("--stage", "stages", multiple=True, metavar="STAGE", help="That failed; may be repeated."),
    click.option("--rule", "rules", multiple=True, metavar="NAME", help="That failed; may be repeated."),
    click.option("--since", metavar="TIME", help="Failed then or later: 2026-11-24T03:00Z, or 12h for 12 hours ago."),
    click.option("--until", metavar="TIME", help="Failed before."),
    click.option("--match", metavar="TEXT", help="In the error, the key, the id or the bytes of the event."),
    click.option("--partition", "partitions", multiple=True, type=int, metavar="P", help="Of the event."),
    click.option("--offset", "offsets", multiple=True, type=int, metavar="O", help="Of the event."),
    click.option(
        "--state",
        "states",
        multiple=True,
        type=click.Choice(["open", "parked", "replayed", "given-up"]),
        help="What became of it.",
    ),
)


def filtered(command: Callable[..., int]) -> Callable[..., int]:
    """Add the options that say which dead letters are meant."""
    for option in reversed(FILTERS):
        command = option(command)
    return command
