"""Writes new files; what is there already is never touched."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from engine.errors import Unusable


class Fate(StrEnum):
    """What became of a file. `KEPT`: another file of its name is there; `SAME`: it is there already, byte for byte."""

    WRITTEN = "written"
    SAME = "already there"
    KEPT = "kept: another file is there"


@dataclass(frozen=True, slots=True)
class NewFile:
    """A file to write. `path`: where; `content`: its bytes."""

    path: Path
    content: bytes


def write(files: Iterable[NewFile]) -> list[tuple[NewFile, Fate]]:
    """Write each file that is not there; folders are made.

    Raises:
        Unusable: a file or folder cannot be written.
    """
    return [(file, _write(file)) for file in files]


def standing(files: Iterable[NewFile]) -> list[Path]:
    """The paths at which something else stands."""
    return [file.path for file in files if _is_there(file.path) and not _is_same(file)]


def _write(file: NewFile) -> Fate:
    try:
        file.path.parent.mkdir(parents=True, exist_ok=True)
        with file.path.open("xb") as target:  # x: never through a link, never over a file
            target.write(file.content)
    except FileExistsError:
        if not _is_there(file.path):  # a file stands where a folder is needed
            raise Unusable(f"{file.path.parent}: is no folder") from None
        return Fate.SAME if _is_same(file) else Fate.KEPT
    except OSError as error:
        raise Unusable(f"{file.path}: cannot be written: {error.strerror}") from error
    return Fate.WRITTEN


def _is_there(path: Path) -> bool:
    return path.exists() or path.is_symlink()


def _is_same(file: NewFile) -> bool:
    try:
        return file.path.is_file() and file.path.read_bytes() == file.content
    except OSError:
        return False
