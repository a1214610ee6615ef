"""The verbs. Each imports its own needs, so that `validate-rules` is quick and never imports quixstreams."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

import click

from engine import __version__
from engine.commands.dlq_options import filtered
from engine.errors import EngineError, Unusable

_OK, _FAILED, _UNUSABLE, _INTERRUPTED, _CLOSED_PIPE = 0, 1, 2, 130, 141

_FILE = click.Path(path_type=Path)
_config = click.option(
    "--config", "config_file", type=_FILE, metavar="FILE", help="The configuration; ./config.yaml by default."
)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="engine", message="%(prog)s %(version)s")
def verbs() -> None:
    """Events on a Kafka-compatible topic become HTTP API requests, by rules written in YAML.

    Exit codes: 0 in order, 1 failed or findings, 2 configuration or usage.
    """


@verbs.command(short_help="Consume events until SIGTERM or SIGINT.")
@_config
@click.option("--workers", type=click.IntRange(1, 64), default=1, show_default=True, help="Processes, 1 to 64.")
@click.pass_obj
def run(early: list[int] | None, config_file: Path | None, workers: int) -> int:
    """Consume events until SIGTERM or SIGINT; then finish what is in flight, commit and stop."""
    from engine.signals import listening

    with listening(early) as heard:  # before the other imports: they take the longest part of the start
        from engine.commands.run import run as command

        return command(config_file, workers, heard)


@verbs.command(short_help="Begin a project: configuration, a rule, its test.")
@click.argument("folder", type=_FILE, metavar="DIR")
def init(folder: Path) -> int:
    """Write the files of a new project into DIR; files that are there already stay as they are."""
    from engine.commands.init import init as command

    return command(folder)


@verbs.command("new-rule", short_help="Begin a rule: its test and schema with it.")
@click.argument("event_type", metavar="EVENT_TYPE")
@click.option("--from-schema", type=_FILE, metavar="FILE", help="The events' Avro schema; its fields are used.")
@_config
def new_rule(event_type: str, from_schema: Path | None, config_file: Path | None) -> int:
    """Write a rule that validates, a test that passes and, where none is there, the events' schema."""
    from engine.commands.new_rule import new_rule as command

    return command(event_type, from_schema, config_file)


@verbs.command("validate-rules", short_help="Find what is wrong in rule files.")
@click.argument("paths", nargs=-1, type=_FILE, metavar="[PATH]...")
@_config
@click.option(
    "--format",
    "output",
    type=click.Choice(["text", "json", "github", "sarif"]),
    default="text",
    show_default=True,
    help="How findings are written to standard output.",
)
@click.option("--strict", is_flag=True, help="Warnings end with exit 1 too.")
def validate_rules(paths: Sequence[Path], config_file: Path | None, output: str, strict: bool) -> int:
    """Find what is wrong in rule files; without PATHs in all of `rules.path`."""
    from engine.commands.validate_rules import validate_rules as command

    return command(paths, config_file, output, strict)


@verbs.command("test-rules", short_help="Run the tests of rules.")
@click.argument("paths", nargs=-1, type=_FILE, metavar="[PATH]...")
@_config
@click.option("--coverage", is_flag=True, help="Name each request, `when` and `expect` that no case took.")
@click.option("--update", is_flag=True, help="Write the requests of cases that say only answers.")
@click.option("--junit", type=_FILE, metavar="FILE", help="Write JUnit's XML too.")
@click.option("--format", "output", type=click.Choice(["text", "json"]), default="text", show_default=True)
def test_rules(
    paths: Sequence[Path], config_file: Path | None, coverage: bool, update: bool, junit: Path | None, output: str
) -> int:
    """Run rule tests (NAME.test.yaml), without network; without PATHs all in `rules.path`."""
    from engine.commands.test_rules import run_rule_tests as command

    return command(paths, config_file, output, coverage=coverage, update=update, junit=junit)


@verbs.command(short_help="Print the requests that an event would make.")
@click.argument("event_file", type=_FILE, metavar="EVENT.json")
@click.option("--answers", type=_FILE, metavar="FILE", help="Answers by request id, YAML or JSON.")
@click.option("--live", is_flag=True, help="Send GETs, and nothing else, to see what follows from their answers.")
@click.option("--curl", is_flag=True, help="Print commands to copy; secrets come from the environment.")
@click.option("--format", "output", type=click.Choice(["text", "json"]), default="text", show_default=True)
@_config
def explain(
    event_file: Path, answers: Path | None, live: bool, curl: bool, output: str, config_file: Path | None
) -> int:
    """Print the rule for an event and the requests that it would make; no write is ever sent."""
    from engine.commands.explain import chosen
    from engine.commands.explain import explain as command

    return command(event_file, config_file, chosen(answers, live=live, output=output, curl=curl))


@verbs.command(short_help="Put events on the topic.")
@click.argument("event_files", nargs=-1, required=True, type=_FILE, metavar="EVENT.json...")
@_config
def publish(event_files: Sequence[Path], config_file: Path | None) -> int:
    """Encode events with their local schema, register it, and produce them to the topic."""
    from engine.commands.publish import publish as command

    return command(event_files, config_file)


@verbs.command(short_help="Dead-letter a stuck event on purpose.")
@click.option("--partition", type=click.IntRange(0), required=True, metavar="P", help="Of the event.")
@click.option("--offset", type=click.IntRange(0), required=True, metavar="O", help="Of the event.")
@click.option("--reason", default="", metavar="TEXT", help="What the dead letter says.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@_config
def skip(partition: int, offset: int, reason: str, yes: bool, config_file: Path | None) -> int:
    """Give up one event that waits, whether the engine runs or stands, and write it to the dead letters."""
    from engine.commands.skip import skip as command

    return command(config_file, partition, offset, reason, yes)


@verbs.group(short_help="List, show, replay or give up dead letters.")
def dlq() -> None:
    """Dead letters, one line for each event that has any."""


@dlq.command("list", short_help="One line an event, newest first.")
@filtered
@click.option("--limit", type=click.IntRange(1), metavar="N", help="Lines; 100 on a terminal, else all of them.")
@click.option("--summary", is_flag=True, help="Count by stage, rule and error instead: those that are left.")
@click.option("--json", "as_json", is_flag=True, help="JSON lines; on a terminal it is a table otherwise.")
@_config
def dlq_list(config_file: Path | None, limit: int | None, summary: bool, as_json: bool, **filters: Any) -> int:
    """List dead letters, one line for each event, newest first."""
    from engine.commands.dlq_list import dlq_list as command
    from engine.deadletters.selection import choose

    return command(choose(**filters), config_file, limit=limit, as_json=as_json, summary=summary)


@dlq.command("show", short_help="One of them, and what a replay would send.")
@click.argument("offset", type=click.IntRange(0), metavar="OFFSET")
@click.option("--partition", type=click.IntRange(0), metavar="P", help="Of the event, where several have the offset.")
@_config
def dlq_show(config_file: Path | None, offset: int, partition: int | None) -> int:
    """Show the dead letter of the event at OFFSET: what it says, what failed, what a replay would send."""
    from engine.commands.dlq_show import dlq_show as command

    return command(offset, partition, config_file)


@dlq.command("replay", short_help="Process their events again.")
@click.argument("events", nargs=-1, type=click.IntRange(0), metavar="[OFFSET]...")
@filtered
@click.option("--dry-run", is_flag=True, help="Send nothing; say what would be sent.")
@click.option("--json", "as_json", is_flag=True, help="Of a dry run: a JSON line an event.")
@click.option("--rate", metavar="RATE", help="Events begun, such as 20/s or 600/m.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--from-start", is_flag=True, help="Begin at the first request also where some had been answered.")
@click.option(
    "--max-replays",
    type=click.IntRange(1),
    default=5,
    show_default=True,
    metavar="N",
    help="An event that was replayed as often is refused.",
)
@click.option("--force", is_flag=True, help="Refuse none, and go on although nothing but failures come.")
@_config
def dlq_replay(
    config_file: Path | None,
    events: Sequence[int],
    dry_run: bool,
    as_json: bool,
    rate: str | None,
    yes: bool,
    from_start: bool,
    max_replays: int,
    force: bool,
    **filters: Any,
) -> int:
    """Process events of dead letters again, in order per key, from the request that failed where that is possible."""
    from engine.commands.dlq_replay import dlq_replay as command
    from engine.deadletters.rounds import How, letters_a_second
    from engine.deadletters.selection import choose

    filters["offsets"] = (*filters["offsets"], *events)
    how = How(letters_a_second(rate), from_start, None if force else max_replays, force)
    return command(choose(**filters), how, config_file, dry_run=dry_run, yes=yes, as_json=as_json)


@dlq.command("give-up", short_help="Note that nobody will replay them.")
@click.argument("offsets", nargs=-1, required=True, type=click.IntRange(0), metavar="OFFSET...")
@click.option("--partition", type=click.IntRange(0), required=True, metavar="P", help="Of the events.")
@click.option("--reason", default="", metavar="TEXT", help="For whoever looks at it later.")
@_config
def dlq_give_up(config_file: Path | None, offsets: Sequence[int], partition: int, reason: str) -> int:
    """Note that the events at these offsets are given up: they are not open any more, and no replay takes them."""
    from engine.commands.dlq_give_up import dlq_give_up as command

    return command(offsets, partition, reason, config_file)


@verbs.group(short_help="Check or register the local event schemas.")
def schemas() -> None:
    """Local event schemas, each other and the registry."""


@schemas.command("check", short_help="Compare them with each other and the registry.")
@_config
def schemas_check(config_file: Path | None) -> int:
    """Check the local schemas against each other and against the registry."""
    from engine.commands.schemas import check as command

    return command(config_file)


@schemas.command("register")
@_config
def schemas_register(config_file: Path | None) -> int:
    """Register the local schemas."""
    from engine.commands.schemas import register as command

    return command(config_file)


@verbs.command(short_help="Try all that run needs; say what to do.")
@_config
def doctor(config_file: Path | None) -> int:
    """Try broker, topics, registry, API, credentials and rules; say what to do where one fails."""
    from engine.commands.doctor import doctor as command

    return command(config_file)


@verbs.command(short_help="Show the whole thing on embedded parts.")
def demo() -> int:
    """Show the whole thing on embedded parts, in one process."""
    from engine.commands.demo import demo as command

    return command()


@verbs.command()
def version() -> int:
    """Print the version."""
    click.echo(f"engine {__version__}")
    return _OK


def main(arguments: Sequence[str] | None = None, heard: list[int] | None = None) -> NoReturn:
    """Run a verb and end the process with its exit code; `heard` as for `call`."""
    sys.exit(call(sys.argv[1:] if arguments is None else arguments, heard=heard))


def call(arguments: Sequence[str], command: click.Command = verbs, heard: list[int] | None = None) -> int:
    """Run a verb and return the exit code; a closed pipe ends it quietly. `heard`: see `signals.listening`."""
    try:
        code = _run(list(arguments), command, heard)
        if sys.stdout is not None:  # started with `>&-`
            sys.stdout.flush()
    except BrokenPipeError:
        return _end_quietly()
    return code


def _run(arguments: list[str], command: click.Command, heard: list[int] | None) -> int:
    """Turn every way in which a verb can end into an exit code; the only place that does."""
    try:
        with command.make_context("engine", arguments, obj=heard) as context:
            code = command.invoke(context)
    except BrokenPipeError:
        raise
    except click.exceptions.Exit as end:
        return end.exit_code
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        return _INTERRUPTED
    except EngineError as error:
        _explain(error)
        return _UNUSABLE if isinstance(error, Unusable) else _FAILED
    except Exception:
        traceback.print_exc()
        click.echo("engine: this is a bug; please report it with the lines above", err=True)
        return _FAILED
    return code if isinstance(code, int) else _OK


def _explain(error: EngineError) -> None:
    """Say on standard error what is wrong: each finding with its source line, else the error's one line."""
    findings = getattr(error, "findings", ())
    if not findings:
        click.echo(f"engine: {error}", err=True)
        return
    from engine.report import render

    sources = getattr(error, "sources", None)
    if sources is None:
        sources = {path: _read(path) for path in {finding.path for finding in findings}}
    click.echo(render(findings, "text", sources), err=True)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig", errors="replace")
    except OSError:
        return ""


def _end_quietly() -> int:
    """The reader of our output went away, as `head` does: no words, and no second error when Python flushes."""
    sink = os.open(os.devnull, os.O_WRONLY)
    os.dup2(sink, sys.stdout.fileno())
    os.close(sink)
    return _CLOSED_PIPE
