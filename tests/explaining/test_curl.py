"""Commands for a shell: what curl is given is what the engine would send, but for the secrets."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from engine.commands.explain import chosen
from engine.errors import Unusable
from tests.explaining.making import ID, Project

ANSWERS = "find: {items: [{id: 7, done: false}]}\nupdate: {body: {}}\n"
FAKE = """
curl() {
  printf "%s\\0" "$@"
  printf "stdin\\0"
  case "$*" in *@-*) base64 -w0 ;; esac
  printf "\\0END\\0"
}
"""


def ran(script: str, **variables: str) -> list[list[str]]:
    """What a shell makes of the commands: the arguments of each call, `stdin`, and what was piped in, as base64."""
    environ = {"PATH": os.environ["PATH"], **variables}
    done = subprocess.run(["sh", "-euc", FAKE + script], env=environ, check=True, capture_output=True)
    return [call.split("\0") for call in done.stdout.decode().split("\0END\0") if call]


def script(project: Project, capsys: pytest.CaptureFixture[str], answers: str | None = ANSWERS) -> str:
    """What `--curl` prints."""
    assert 0 == project.explain(answers, output="curl")
    return capsys.readouterr().out


def test_commands_can_be_copied(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Quotes, dollars, at signs and backticks arrive as they are; secrets come from the environment."""
    text = script(Project(tmp_path), capsys)
    calls = ran(text, MY_TOKEN="t 1'x", X_API_KEY="key")
    common = ["--globoff", "--path-as-is", "--request"]
    find, update, tell = calls
    assert [*common, "GET", "http://api.example/base/things/?ref=A%201"] == find[:5]
    assert ["--header", "Authorization: Token t 1'x", "--header", "Accept: application/json"] == find[5:9]
    assert [*common, "PATCH", "http://api.example/base/things/7/"] == update[:5]
    assert f"Idempotency-Key: {ID}/update/" in "\n".join(update)
    assert {"X-Api-Key: key", "X-Plain: it's", "Content-Type: application/json"} < set(tell)
    assert {"states": [False], "text": "@it's $HOME `x`"} == json.loads(tell[tell.index("--data-raw") + 1])


def test_a_missing_secret_stops_the_shell(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing is sent without its credentials, or with empty ones."""
    for variables in ({}, {"MY_TOKEN": ""}):
        with pytest.raises(subprocess.CalledProcessError) as caught:
            ran(script(Project(tmp_path), capsys), **variables)
        assert b"" == caught.value.stdout


def test_what_is_not_known_is_a_comment(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The script is one that a shell can run, even where requests are open."""
    text = script(Project(tmp_path), capsys, None)
    assert "# 2. update: depends on the answer of find" in text
    assert 1 == len(ran(text, MY_TOKEN="t"))


@pytest.mark.parametrize(
    ("auth", "words"),
    [
        ("{type: none}", []),
        ('{type: basic, username: "it\'s", password: "${PW}"}', ["--user", "it's:p w"]),
        ('{type: basic, username: me, password: "literal"}', ["--user", "me:made"]),
        ('{type: header, name: X-Key, value: "${KEY}"}', ["--header", "X-Key: k"]),
        ('{type: bearer, token: "${KEY:-x}"}', ["--header", "Authorization: Bearer k"]),
        (
            '{type: login, path: /login/, token: token, body: {password: "${PW}"}}',
            ["--header", "Authorization: Token made"],
        ),
        (
            '{type: oauth2, token_url: "https://sso.example/t", client_id: e, client_secret: "${PW}"}',
            ["--header", "Authorization: Bearer made"],
        ),
    ],
)
def test_every_kind_of_credentials(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], auth: str, words: list[str]
) -> None:
    """The variables are those of config.yaml; where it names none, they say where the secret comes from."""
    config = f"events: {{format: json}}\napi:\n  url: http://a.example\n  auth: {auth}\nrules: {{path: rules}}\n"
    rule = "event_type: changed\nrequest: {method: GET, path: /a}\n"
    text = script(Project(tmp_path, rule, config), capsys, None)
    assert "literal" not in text
    (call,) = ran(text, PW="p w", KEY="k", API_PASSWORD="made", API_TOKEN="made")
    assert words == call[5 : 5 + len(words)]


def test_certificates_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An API with files of its own is reached with them."""
    config = "events: {format: json}\napi: {url: http://a.example, ca: ca 1.pem, certificate: c.pem, key: k.pem}\n"
    rule = "event_type: changed\nrequest: {method: GET, path: /a}\n"
    (call,) = ran(script(Project(tmp_path, rule, f"{config}rules: {{path: rules}}\n"), capsys, None))
    names = [str(tmp_path / name) for name in ("ca 1.pem", "c.pem", "k.pem")]
    assert ["--cacert", names[0], "--cert", names[1], "--key", names[2]] == call[5:11]


def test_bytes_come_from_a_here_document(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A body that no argument can carry is piped in."""
    request = 'request: {method: POST, path: /a, encoding: raw, body: "{{ event.ref | b64decode }}"}'
    rule = f"event_type: changed\n{request}\n"
    project = Project(tmp_path, rule)
    project.event(ref="AP8AJw==")
    (call,) = ran(script(project, capsys, None), MY_TOKEN="t")
    assert ["--data-binary", "@-", "stdin", "AP8AJw=="] == call[-4:]


def test_files_of_a_store_have_no_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A command without the file would send an empty one; the text shows the address."""
    request = 'request: {method: POST, path: /a, encoding: raw, body: {from: "s3://bucket/{{ event.ref }}"}}'
    project = Project(tmp_path, f"event_type: changed\n{request}\n")
    project.event(ref="a.pdf")
    written = script(project, capsys, None)
    assert "# no command: its body is sent with s3://bucket/a.pdf in it" in written
    assert "curl " not in written
    project.explain()
    assert '"from": "s3://bucket/a.pdf"' in capsys.readouterr().out


def test_commands_are_no_json() -> None:
    """Two outputs at once are a usage error."""
    with pytest.raises(Unusable, match="--curl"):
        chosen(None, live=False, output="json", curl=True)
