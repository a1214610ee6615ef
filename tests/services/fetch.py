"""Brings Kafka and the registry from Maven Central into `.cache/`, once for all runs on this machine."""

from __future__ import annotations

import fcntl
import hashlib
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

HERE = Path(__file__).parent
CACHE = HERE.parents[1] / ".cache"

KAFKA = "4.3.1"
APICURIO = "3.0.9"  # newer ones need Java 21
APICURIO_SHA256 = "2b28181501a20cbf6efcd77f9b7153908fc01f3d3a7c32024c0bd9e1b04c8a43"


class NotFetched(Exception):
    """A service is not to be had here: no Java, no Maven, or no way to Maven Central."""


def kafka_libs() -> Path:
    """The folder with Kafka's jar files.

    Raises:
        NotFetched: Maven is missing or failed; says how.
    """
    return _once(f"kafka-{KAFKA}", _fetch_kafka)


def registry_jar() -> Path:
    """The registry's runner jar; its libraries stand beside it.

    Raises:
        NotFetched: Maven is missing or failed, or the archive is not the one that was expected.
    """
    return _once(f"apicurio-{APICURIO}", _fetch_registry) / f"apicurio-registry-app-{APICURIO}-runner.jar"


@contextmanager
def cache_lock(name: str) -> Iterator[None]:
    """Holds a lock of that name against all processes that share the cache."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _once(name: str, fetch: Callable[[Path], None]) -> Path:
    """The cache folder of that name, filled by `fetch` where it is not there yet; never seen half full."""
    folder = CACHE / name
    if folder.is_dir():
        return folder
    with cache_lock(name):
        if not folder.is_dir():
            with tempfile.TemporaryDirectory(dir=CACHE, prefix=f"{name}-") as scratch:
                fetch(Path(scratch) / "new")
                (Path(scratch) / "new").rename(folder)
    return folder


def _fetch_kafka(folder: Path) -> None:
    _maven(
        "-f",
        str(HERE / "pom.xml"),
        "dependency:copy-dependencies",
        "-DincludeScope=runtime",
        f"-DoutputDirectory={folder}",
    )


def _fetch_registry(folder: Path) -> None:
    download = folder.parent / "download"
    artifact = f"io.apicurio:apicurio-registry-app:{APICURIO}:tar.gz:all"
    _maven("dependency:copy", f"-Dartifact={artifact}", f"-DoutputDirectory={download}")
    archive = next(download.glob("*.tar.gz"))
    with archive.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if digest != APICURIO_SHA256:
        raise NotFetched(f"{archive.name} has SHA-256 {digest}, expected {APICURIO_SHA256}")
    with tarfile.open(archive) as tar:
        # an argument since 3.11.4; Debian 12 has 3.11.2, where the hash above must be enough
        tar.extraction_filter = getattr(tarfile, "data_filter", None)
        tar.extractall(folder)


def _maven(*arguments: str) -> None:
    maven = shutil.which("mvn")
    if maven is None:
        raise NotFetched("Maven (mvn) is not installed")
    # away from the checkout: `dependency:copy` needs no project and must not find one
    done = subprocess.run(
        [maven, "-q", "-B", "-ntp", *arguments], cwd=CACHE, capture_output=True, text=True, timeout=600, check=False
    )
    if done.returncode:
        raise NotFetched(f"mvn failed: {(done.stdout + done.stderr).strip()[:500]}")  # its first line says why
