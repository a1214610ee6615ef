"""`engine schemas`: the local schemas against each other and against the registry."""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import click

from engine.config.load import load_config
from engine.config.model import Config, Envelope
from engine.errors import Unavailable, Unusable
from engine.events.avro import Schema
from engine.events.compatibility import problems
from engine.events.registry import Registry, subject_of
from engine.events.registry_client import SchemaRefused
from engine.events.schemas import LocalSchemas, SchemaFile, list_files, load
from engine.findings import many

_ENVELOPE_TYPES = {"id": ("string",), "type": ("string",), "version": ("int", "long")}


def check(config_file: Path | None) -> int:
    """Check that every file is a schema of an event and reads what the version before it wrote; ask the registry, too.

    Returns:
        0: nothing found, also where the registry could not be asked. 1: findings.

    Raises:
        Unusable: the configuration or the folder.
    """
    config = load_config(config_file, os.environ, secrets={"schema_registry"})
    loaded: list[tuple[SchemaFile, Schema]] = []
    found: list[str] = []
    for file in _files(config):
        try:
            loaded.append((file, load(file.path)))
        except Unusable as error:
            found.append(str(error))
    found += [text for file, schema in loaded for text in _alone(file, schema, config.events.envelope)]
    found += _versions(loaded)
    if config.events.format == "avro":
        found += _registry(loaded, config)
    for text in found:
        click.echo(text)
    click.echo(f"{many(len(loaded), 'schema')}, {many(len(found), 'finding')}", err=True)
    return 1 if found else 0


def register(config_file: Path | None) -> int:
    """Register every local schema, oldest version first, under TOPIC-RECORD.

    Returns:
        0: all are registered. 1: the registry refuses one.

    Raises:
        Unavailable: the registry is away.
        Unusable: the configuration, the folder, or a file.
    """
    config = load_config(config_file, os.environ, secrets={"schema_registry"})
    registry = Registry(config.schema_registry)
    code = 0
    for name, version, schema in LocalSchemas(config.events.schemas, required=config.events.schemas_configured):
        subject = subject_of(config.kafka.topic, schema)
        try:
            click.echo(f"{name} v{version}: id {registry.register(subject, schema.raw)}, subject {subject}")
        except SchemaRefused as error:
            click.echo(f"error: {name} v{version}: {error}", err=True)
            code = 1
    return code


def _files(config: Config) -> list[SchemaFile]:
    events = config.events
    return list_files(events.schemas) if events.schemas_configured or events.schemas.exists() else []


def _alone(file: SchemaFile, schema: Schema, envelope: Envelope) -> Iterator[str]:
    """What is wrong with one file by itself."""
    if not file.event_type:
        yield f"{file.path}: the name is not NAME_vN.avsc, so no event is ever read with it"
    if not isinstance(schema.parsed, dict):
        return
    fields = {field["name"]: field["type"] for field in schema.parsed["fields"]}
    for role, kinds in _ENVELOPE_TYPES.items():
        name = getattr(envelope, role)
        kind = fields.get(name)
        kind = kind["type"] if isinstance(kind, dict) else kind
        if kind not in kinds:
            shown = "missing" if name not in fields else f"of type {kind if isinstance(kind, str) else 'union'}"
            yield f"{file.path}: {name}: every event has this field, of type {' or '.join(kinds)}; here it is {shown}"


def _versions(loaded: list[tuple[SchemaFile, Schema]]) -> Iterator[str]:
    """What a version cannot read of the one before it."""
    for (file, schema), (newer, reader) in pairwise(loaded):
        if file.event_type and file.event_type == newer.event_type:
            for problem in problems(schema, reader):
                yield f"{newer.path}: {problem}: cannot read what version {file.version} wrote"


def _registry(loaded: list[tuple[SchemaFile, Schema]], config: Config) -> Iterator[str]:
    """What the registry has against the newest version of each type."""
    newest = {file.event_type: (file, schema) for file, schema in loaded if file.event_type}
    registry = Registry(config.schema_registry)
    try:
        for file, schema in newest.values():
            verdict = registry.judge(subject_of(config.kafka.topic, schema), schema.raw)
            if not verdict.compatible:
                yield f"{file.path}: the registry calls it incompatible: {verdict.text or 'it does not say why'}"
    except Unavailable as error:
        click.echo(f"warning: not compared with the registry: {error}", err=True)
    finally:
        registry.close()
