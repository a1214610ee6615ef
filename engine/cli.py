"""The verbs. Each imports its own needs, so that `validate-rules` is quick and never imports quixstreams."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

import click

from engine import __version__
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
def run(config_file: Path | None, workers: int) -> int:
    """Consume events until SIGTERM or SIGINT; then finish what is in flight, commit and stop."""
    from engine.commands.run import run as command

    return command(config_file, workers)


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


@verbs.command(short_help="Print the requests that an event would make.")
@click.argument("event_file", type=_FILE, metavar="EVENT.json")
@_config
def explain(event_file: Path, config_file: Path | None) -> int:
    """Print the requests that an event would make; nothing is sent."""
    from engine.commands.explain import explain as command

    return command(event_file, config_file)


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


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """The console script: run a verb and end the process with its exit code."""
    sys.exit(call(sys.argv[1:] if arguments is None else arguments))


def call(arguments: Sequence[str], command: click.Command = verbs) -> int:
    """Run a verb and return the exit code; a closed pipe ends it quietly."""
    try:
        code = _run(list(arguments), command)
        if sys.stdout is not None:  # started with `>&-`
            sys.stdout.flush()
    except BrokenPipeError:
        return _end_quietly()
    return code


def _run(arguments: list[str], command: click.Command) -> int:
    """Turn every way in which a verb can end into an exit code; the only place that does."""
    try:
        with command.make_context("engine", arguments) as context:
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
