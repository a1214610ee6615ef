"""The project's own schemas: `NAME_vN.avsc` is version N of the event type NAME."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.errors import Unusable
from engine.events.avro import Schema, SchemaInvalid, parse

_FILE_NAME = re.compile(r"(?P<type>.+)_v(?P<version>[1-9][0-9]{0,8})\.avsc")


@dataclass(frozen=True, slots=True)
class SchemaFile:
    """A file of the folder.

    Attributes:
        path: where it is.
        event_type, version: from its name; "" and 0 where the name is not NAME_vN.avsc.
    """

    path: Path
    event_type: str
    version: int


def list_files(folder: Path) -> list[SchemaFile]:
    """All `*.avsc` of a folder, by type and version.

    Raises:
        Unusable: the folder cannot be read.
    """
    try:
        paths = [path for path in folder.iterdir() if path.suffix == ".avsc"]
    except OSError as error:
        raise Unusable(f"{folder}: cannot read the folder of the event schemas: {error.strerror}") from error
    return sorted(map(_schema_file, paths), key=lambda file: (file.event_type, file.version, file.path))


def load(path: Path) -> Schema:
    """Read and parse one file.

    Raises:
        Unusable: unreadable, not JSON, or no usable schema of a record.
    """
    try:
        return parse(json.loads(path.read_text(encoding="utf-8")), reader=True)
    except OSError as error:
        raise Unusable(f"{path}: cannot read the schema: {error.strerror}") from error
    except SchemaInvalid as error:
        raise Unusable(f"{path}: not a usable Avro schema: {error}") from error
    except (ValueError, RecursionError) as error:
        raise Unusable(f"{path}: not JSON: {error}") from error


class LocalSchemas:
    """The schemas that events are resolved to. Read once; safe to use from any thread."""

    def __init__(self, folder: Path, *, required: bool = False) -> None:
        """Read the folder.

        Args:
            folder: where the files are.
            required: the user named the folder, so its absence is an error; else it is as good as empty.

        Raises:
            Unusable: an unreadable folder or file, or an invalid schema.
        """
        by_type: defaultdict[str, dict[int, Schema]] = defaultdict(dict)
        for file in list_files(folder) if required or folder.exists() else []:
            if file.event_type:
                by_type[file.event_type][file.version] = load(file.path)
        self._by_type = dict(by_type)
        self._newest = {name: versions[max(versions)] for name, versions in by_type.items()}

    def find(self, event_type: str, version: int) -> Schema | None:
        """NAME_vN, else the highest N there is, else None."""
        versions = self._by_type.get(event_type)
        return None if versions is None else versions.get(version) or self._newest[event_type]

    def versions(self, event_type: str) -> list[int]:
        """The versions that have a file, ascending."""
        return sorted(self._by_type.get(event_type, ()))

    def raw(self, event_type: str, version: int) -> dict[str, Any] | None:
        """The schema of exactly this version as it was written, None without a file."""
        schema = self._by_type.get(event_type, {}).get(version)
        return None if schema is None else schema.raw

    def __iter__(self) -> Iterator[tuple[str, int, Schema]]:
        """(event type, version, schema), ascending."""
        for event_type, versions in sorted(self._by_type.items()):
            for version, schema in sorted(versions.items()):
                yield event_type, version, schema


def _schema_file(path: Path) -> SchemaFile:
    match = _FILE_NAME.fullmatch(path.name)
    return SchemaFile(path, match["type"], int(match["version"])) if match else SchemaFile(path, "", 0)
