"""The files around the code agree with each other and with the code."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from engine.config.model import Config

ROOT = Path(__file__).parents[2]
LOCKS = sorted(ROOT.glob("requirements*.lock"))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text())
MANIFESTS: list[dict[str, Any]] = list(yaml.safe_load_all((ROOT / "deploy" / "kubernetes.yaml").read_text()))


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_a_lock_names_hashes_and_no_place(lock: Path) -> None:
    """Every package is pinned with a hash; no index address and no path of a machine is in it."""
    text = lock.read_text()
    assert [] == re.findall(r"https?://\S+|--(?:extra-)?index-url.*|--find-links.*|(?<=\s)/\S+", text)
    packages = re.split(r"\n(?=\S)", re.sub(r"^\s*#.*\n", "", text, flags=re.MULTILINE).strip())
    assert [] == [one.split()[0] for one in packages if "==" not in one.split()[0] or "--hash=sha256:" not in one]


def test_the_locks_agree() -> None:
    """What runs is what was tested: a package has one version in all locks."""
    versions: dict[str, set[str]] = {}
    for lock in LOCKS:
        for name, version in re.findall(r"^([A-Za-z0-9._-]+)==([^ \\]+)", lock.read_text(), flags=re.MULTILINE):
            versions.setdefault(name, set()).add(version)
    assert 4 == len(LOCKS)
    assert {} == {name: found for name, found in versions.items() if len(found) > 1}


def test_every_dependency_is_locked() -> None:
    """A dependency that was added to pyproject.toml without `make lock` is noticed."""
    named = {re.split(r"[<>=; \[]", one)[0].lower() for one in PROJECT["project"]["dependencies"]}
    locked = set(re.findall(r"^([a-z0-9._-]+)==", (ROOT / "requirements.lock").read_text(), flags=re.MULTILINE))
    assert set() == named - locked


@pytest.mark.parametrize("extra", PROJECT["project"]["optional-dependencies"])
def test_the_image_can_be_built_with_an_extra(extra: str) -> None:
    """Its lock, which the build argument EXTRAS chooses, is that of every image and the extra."""
    image, more = (_locked(f"requirements{name}.lock") for name in ("", f"-{extra}"))
    added = {re.split(r"[<>=;]", one)[0] for one in PROJECT["project"]["optional-dependencies"][extra]}
    assert (set(), added) == (image - more, added & (more - image))
    dockerfile = (ROOT / "Dockerfile").read_text()
    assert '-r "requirements${EXTRAS:+-$EXTRAS}.lock"' in dockerfile
    assert f"requirements-{extra}.lock" in re.findall(r"^COPY requirements.*$", dockerfile, flags=re.MULTILINE)[0]
    assert f"!requirements-{extra}.lock" in (ROOT / ".dockerignore").read_text().splitlines()


def _locked(lock: str) -> set[str]:
    """The names of the packages in a lock."""
    return set(re.findall(r"^([A-Za-z0-9._-]+)==", (ROOT / lock).read_text(), flags=re.MULTILINE))


def test_the_image_is_built_from_all_that_the_wheel_takes() -> None:
    """The Dockerfile copies it, and .dockerignore lets it through."""
    wheel = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]
    project = PROJECT["project"]
    taken = {
        *wheel["packages"],
        *wheel["force-include"],
        project["readme"],
        *project["license-files"],
        "pyproject.toml",
    }
    build = re.split(r"^FROM ", (ROOT / "Dockerfile").read_text(), flags=re.MULTILINE)[1]
    copied = {word for line in re.findall(r"^COPY (.+)$", build, flags=re.MULTILINE) for word in line.split()}
    allowed = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert set() == taken - copied
    assert set() == taken - allowed


def test_the_wheel_is_typed() -> None:
    """PEP 561."""
    assert (ROOT / "engine" / "py.typed").is_file()


def test_whoever_stops_the_engine_waits_for_it() -> None:
    """The grace periods are longer than the default `shutdown_timeout`."""
    deployment = next(one for one in MANIFESTS if one["kind"] == "Deployment")
    pod = deployment["spec"]["template"]["spec"]
    assert int(COMPOSE["services"]["engine"]["stop_grace_period"].removesuffix("s")) > Config().shutdown_timeout
    assert pod["terminationGracePeriodSeconds"] > Config().shutdown_timeout


def test_the_environment_of_deployments_is_what_the_configuration_reads() -> None:
    """No variable is set that the shipped config.yaml does not name."""
    read = set(re.findall(r"\$\{(\w+)", (ROOT / "config.yaml").read_text()))
    values = next(one for one in MANIFESTS if one["kind"] == "ConfigMap")["data"]
    given = {*values, *COMPOSE["services"]["engine"]["environment"]}
    assert set() == {name.removesuffix("_FILE") for name in given} - read


def test_images_are_public_and_pinned() -> None:
    """No `latest` of somebody else's image."""
    images = [one["image"] for one in COMPOSE["services"].values() if "image" in one]
    assert [] == [
        image for image in images if not re.fullmatch(r"docker\.redpanda\.com/redpandadata/\w+:v[\d.]+", image)
    ]
    bases = re.findall(r"^FROM (\S+)", (ROOT / "Dockerfile").read_text(), flags=re.MULTILINE)
    assert ["docker.io/library/python:3.12-slim"] * 2 == bases
