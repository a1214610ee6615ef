"""config.yaml becomes Config, or all of its findings at once."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from engine.config import model
from engine.config.filling import Secrets
from engine.config.load import ConfigInvalid, load_config
from engine.config.secret import Secret
from engine.documents import read_documents
from engine.errors import Unusable
from engine.findings import Finding
from engine.report import render


def load(folder: Path, text: str, environ: Mapping[str, str] | None = None, *, secrets: Secrets = True) -> model.Config:
    file = folder / "c.yaml"
    file.write_text(text, encoding="utf-8")
    return load_config(file, environ or {}, secrets=secrets)


def findings(
    folder: Path, text: str, environ: Mapping[str, str] | None = None, *, secrets: Secrets = True
) -> list[str]:
    """Each as `line:column [check] message; help`."""
    with pytest.raises(ConfigInvalid) as caught:
        load(folder, text, environ, secrets=secrets)
    return [_line(finding) for finding in caught.value.findings]


def _line(finding: Finding) -> str:
    place = f"{finding.span.line}:{finding.span.column} [{finding.id}]"
    return " ".join((place, "; ".join(filter(None, (finding.message, finding.help)))))


def checks(folder: Path, text: str, *, secrets: Secrets = True) -> list[str]:
    """The names of the checks that found something."""
    return [line.split(" [")[1].split("]")[0] for line in findings(folder, text, secrets=secrets)]


def test_without_a_file_all_is_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No ./config.yaml and none named: the defaults, and paths as they are written."""
    monkeypatch.chdir(tmp_path)
    assert model.Config() == load_config(None, {})


def test_the_file_of_the_current_folder_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """./config.yaml is read, and its relative paths stay short."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config.yaml").write_text("rules: {path: r}\n")
    assert (Path("config.yaml"), Path("r")) == (load_config(None, {}).file, load_config(None, {}).rules.path)


@pytest.mark.parametrize("text", ["", "# nothing\n", "{}\n", "kafka:\nevents:\napi:\nrules:\ndlq: {}\n"])
def test_a_key_without_a_value_has_its_default(tmp_path: Path, text: str) -> None:
    """An empty file, an empty section and a key without a value are all the same."""
    config = load(tmp_path, text)
    expected = model.Config(
        file=tmp_path / "c.yaml",
        events=model.Events(schemas=tmp_path / "schemas/events"),
        rules=model.Rules(path=tmp_path / "rules"),
    )
    assert expected == config


def test_every_key_reaches_the_config(tmp_path: Path) -> None:
    """Each key of the file changes its field; units become seconds and bytes."""
    (tmp_path / "s").mkdir()
    (tmp_path / "o.json").write_text("{}")
    config = load(
        tmp_path,
        """
kafka:
  brokers: a:1,b:2
  topic: t
  group: g
  start: latest
  instance: i
  create_topic: true
  security: {protocol: sasl_ssl, mechanism: PLAIN, username: u, password: p}
  options: {consumer: {client.rack: r, session.timeout.ms: 6000}, producer: {linger.ms: 5}}
schema_registry: {url: http://r/x/, username: u, password: p, timeout: 1s}
events: {format: json, envelope: {id: i, type: t, version: v}, unknown_type: skip, schemas: s}
api:
  url: https://h/api/
  auth: {type: none}
  concurrency: 2
  rate: 60/m
  timeout: 500ms
  openapi: o.json
  proxy: http://u:p@proxy:3128
  transport: httpx
apis: {chat: {url: http://chat}}
retry:
  {max_retries: 0, initial_delay: 2s, multiplier: 3, max_delay: 5m, jitter: 0, statuses: [500], throttled_for: 1h,
  ambiguous: dead}
outage: {open_after: 1, probe_every: 1s}
dedupe: {window: 5}
dlq: {topic: d, partitions: 2, replication: 3, retention: 1d, storm: continue, dead_after: 9}
rules: {path: r, reload: false}
limits: {in_flight: 1, buffer: 2MiB, message: 1KiB, body: 1MB, items: 2, pages: 3, rendered: 9B}
files:
  s3: {buckets: [abc, d.e-f], endpoint: http://s3/, region: r, access_key: p, secret_key: p, limit: 1KiB, timeout: 2s}
commit_interval: 1s
shutdown_timeout: 2s
log: {level: debug, format: json, mask: [iban]}
http: {host: 0.0.0.0, port: 0}
""",
    )
    secret = Secret("p")
    expected = model.Config(
        file=tmp_path / "c.yaml",
        kafka=model.Kafka(
            "a:1,b:2", "t", "g", "latest", "i", True,
            model.Security("sasl_ssl", "PLAIN", "u", secret),
            {"client.rack": "r", "session.timeout.ms": 6000},
            {"linger.ms": 5},
        ),
        schema_registry=model.SchemaRegistry("http://r/x", "u", secret, None, 1.0),
        events=model.Events("json", model.Envelope("i", "t", "v"), "skip", tmp_path / "s", schemas_configured=True),
        api=model.Api(
            "", "https://h/api", model.NoAuth(), 2, 1.0, 0.5, tmp_path / "o.json",
            proxy="http://u:p@proxy:3128", transport="httpx",
        ),
        apis={"chat": model.Api("chat", "http://chat")},
        retry=model.RetryPolicy(0, 2.0, 3.0, 300.0, 0.0, frozenset({500}), 3600.0, "dead"),
        outage=model.Outage(1, 1.0),
        dedupe=model.Dedupe(5),
        dlq=model.Dlq("d", 2, 3, 86_400.0, "continue", 9),
        rules=model.Rules(tmp_path / "r", reload=False),
        limits=model.Limits(1, 2_097_152, 1024, 1_000_000, 2, 3, 9),
        files=model.Files(model.S3(("abc", "d.e-f"), "http://s3", "r", secret, secret, 1024, 2.0)),
        commit_interval=1.0,
        shutdown_timeout=2.0,
        log=model.Log("debug", "json", ("iban",)),
        http=model.Http("0.0.0.0", 0),
    )  # fmt: skip
    for field in dataclasses.fields(model.Config):
        assert getattr(expected, field.name) == getattr(config, field.name)


@pytest.mark.parametrize(
    ("auth", "expected"),
    [
        ("{type: none}", model.NoAuth()),
        ("{type: token, token: t}", model.HeaderAuth("Authorization", Secret("t"), "Token ")),
        ("{type: bearer, token: t}", model.HeaderAuth("Authorization", Secret("t"), "Bearer ")),
        ("{type: header, name: X-Key, value: t}", model.HeaderAuth("X-Key", Secret("t"), "")),
        ("{type: header, name: X-Key, value: t, prefix: 'K='}", model.HeaderAuth("X-Key", Secret("t"), "K=")),
        ("{type: basic, username: u, password: p}", model.BasicAuth("u", Secret("p"))),
        (
            "{type: login, path: /iam/login/, body: {username: u, deep: [p, 1, null]}, token: a.b}",
            model.LoginAuth("/iam/login/", {"username": Secret("u"), "deep": [Secret("p"), 1, None]}, "a.b"),
        ),
        (
            (
                "{type: login, path: 'http://localhost:8000/l', method: PUT, encoding: form, headers: {A: x}, "
                "token: t, header: X-Auth, prefix: Bearer}"
            ),
            model.LoginAuth(
                "http://localhost:8000/l", {}, "t", "PUT", "form", {"A": Secret("x")}, "X-Auth", "Bearer "
            ),
        ),
        (
            (
                "{type: oauth2, token_url: 'https://s/t?a=b', client_id: c, client_secret: s, scope: a b, "
                "client_auth: body}"
            ),
            model.OAuth2Auth("https://s/t?a=b", "c", Secret("s"), "a b", "body"),
        ),
    ],
)  # fmt: skip
def test_each_auth_is_built(tmp_path: Path, auth: str, expected: model.Auth) -> None:
    """The type picks the keys; secrets are wrapped."""
    assert expected == load(tmp_path, f"api:\n  auth: {auth}\n").api.auth


def test_a_login_body_keeps_null_and_empty_text(tmp_path: Path) -> None:
    """They are sent; anywhere else they mean that the key is left out. An API may be named `body`."""
    auth = '{type: login, path: /l, token: t, headers: , body: {a: null, b: "${B:-}"}}'
    api = load(tmp_path, f"apis: {{body: {{url: http://h, rate: , auth: {auth}}}}}\n").apis["body"]
    assert model.Api("body", "http://h", model.LoginAuth("/l", {"a": None, "b": Secret("")}, "t")) == api


@pytest.mark.parametrize(("text", "field"), [("outage: off\n", "outage"), ("dedupe: off\n", "dedupe")])
def test_off_switches_a_part_off(tmp_path: Path, text: str, field: str) -> None:
    """`off` is text in YAML 1.2, and means none."""
    assert getattr(load(tmp_path, text), field) is None


def test_a_variable_gives_what_the_key_needs(tmp_path: Path) -> None:
    """A number and a boolean where one is due, text elsewhere, whatever the quotes."""
    text = 'http: {port: "${P}"}\nrules:\n  reload: ${R:-false}\nkafka:\n  group: ${G}\n  topic: "${T:-5}"\n'
    config = load(tmp_path, text, {"P": "1", "G": "7"})
    assert (1, False, "7", "5") == (config.http.port, config.rules.reload, config.kafka.group, config.kafka.topic)


def test_an_empty_default_leaves_the_key_out(tmp_path: Path) -> None:
    """`${NAME:-}` makes a key optional."""
    text = 'schema_registry:\n  username: ${U:-}\n  password: "${P:-}"\n'
    assert model.SchemaRegistry() == load(tmp_path, text).schema_registry


CASES = read_documents(Path("wrong.yaml"), Path(__file__).with_name("wrong.yaml").read_text())[0][0].data


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["finding"][:40])
def test_what_is_wrong_is_found_at_its_place(tmp_path: Path, case: Mapping[str, str]) -> None:
    """One finding, at the value or the key to change, with what to write instead."""
    assert [case["finding"].replace("{folder}", str(tmp_path))] == findings(tmp_path, case["config"])


def test_all_findings_come_at_once_in_file_order(tmp_path: Path) -> None:
    """Unset variables, shape and refused options are one round for the person who fixes them."""
    text = "http: {port: x}\nkafka:\n  topic: ${T}\n  options: {consumer: {on_commit: 1}}\nzzz: 1\n"
    assert ["wrong-type", "unset-variable", "engine-option", "unknown-key"] == checks(tmp_path, text)


def test_a_variable_that_is_not_set_is_one_finding(tmp_path: Path) -> None:
    """Its place does not also have the wrong type."""
    assert ["unset-variable"] == checks(tmp_path, 'http: {port: "${P}"}\n')


@pytest.mark.parametrize("secrets", [True, {"api"}])
def test_an_unset_secret_is_a_finding_for_verbs_that_use_it(tmp_path: Path, secrets: Secrets) -> None:
    """At the variable inside the value."""
    text = 'apis:\n  a: {url: "http://h", auth: {type: bearer, token: "x${A_TOKEN}"}}\n'
    assert findings(tmp_path, text, secrets=secrets)[0].startswith("2:54 [unset-variable] apis.a.auth.token: A_TOKEN")


@pytest.mark.parametrize("secrets", [False, {"kafka", "schema_registry"}])
def test_an_unset_secret_is_no_finding_for_verbs_that_do_not(tmp_path: Path, secrets: Secrets) -> None:
    """`validate-rules` in CI has neither tokens nor keys; `publish` needs no token of the API."""
    text = 'api:\n  auth: {type: token, token: "${T}"}\n  certificate: nope.pem\n  key: nope.pem\n  proxy: ${PROXY}\n'
    assert isinstance(load(tmp_path, text, secrets=secrets).api.auth, model.HeaderAuth)


def test_an_unset_variable_that_is_no_secret_is_a_finding_for_every_verb(tmp_path: Path) -> None:
    """Without the API's URL the rules cannot be checked against its document."""
    assert ["unset-variable"] == checks(tmp_path, "api:\n  url: ${URL}\n", secrets=False)


def test_a_secret_is_read_again_from_its_file(tmp_path: Path) -> None:
    """A rotated file gives the new secret; while it is away or empty the old one stays."""
    file = tmp_path / "token"
    file.write_text("old\n")
    auth = load(tmp_path, 'api: {auth: {type: token, token: "${T}"}}\n', {"T_FILE": str(file)}).api.auth
    assert isinstance(auth, model.HeaderAuth)
    seen = []
    for content in ("new\n", "", None):
        file.unlink() if content is None else file.write_text(content)
        auth.value.reread()
        seen.append(auth.value.reveal())
    assert ["new", "new", "new"] == seen


@pytest.mark.parametrize(
    "text",
    [
        "api: {auth: {type: token, token: hunter2, zzz: 1}}\n",
        "api: {auth: {type: tokn, tokn: hunter2}}\n",
        "api:\n  auth:\n    token: hunter2\n    type: [\n",
        "api: {auth: {type: login, path: x, token: t, body: {p: hunter2}}}\n",
        "api: {url: 'http://u:hunter2@h'}\n",
        "kafka: {security: {password: hunter2, zzz: 1}}\n",
        "api: {auth: {type: header, name: X, value: \"hunter2\\n\"}}\n",
        "api: {auth: {type: token, token: |-\n      hunter2\n      hunter2\n  }}\n",
        "api: {auth: {type: token, token: 'hunter2}}\n",
    ],
)  # fmt: skip
def test_a_secret_of_the_file_is_never_shown(tmp_path: Path, text: str) -> None:
    """Neither in a message nor in the source line beside it."""
    with pytest.raises(ConfigInvalid) as caught:
        load(tmp_path, text)
    shown = render(caught.value.findings, "text", caught.value.sources) + str(caught.value)
    assert "hunter2" not in shown


def test_a_secret_of_the_environment_is_never_shown(tmp_path: Path) -> None:
    """Whatever is wrong with the value that came from it."""
    environ = {"T": "hunter2\n", "U": "http://u:hunter2@h"}
    with pytest.raises(ConfigInvalid) as caught:
        load(tmp_path, 'api: {auth: {type: token, token: "${T}"}}\nschema_registry:\n  url: ${U}\n', environ)
    assert "hunter2" not in render(caught.value.findings, "text", caught.value.sources)
    with pytest.raises(ConfigInvalid) as caught:
        load(tmp_path, 'api: {auth: {type: token, token: "${T}"}}\n', environ)
    assert "hunter2" not in render(caught.value.findings, "text", caught.value.sources)


def test_secrets_do_not_show_in_the_config(tmp_path: Path) -> None:
    """A Config may be logged."""
    config = load(tmp_path, "api: {auth: {type: login, path: /l, body: {a: [hunter2]}, token: t}}\n")
    assert "hunter2" not in repr(config)


@pytest.mark.parametrize("content", [None, b"\xff\xfe"])
def test_a_file_that_cannot_be_read_says_so(tmp_path: Path, content: bytes | None) -> None:
    """A missing file, a folder or another encoding is one line, with the file's name."""
    file: Any = tmp_path / "c.yaml"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(Unusable, match=r"c\.yaml (cannot be read|is not UTF-8)"):
        load_config(file, {})


def test_random_configurations_load_or_have_findings(tmp_path: Path) -> None:
    """Whatever a person writes under whichever key, nothing else escapes."""
    dice = random.Random(11)
    values = [
        "",
        "5",
        "0",
        "-1",
        "x",
        "off",
        "[]",
        "{}",
        "[a]",
        "{a: b}",
        "10s",
        "0s",
        "1MiB",
        "5/s",
        "true",
        "'$${x}'",
    ]
    values += ["'${NOPE}'", "'${NOPE:-}'", "http://h", "http://[", "none", "{type: none}", "{type: login}", "nope.pem"]
    document = read_documents(Path("config.yaml"), (Path(__file__).parents[2] / "config.yaml").read_text())[0][0]
    seen: set[bool | None] = set()
    for _ in range(400):
        section = dice.choice(list(document.data))
        keys = [*(document.data[section] if isinstance(document.data[section], dict) else ()), "zzz", "auth", "key"]
        lines = [f"  {key}: {dice.choice(values)}" for key in dict.fromkeys(dice.choices(keys, k=3))]
        text = dice.choice([f"{section}: {dice.choice(values)}\n", f"{section}:\n" + "\n".join(lines) + "\n"])
        try:
            load(tmp_path, text)
        except ConfigInvalid as error:
            seen.add(bool(render(error.findings, "text", error.sources)))
        else:
            seen.add(None)
    assert {True, None} == seen


@pytest.mark.parametrize(
    ("s3", "check"),
    [
        ("buckets: [Reports]", "wrong-value"),
        ("buckets: reports", "wrong-type"),
        ("access_key: a", "missing-key"),
        ("endpoint: minio", "wrong-value"),
        ("limit: 0B", "wrong-value"),
        ("timeout: 0s", "wrong-value"),
        ("bucket: [reports]", "unknown-key"),
    ],
)
def test_a_store_of_files_that_cannot_be_meant(tmp_path: Path, s3: str, check: str) -> None:
    """Each is found before anything is asked."""
    assert [check] == checks(tmp_path, f"files: {{s3: {{{s3}}}}}\n")


def test_keys_of_a_store_are_secrets(tmp_path: Path) -> None:
    """They may be files, are read again, and are not shown; verbs that connect to nothing do without."""
    text = 'files: {s3: {buckets: [abc], access_key: "${A}", secret_key: "${B}"}}\n'
    (tmp_path / "b").write_text("hunter2\n")
    config = load(tmp_path, text, {"A": "AK", "B_FILE": str(tmp_path / "b")})
    assert "hunter2" not in repr(config)
    key = config.files.s3.secret_key
    assert key is not None
    assert "hunter2" == key.reveal()
    (tmp_path / "b").write_text("hunter3")
    key.reread()
    assert "hunter3" == key.reveal()
    assert ("abc",) == load(tmp_path, text, secrets=False).files.s3.buckets
    assert ["unset-variable", "unset-variable"] == checks(tmp_path, text)
