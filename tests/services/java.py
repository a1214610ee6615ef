"""Java, and archives of loaded classes that halve the start of its programs."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path

from tests.services.fetch import CACHE, NotFetched, cache_lock

OPTIONS = ("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Djava.awt.headless=true")  # start fast, run small


def java() -> str:
    """The `java` of this machine.

    Raises:
        NotFetched: there is none.
    """
    found = shutil.which("java")
    if found is None:
        raise NotFetched("Java 17 or newer (java) is not installed")
    return found


def class_archive(name: str, make: Callable[[str], None]) -> list[str]:
    """Options that load the program's classes from an archive, made by one throw-away run where it is missing.

    `make` is called with the option that writes the archive; it starts the program and stops it in order. Java ignores
    an archive that does not fit; it is named after the `java` that wrote it, so that an update makes a new one.
    """
    stat = Path(java()).resolve().stat()
    version = hashlib.sha256(f"{Path(java()).resolve()} {stat.st_mtime_ns} {CACHE}".encode()).hexdigest()[:12]
    archive = CACHE / f"{name}-{version}.jsa"
    if not archive.exists():
        with cache_lock(f"{name}-classes"):  # not the lock of the download, which the run below may take
            if not archive.exists():
                scratch = archive.with_suffix(".new")
                make(f"-XX:ArchiveClassesAtExit={scratch}")
                scratch.replace(archive)
    return [f"-XX:SharedArchiveFile={archive}"]
