"""Requests as commands for a shell; what is secret comes from variables of the environment."""

from __future__ import annotations

import base64
import re
import shlex
from collections.abc import Iterator, Mapping
from typing import Any

from engine.api.messages import Request
from engine.config.model import Api, BasicAuth, Config, HeaderAuth, LoginAuth, NoAuth, OAuth2Auth
from engine.documents import read_documents
from engine.explaining.story import Story
from engine.explaining.text import closing, heading
from engine.rules.preview import Known, LeftOut
from engine.sketch import address, api_of, is_secret

_LONGEST = 100_000  # bytes of one argument; Linux allows 131,072
_VARIABLE = re.compile(r"\$\{(\w+)(?::-[^}]*)?\}")
_OTHER = re.compile(r"\W")


def commands(story: Story, config: Config, *, live: bool) -> Iterator[str]:
    """The story as a shell script: a command for each known request, all else as comments."""
    yield from _comments(heading(story))
    variables = Variables(config)
    for step in story.steps:
        sight, name = step.sight, f"{step.number}. {step.sight.rule.id}"
        yield ""
        if isinstance(sight, Known):
            yield f"# {name}{'' if sight.number is None else f', item {sight.number}'}"
            api = api_of(sight.request.api, config)
            urls = ", ".join(source.url for source in sight.request.sources)
            if urls:  # a command without the file would send an empty one
                yield from _comments([f"no command: its body is sent with {urls} in it"])
                continue
            yield from _comments(variables.hints(api))
            yield command(sight.request, api, variables)
        elif isinstance(sight, LeftOut):
            yield f"# {name}: left out, its `when` is false"
        else:
            yield f"# {name}: depends on the answer of {', '.join(sight.needs)}"
    for line in closing(story, live=live):
        yield ""
        yield from _comments([line.strip()])


class Variables:
    """Names of the variables that hold credentials: those of config.yaml where it names any, else made up."""

    def __init__(self, config: Config) -> None:
        self._written: Mapping[str, Any] = {}
        if config.file is not None:
            documents, _ = read_documents(config.file, config.file.read_text(encoding="utf-8-sig"))
            if documents and isinstance(documents[0].data, dict):
                self._written = documents[0].data

    def of(self, api: Api, *keys: str) -> str:
        """The variable of the credentials under one of these keys of `auth`."""
        section = (self._written.get("apis") or {}).get(api.name) if api.name else self._written.get("api")
        auth = (section or {}).get("auth") or {}
        for key in keys:
            found = _VARIABLE.fullmatch(str(auth.get(key, "")).strip())
            if found is not None:
                return found[1]
        return _made(api.name or "api", keys[0])

    def hints(self, api: Api) -> Iterator[str]:
        """How to get what stands in a variable, where the configuration does not hold it."""
        if isinstance(api.auth, LoginAuth):
            target = api.auth.path if "://" in api.auth.path else api.url + api.auth.path
            name = _made(api.name or "api", "token")
            yield f"{name}: `{api.auth.token}` of the answer of {api.auth.method} {target}"
        elif isinstance(api.auth, OAuth2Auth):
            yield f"{_made(api.name or 'api', 'token')}: the access token that {api.auth.token_url} gives"

    def credentials(self, api: Api) -> Iterator[str]:
        """Curl's arguments for the credentials, quoted."""
        auth = api.auth
        if isinstance(auth, NoAuth):
            return
        if isinstance(auth, BasicAuth):
            yield f"--user {shlex.quote(auth.username + ':')}{_expanded(self.of(api, 'password'))}"
        elif isinstance(auth, HeaderAuth):
            yield _header(auth.name, auth.prefix, self.of(api, "token", "value"))
        elif isinstance(auth, LoginAuth):
            yield _header(auth.header, auth.prefix, _made(api.name or "api", "token"))
        else:
            yield _header("Authorization", "Bearer ", _made(api.name or "api", "token"))


def command(request: Request, api: Api, variables: Variables) -> str:
    """One command for a POSIX shell; it can be copied as it is.

    Bodies that are no text, or too long for an argument, are decoded from a here-document.
    """
    words = [f"--request {request.method} {shlex.quote(address(request, api))}", *variables.credentials(api)]
    if request.method == "HEAD":
        words[0] = f"--head {shlex.quote(address(request, api))}"
    words += [f"{option} {shlex.quote(str(file))}" for option, file in _files(api) if file is not None]
    own = {name.lower() for name, _ in request.headers}
    if "accept" not in own:
        words.append("--header 'Accept: application/json'")
    words += [_plain_header(name, value) for name, value in request.headers]
    if request.media_type is not None:
        words.append(f"--header {shlex.quote(f'Content-Type: {request.media_type}')}")
    elif request.body is not None and "content-type" not in own:
        words.append("--header 'Content-Type:'")  # else curl says that it is a form
    if request.idempotency_key is not None:
        words.append(f"--header {shlex.quote(f'Idempotency-Key: {request.idempotency_key}')}")
    before, after = "", ""
    if request.body is not None:
        text = _text(request.body)
        if text is None:
            before = "base64 -d <<'END' | "
            after = f"\n{base64.encodebytes(request.body).decode()}END"
            words.append("--data-binary @-")
        else:
            words.append(f"--data-raw {shlex.quote(text)}")
    return f"{before}curl --globoff --path-as-is " + " \\\n  ".join(words) + after


def _files(api: Api) -> list[tuple[str, object]]:
    """Certificates; `proxy` is left out, because it may hold a password."""
    return [("--cacert", api.ca), ("--cert", api.certificate), ("--key", api.key)]


def _text(body: bytes) -> str | None:
    """The body as an argument can carry it; None where it cannot."""
    if len(body) > _LONGEST or b"\0" in body or b"\r" in body:  # a terminal that is pasted into loses CR
        return None
    try:
        return body.decode()
    except UnicodeDecodeError:
        return None


def _plain_header(name: str, value: str) -> str:
    if is_secret(name):
        return _header(name, "", _OTHER.sub("_", name).upper())
    return f"--header {shlex.quote(f'{name}: {value}' if value else f'{name};')}"


def _header(name: str, prefix: str, variable: str) -> str:
    return f"--header {shlex.quote(f'{name}: {prefix}')}{_expanded(variable)}"


def _expanded(variable: str) -> str:
    return f'"${{{variable}:?}}"'  # :? sends nothing where it is not set


def _made(*words: str) -> str:
    return _OTHER.sub("_", "_".join(words)).upper()


def _comments(lines: Iterator[str] | list[str]) -> Iterator[str]:
    for line in lines:
        yield "# " + "".join(char if char.isprintable() else "\ufffd" for char in line)
