"""The verbs: exit codes, what goes where, and what is not imported."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import click
import pytest

from engine import __version__, cli
from engine.config.load import ConfigInvalid
from engine.errors import EngineError, Unavailable, Unusable
from engine.findings import Finding, Level, Span

ROOT = Path(__file__).parents[1]


def engine(
    *arguments: str, folder: Path = ROOT, environ: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run the engine as a person does, in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "engine", *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), **(environ or {})},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def ending(error: BaseException, capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    """How a verb that raises ends: exit code, standard output and standard error."""

    def fail() -> None:
        raise error

    code = cli.call([], click.Command("fail", callback=fail))
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_version_is_printed() -> None:
    """As a verb and as an option."""
    for argument in ("version", "--version"):
        done = engine(argument)
        assert (0, f"engine {__version__}\n", "") == (done.returncode, done.stdout, done.stderr)


def test_help_names_every_verb() -> None:
    """A newcomer finds all of them."""
    done = engine("--help")
    assert 0 == done.returncode
    verbs = ("run", "validate-rules", "explain", "publish", "schemas", "doctor", "demo", "version")
    assert [] == [verb for verb in verbs if f"\n  {verb} " not in done.stdout]


def test_help_cuts_no_sentence_short() -> None:
    """Each verb is described in one line that fits."""
    assert [] == [line for line in engine("--help").stdout.splitlines()[1:] if line.endswith("...")]


@pytest.mark.parametrize(
    "arguments",
    [
        ["nope"],
        ["run", "--workers", "0"],
        ["run", "--workers", "65"],
        ["validate-rules", "--format", "xml"],
        ["publish"],
        ["explain"],
        ["explain", "a", "b"],
        ["schemas"],
        [],
    ],
)
def test_wrong_usage_ends_with_2(arguments: Sequence[str], capsys: pytest.CaptureFixture[str]) -> None:
    """The usage goes to standard error; standard output stays clean."""
    assert 2 == cli.call(arguments)
    assert "" == capsys.readouterr().out


def test_unusable_ends_with_2_and_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    """What to do, without a traceback."""
    assert (2, "", "engine: name a file\n") == ending(Unusable("name a file"), capsys)


@pytest.mark.parametrize("error", [Unavailable("the broker is away"), EngineError("the broker is away")])
def test_another_error_of_the_engine_ends_with_1(error: EngineError, capsys: pytest.CaptureFixture[str]) -> None:
    """It failed, but nothing that the user wrote is wrong."""
    assert (1, "", "engine: the broker is away\n") == ending(error, capsys)


def test_findings_are_shown_with_their_source_line(capsys: pytest.CaptureFixture[str]) -> None:
    """On standard error, all of them."""
    path = Path("config.yaml")
    finding = Finding(path, Span(1, 1, 1, 6), Level.ERROR, "unknown-key", "'kafak' is not known")
    code, out, err = ending(ConfigInvalid([finding], {path: "kafak: {}\n"}), capsys)
    assert (2, "") == (code, out)
    assert "config.yaml:1:1: error[unknown-key] 'kafak' is not known\n  kafak: {}\n  ^^^^^\n" == err


def test_findings_without_sources_are_read_from_their_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Rule files hold no secrets, so their findings come without the texts."""
    file = tmp_path / "a.yaml"
    file.write_text("kafak: {}\n")
    error = Unusable("one finding")
    error.findings = (Finding(file, Span(1, 1, 1, 6), Level.ERROR, "x", "m"),)  # type: ignore[attr-defined]
    assert ending(error, capsys)[2].endswith("  kafak: {}\n  ^^^^^\n")


def test_ctrl_c_ends_with_130(capsys: pytest.CaptureFixture[str]) -> None:
    """As every shell expects, and without words."""
    assert (130, "", "") == ending(KeyboardInterrupt(), capsys)


def test_a_bug_ends_with_1_and_a_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    """Whoever meets it can report it."""
    code, out, err = ending(ZeroDivisionError("oops"), capsys)
    assert (1, "") == (code, out)
    assert "Traceback" in err
    assert "ZeroDivisionError: oops" in err


@pytest.mark.parametrize(("returned", "code"), [(7, 7), (0, 0), (None, 0)])
def test_a_verb_decides_the_exit_code(returned: int | None, code: int) -> None:
    """What it returns is what the shell sees."""
    assert code == cli.call([], click.Command("verb", callback=lambda: returned))


def test_main_ends_the_process() -> None:
    """The console script and `python -m engine` call it."""
    with pytest.raises(SystemExit) as ended:
        cli.main(["version"])
    assert 0 == ended.value.code


def test_a_closed_pipe_ends_quietly() -> None:
    """`engine --help | head -0` leaves no traceback."""
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "engine", "--help"]
    done = subprocess.run(command, cwd=ROOT, stdout=writer, stderr=subprocess.PIPE, timeout=60, check=False)
    os.close(writer)
    assert (141, b"") == (done.returncode, done.stderr)


def test_a_wrong_config_is_shown_as_findings(tmp_path: Path) -> None:
    """The whole way: exit 2, nothing on standard output, place and caret on standard error."""
    (tmp_path / "config.yaml").write_text("kafka:\n  topci: x\n")
    done = engine("validate-rules", folder=tmp_path)
    assert (2, "") == (done.returncode, done.stdout)
    assert (
        "config.yaml:2:3: error[unknown-key] kafka: 'topci' is not a key of the kafka section; did you mean 'topic'?\n"
        "    topci: x\n    ^^^^^\n" == done.stderr
    )


@pytest.mark.parametrize("module", ["engine.cli", "engine.config.load", "engine.shapes", "engine.report"])
def test_imports_stay_light(module: str) -> None:
    """No Kafka, no HTTP client and no template engine is imported before a verb needs it."""
    heavy = "quixstreams confluent_kafka httpx pyreqwest httptools jinja2 fastavro rich prometheus_client"
    code = f"import sys, {module}; print([name for name in '{heavy}'.split() if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert ("[]\n", "") == (done.stdout, done.stderr)
