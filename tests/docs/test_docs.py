"""What the pages say is so: keys, defaults, metrics, verbs, headers, links, rules, configurations and outputs."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
import pytest
import yaml
from prometheus_client import CollectorRegistry

from engine import cli
from engine.commands.validate_rules import check
from engine.config.load import load_config
from engine.config.model import Api, Config
from engine.config.options import CONSUMER, PRODUCER
from engine.documents import read_documents
from engine.errors import Stage, Undeliverable
from engine.events.event import Event, EventId, EventType, Message
from engine.observe.metrics import Metrics
from engine.outcome import Dead
from engine.rules.bounds import Bounds
from engine.rules.filters import INTERNAL, build_filters, build_tests
from engine.rules.load import load_rules
from engine.rules.sandbox import GLOBALS
from engine.shapes import check_shape, load_schema
from engine.stream.letter import compose
from tests.docs import pages
from tests.docs.pages import DOCS, ROOT, Block, blocks, read, rows, section

PAGES = (
    "index.md", "rules.md", "testing-rules.md", "events.md", "configuration.md", "delivery.md", "dead-letters.md",
    "running.md", "observability.md", "commands.md",
)  # fmt: skip
LINKED = sorted({*DOCS.glob("*.md"), ROOT / "README.md", ROOT / "CONTRIBUTING.md"})
CHEAP = {"validate-rules", "test-rules", "explain", "version", "--version", "--help"}
CONFIG = Config(apis={"chat": Api(name="chat")})


def chosen(*languages: str) -> list[Any]:
    """The blocks of the pages in these languages, each with its page, for `parametrize`."""
    return [
        pytest.param(page, block, id=f"{page}:{block.line}")
        for page in PAGES
        for block in blocks(read(page))
        if block.language in languages
    ]


# --- blocks ---------------------------------------------------------------------------------------------------------


def is_rule(block: Block) -> bool:
    """A rule without a fault; wrong ones stand in a folder `bad/`."""
    return (block.title == "rule" or block.title.startswith("rules/")) and not is_rule_test(block)


def is_rule_test(block: Block) -> bool:
    """A file of rule tests."""
    return block.title.endswith(".test.yaml")


@pytest.mark.parametrize(("page", "block"), chosen("yaml"))
def test_yaml_is_what_it_says(page: str, block: Block, tmp_path: Path) -> None:
    """A rule has no finding, a configuration loads, and every other block says what it is."""
    if is_rule(block):
        documents, wrong = read_documents(Path(page), block.text)
        assert [] == [*wrong, *check(documents, CONFIG)]
        assert [] != load_rules(documents)[0]
    elif is_rule_test(block):
        documents, wrong = read_documents(Path(page), block.text)
        assert [] == [*wrong, *(one for test in documents for one in check_shape(test, load_schema("rule-test")))]
    elif block.title in ("config", "config.yaml"):
        (tmp_path / "config.yaml").write_text(block.text)
        (tmp_path / "schemas").symlink_to(ROOT / "schemas")
        load_config(tmp_path / "config.yaml", _Anything(), secrets=False)
    elif block.title == "answers.yaml":
        (document,), wrong = read_documents(Path(page), block.text)
        assert [] == [*wrong, *check_shape(document, load_schema("answers"))]
    else:
        assert block.title == "alerts" or block.title.startswith("bad/")


class _Anything(dict[str, str]):
    """An environment in which everything is set that is no file."""

    def get(self, name: str, default: Any = None) -> Any:
        """A value that fits the name."""
        if name.endswith("_FILE"):
            return default
        return "https://set.example/api" if name.endswith("_URL") else "set"

    def __contains__(self, name: object) -> bool:
        return True

    def __getitem__(self, name: str) -> str:
        return str(self.get(name))


@pytest.mark.parametrize(("page", "block"), chosen("json"))
def test_json_is_json(page: str, block: Block) -> None:
    """Events and schemas can be copied as they are."""
    assert json.loads(block.text)


@pytest.mark.parametrize("page", PAGES)
def test_outputs_are_real(
    page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The cheap verbs answer as the page shows, in a folder with the files of the page."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    for name in ("API_URL", "CISO_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    for block, command, output in session(page, tmp_path, capsys):
        shown = (block.line, " ".join(command.words), command.shown)
        assert shown == (*shown[:2], command.shown if command.matches(output) else output)


def session(page: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[tuple[Block, pages.Command, str]]:
    """Write the page's files as it goes, run its cheap commands; each with its output."""
    code: int | None = None
    for block in blocks(read(page)):
        if block.is_file:
            (folder / block.title).parent.mkdir(parents=True, exist_ok=True)
            (folder / block.title).write_text(block.text, encoding="utf-8")
        for command in pages.commands(block) if block.language == "console" else ():
            if command.words == ["echo", "$?"]:
                if code is not None:
                    yield block, command, str(code)
            elif command.words[0] == "engine" and CHEAP & set(command.words):
                code = cli.call(command.words[1:])
                captured = capsys.readouterr()
                yield block, command, captured.out + captured.err
            else:
                code = None


# --- links ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("page", LINKED, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    """Every relative link names a file that is there, and a heading of it."""
    text = page.read_text(encoding="utf-8")
    for link in pages.links(text):
        name, _, anchor = link.partition("#")
        target = page.parent / name if name else page
        assert target.exists(), link
        assert not anchor or anchor in pages.anchors(target.read_text(encoding="utf-8")), link


def test_the_index_links_every_page() -> None:
    """Nothing has to be searched for."""
    linked = {link.partition("#")[0] for link in pages.links(read("index.md"))}
    assert set() == {page.name for page in DOCS.glob("*.md")} - linked - {"index.md"}


# --- tables ---------------------------------------------------------------------------------------------------------


def properties(schema: Mapping[str, Any], name: str) -> set[str]:
    """The keys of an object of the rule schema, by its title."""
    found = schema if name == "rule" else schema["$defs"]["request"]
    found = found["properties"]["expect"] if name == "expect" else found
    return set(schema["properties"]["retry"]["properties"] if name == "retry" else found["properties"])


@pytest.mark.parametrize("name", ["rule", "request", "expect", "retry"])
def test_every_key_of_a_rule_is_explained(name: str) -> None:
    """The table names the keys of the schema, and no other."""
    assert properties(load_schema("rule"), name) == set(rows(section(read("rules.md"), f"### Keys of `{name}`")))


def test_what_templates_may_use_is_named() -> None:
    """Every filter, test and function, and no other."""
    text = section(read("rules.md"), "## Filters, tests and functions")
    known = {*build_filters(Bounds(1)), *build_tests(), *GLOBALS} - INTERNAL
    assert known == {name for row in re.findall(r"^- .*", text, re.MULTILINE) for name in re.findall(r"`(\S+?)`", row)}


def config_keys(schema: Mapping[str, Any], node: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, str]]:
    """Every key of the configuration with its default as YAML writes it, "" without one."""
    for name, inner in node.get("properties", {}).items():
        target = {**schema["$defs"][inner["$ref"].split("/")[-1]], **inner} if "$ref" in inner else inner
        mapping = next((one for one in target.get("oneOf", ()) if "properties" in one), target)
        if name == "auth":
            for branch in target["oneOf"]:
                yield from config_keys(schema, branch, f"{before}auth.")
        elif "properties" in mapping:
            yield from config_keys(schema, mapping, f"{before}{name}.")
        else:
            default = target.get("default")
            yield before + name, default if isinstance(default, str) else "" if default is None else json.dumps(default)


def test_every_key_of_the_configuration_is_explained() -> None:
    """The tables name every key of the schema with its default, and no other."""
    schema = load_schema("config")
    known = dict(config_keys(schema, schema))
    explained = rows(section(read("configuration.md"), "## Every key"))
    shown = {key: re.sub(r"^(none|\{\})$", "", cells[0].strip("`")) for key, cells in explained.items()}
    assert set(known) == set(shown)
    kinds = {key for key in known if key.startswith("api.auth.")}  # their defaults differ by the kind of credentials
    assert {key: known[key] for key in known.keys() - kinds} == {key: shown[key] for key in shown.keys() - kinds}


@pytest.mark.parametrize(("side", "refused"), [("consumer", CONSUMER), ("producer", PRODUCER)])
def test_every_refused_option_is_named(side: str, refused: Mapping[str, str]) -> None:
    """Whoever needs a librdkafka setting finds whether it may be set."""
    text = section(read("configuration.md"), "### What `kafka.options` refuses")
    assert set() == set(refused) - set(re.findall(r"`([^`]+)`", text)), side


def test_every_metric_is_explained() -> None:
    """The table names the metrics of the engine with their labels, and no other."""
    registry = CollectorRegistry()
    Metrics(registry)
    known: dict[str, set[str]] = {}
    for collector in list(registry._collector_to_names):
        (metric,) = collector.describe()  # type: ignore[attr-defined]
        name = f"{metric.name}_total" if metric.type == "counter" else metric.name
        known[name] = set(collector._labelnames)  # type: ignore[attr-defined]
    table = rows(section(read("observability.md"), "## Metrics"))
    assert known == {name: set(re.findall(r"`(\w+)`", cells[0])) for name, cells in table.items()}


def test_alerts_watch_metrics_that_are_there() -> None:
    """Every metric of an alert is one of the engine."""
    text = read("observability.md")
    (block,) = [block for block in blocks(text) if block.title == "alerts"]
    rules = [rule for group in yaml.safe_load(block.text)["groups"] for rule in group["rules"]]
    named = {name for rule in rules for name in re.findall(r"\bengine_\w+", rule["expr"])}
    known = set(rows(section(text, "## Metrics")))
    assert set() == {re.sub(r"_(bucket|sum|count)$", "", name) for name in named} - known
    assert all({"alert", "expr", "labels", "annotations"} <= set(rule) for rule in rules)


def test_every_log_event_is_explained() -> None:
    """The table names what `engine run` may log, and nothing else."""
    listed = (
        "import sys, engine.commands.run; print(*{m.__file__ for n, m in sys.modules.items() if n[:7] == 'engine.'})"
    )
    loaded = subprocess.run([sys.executable, "-c", listed], cwd=ROOT, capture_output=True, text=True, check=True)
    source = "\n".join(Path(file).read_text(encoding="utf-8") for file in loaded.stdout.split())
    known = re.findall(r"\.(?:debug|info|warning|error|log)\(\s*(?:[^\"()]+, )?\"([a-z_]+\.[a-z_]+)\"", source)
    assert set(known) == set(rows(section(read("observability.md"), "## Log events")))


def verbs(group: click.Group, before: str = "engine") -> Iterator[tuple[str, click.Command]]:
    """Every verb by its full name."""
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from verbs(command, f"{before} {name}")
        else:
            yield f"{before} {name}", command


@pytest.mark.parametrize(("name", "command"), list(verbs(cli.verbs)))
def test_every_verb_is_explained(name: str, command: click.Command) -> None:
    """Each has its section; its table names the options and arguments, and no other."""
    known = {
        option if isinstance(one, click.Option) else one.make_metavar(click.Context(command))
        for one in command.params
        for option in (one.opts if isinstance(one, click.Option) else [""])
    }
    assert known == set(rows(section(read("commands.md"), f"## {name}")))


def test_every_header_of_a_dead_letter_is_explained() -> None:
    """The table names what a dead letter may carry, and no other."""
    (document,), _ = read_documents(Path("a.yaml"), "event_type: t\nrequest: {method: GET, path: /a}\n")
    (rule,), _ = load_rules([document])
    message = Message("t", 0, 1, b"k", b"v", (), 1)
    event = Event(EventId("e"), EventType("t"), 1, {}, message)
    error = Undeliverable(Stage.REQUEST, "it failed", request_id="r", status=400, attempts=1)
    dead = Dead(rule, error, 1, ({"id": "r", "status": 200, "body": None},))
    letter = compose(message, event, dead, datetime.now(UTC), str, "aw==")
    known = {name for name, _ in letter.headers} | {"dlq.truncated"}
    assert known == set(rows(section(read("dead-letters.md"), "## Headers")))
    stages = rows(section(read("dead-letters.md"), "## When"))
    assert {str(stage) for stage in Stage} == set(stages)
