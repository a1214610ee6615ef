"""A sound, filled config.yaml becomes the frozen Config."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from engine.config import model
from engine.config.environment import refill
from engine.config.secret import Secret
from engine.documents import Pointer
from engine.units import duration, rate, size

_Section = TypeVar("_Section")
_Convert = Callable[[Any, Pointer], Any]


class Builder:
    """Builds the sections; keys that are not there keep the default of `engine.config.model`."""

    def __init__(self, folder: Path, from_files: Mapping[Pointer, str], environ: Mapping[str, str]) -> None:
        """Take what a value alone does not tell.

        Args:
            folder: relative paths start here.
            from_files: raw texts of the values that were read from files, by place.
            environ: variables by name, for reading such a value again.
        """
        self._folder = folder
        self._from_files = from_files
        self._environ = environ

    def config(self, file: Path | None, data: Mapping[str, Any]) -> model.Config:
        """Build all of it; `data` has passed the schema."""
        sections: dict[str, _Convert] = {
            "kafka": self._kafka,
            "schema_registry": partial(
                self._section, model.SchemaRegistry, url=_url, password=self._secret, ca=self._path, timeout=_seconds
            ),
            "events": self._events,
            "api": self._api,
            "apis": self._apis,
            "retry": partial(
                self._section,
                model.RetryPolicy,
                initial_delay=_seconds,
                max_delay=_seconds,
                throttled_for=_seconds,
                multiplier=_number,
                jitter=_number,
                statuses=_statuses,
            ),
            "outage": partial(self._switch, model.Outage, probe_every=_seconds),
            "dedupe": partial(self._switch, model.Dedupe),
            "dlq": partial(self._section, model.Dlq, retention=_seconds),
            "rules": self._rules,
            "limits": partial(self._section, model.Limits, buffer=_bytes, message=_bytes, body=_bytes, rendered=_bytes),
            "files": partial(self._section, model.Files, s3=self._s3),
            "commit_interval": _seconds,
            "shutdown_timeout": _seconds,
            "log": partial(self._section, model.Log, mask=_texts),
            "http": partial(self._section, model.Http),
        }
        paths: dict[str, Any] = {"events": {}, "rules": {}}  # defaults that start at the folder
        values = {name: sections[name](value, (name,)) for name, value in {**paths, **data}.items()}
        return model.Config(file=file, **values)

    def _section(
        self, kind: type[_Section], data: Mapping[str, Any], pointer: Pointer, **convert: _Convert
    ) -> _Section:
        """Make a section's dataclass: its fields are named as the keys."""
        values = {
            name: convert[name](value, (*pointer, name)) if name in convert else value for name, value in data.items()
        }
        return kind(**values)

    def _switch(self, kind: type[_Section], data: Any, pointer: Pointer, **convert: _Convert) -> _Section | None:
        return None if data == "off" else self._section(kind, data, pointer, **convert)

    def _kafka(self, data: Mapping[str, Any], pointer: Pointer) -> model.Kafka:
        options = data.get("options", {})
        values = {name: value for name, value in data.items() if name != "options"}
        values["consumer_options"] = options.get("consumer", {})
        values["producer_options"] = options.get("producer", {})
        return self._section(model.Kafka, values, pointer, security=self._security)

    def _security(self, data: Mapping[str, Any], pointer: Pointer) -> model.Security:
        return self._section(
            model.Security,
            data,
            pointer,
            password=self._secret,
            ca=self._path,
            certificate=self._path,
            key=self._path,
        )

    def _events(self, data: Mapping[str, Any], pointer: Pointer) -> model.Events:
        values = {"schemas": str(model.Events().schemas), **data, "schemas_configured": "schemas" in data}
        envelope = partial(self._section, model.Envelope)
        return self._section(model.Events, values, pointer, schemas=self._path, envelope=envelope)

    def _rules(self, data: Mapping[str, Any], pointer: Pointer) -> model.Rules:
        return self._section(model.Rules, {"path": str(model.Rules().path), **data}, pointer, path=self._path)

    def _s3(self, data: Mapping[str, Any], pointer: Pointer) -> model.S3:
        secrets = dict.fromkeys(("access_key", "secret_key"), self._secret)
        return self._section(
            model.S3, data, pointer, buckets=_texts, endpoint=_url, limit=_bytes, timeout=_seconds, **secrets
        )

    def _apis(self, data: Mapping[str, Any], pointer: Pointer) -> Mapping[str, model.Api]:
        return {name: self._api(api, (*pointer, name)) for name, api in data.items()}

    def _api(self, data: Mapping[str, Any], pointer: Pointer) -> model.Api:
        files = dict.fromkeys(("openapi", "ca", "certificate", "key"), self._path)
        values = {**data, "name": pointer[1] if len(pointer) > 1 else ""}
        return self._section(
            model.Api, values, pointer, url=_url, auth=self._auth, rate=_rate, timeout=_seconds, **files
        )

    def _auth(self, data: Mapping[str, Any], pointer: Pointer) -> model.Auth:
        values = {name: value for name, value in data.items() if name != "type"}
        section = partial(self._section, data=values, pointer=pointer)
        match data["type"]:
            case "token" | "bearer" as kind:
                return model.HeaderAuth(
                    "Authorization", self._secret(data["token"], (*pointer, "token")), f"{kind.title()} "
                )
            case "header":
                return section(model.HeaderAuth, value=self._secret)
            case "basic":
                return section(model.BasicAuth, password=self._secret)
            case "login":
                return self._login(values, pointer)
            case "oauth2":
                return section(model.OAuth2Auth, client_secret=self._secret)
        return model.NoAuth()

    def _login(self, data: Mapping[str, Any], pointer: Pointer) -> model.LoginAuth:
        values = {"body": {}, **data}
        return self._section(
            model.LoginAuth, values, pointer, body=self._secrets, headers=self._headers, prefix=_prefix
        )

    def _headers(self, data: Mapping[str, str], pointer: Pointer) -> Mapping[str, Secret]:
        return {name: self._secret(value, (*pointer, name)) for name, value in data.items()}

    def _secrets(self, value: Any, pointer: Pointer) -> Any:
        """Every text of a login's body may be a secret."""
        if isinstance(value, dict):
            return {key: self._secrets(inner, (*pointer, key)) for key, inner in value.items()}
        if isinstance(value, list):
            return [self._secrets(inner, (*pointer, index)) for index, inner in enumerate(value)]
        return self._secret(value, pointer) if isinstance(value, str) else value

    def _secret(self, value: str, pointer: Pointer) -> Secret:
        raw = self._from_files.get(pointer)
        return Secret(value) if raw is None else Secret(value, partial(refill, raw, self._environ))

    def _path(self, value: str, _: Pointer) -> Path:
        return self._folder / value


def _seconds(value: str, _: Pointer) -> float:
    return duration(value)


def _bytes(value: str, _: Pointer) -> int:
    return size(value)


def _rate(value: str, _: Pointer) -> float:
    return rate(value)


def _number(value: float, _: Pointer) -> float:
    return float(value)


def _statuses(value: list[int], _: Pointer) -> frozenset[int]:
    return frozenset(value)


def _texts(value: list[str], _: Pointer) -> tuple[str, ...]:
    return tuple(value)


def _url(value: str, _: Pointer) -> str:
    return value.rstrip("/")


def _prefix(value: str, _: Pointer) -> str:
    """`Bearer` alone means `Bearer X`: a scheme and its token stand apart."""
    return f"{value} " if value and not value.endswith(" ") else value
