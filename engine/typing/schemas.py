"""The types of a project's events, by type and version, from `events.schemas`."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Collection, Mapping
from pathlib import Path

from engine.errors import Unusable
from engine.typing.avro import NotAvro, event_type
from engine.typing.model import Type

_FILE_NAME = re.compile(r"(?P<type>.+)_v(?P<version>[1-9][0-9]{0,8})\.avsc")


class EventTypes:
    """The types of events by name and version; read once, never changed."""

    __slots__ = ("_by_name",)

    def __init__(self, by_name: Mapping[str, Mapping[int, Type]]) -> None:
        self._by_name = by_name

    @classmethod
    def load(cls, folder: Path) -> EventTypes:
        """Read every `NAME_vN.avsc` of a folder; a folder that does not exist has none.

        Raises:
            Unusable: a file cannot be read, or is no usable Avro schema.
        """
        found: defaultdict[str, dict[int, Type]] = defaultdict(dict)
        same: dict[Type, Type] = {}  # equal schemas are one type, so that what is typed for one is for all
        for file in sorted(folder.glob("*.avsc")) if folder.is_dir() else ():
            read = _read(file)
            if match := _FILE_NAME.fullmatch(file.name):
                found[match["type"]][int(match["version"])] = same.setdefault(read, read)
        return cls(found)

    @property
    def names(self) -> Collection[str]:
        """The event types that have a schema."""
        return self._by_name.keys()

    def covered(self, name: str, versions: Collection[int] | None, others: Collection[int]) -> Mapping[int, Type]:
        """The types of the events that a rule gets, by version; empty without a schema.

        Args:
            name: the rule's event type.
            versions: those that the rule lists, None for all that no other rule lists.
            others: those that other rules of the type list.
        """
        known = self._by_name.get(name, {})
        if not known:
            return {}
        newest = max(known)
        if versions is not None:
            return {version: known.get(version, known[newest]) for version in sorted(versions)}
        left = {version: type_ for version, type_ in sorted(known.items()) if version not in others}
        return left or {newest + 1: known[newest]}  # every later version is read as the newest


NO_EVENTS = EventTypes({})


def _read(file: Path) -> Type:
    try:
        return event_type(json.loads(file.read_bytes()))
    except OSError as error:
        raise Unusable(f"{file}: cannot read the schema: {error.strerror}") from error
    except NotAvro as error:
        raise Unusable(f"{file}: not a usable Avro schema: {error}") from error
    except (ValueError, RecursionError) as error:
        raise Unusable(f"{file}: not JSON: {error}") from error
