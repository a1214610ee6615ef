"""The files of a new project."""

from __future__ import annotations

from pathlib import Path

from engine.demo.shipped import shipped
from engine.scaffold.writing import NewFile

EXAMPLE = "update_applied_control_status"
_TEMPLATES = Path(__file__).parent / "templates"
_OWN = ("config.yaml", "compose.yaml", "README.md", f"events/{EXAMPLE}.json")
_RULES = (f"{EXAMPLE}.yaml", f"{EXAMPLE}.test.yaml")
_SCHEMAS = (
    f"events/{EXAMPLE}_v1.avsc",
    "rule.schema.json",
    "rule-test.schema.json",
    "config.schema.json",
    "answers.schema.json",
    "ciso-assistant.openapi.json",
)


def project(folder: Path) -> list[NewFile]:
    """All files of a project in `folder`: what `run`, the checks and editors need, and one rule to begin with.

    Raises:
        Unusable: the installation is broken.
    """
    return [
        *(NewFile(folder / name, (_TEMPLATES / name).read_bytes()) for name in _OWN),
        NewFile(folder / ".gitignore", (_TEMPLATES / "gitignore").read_bytes()),
        *(NewFile(folder / "rules" / name, (shipped("rules") / name).read_bytes()) for name in _RULES),
        *(NewFile(folder / "schemas" / name, (shipped("schemas") / name).read_bytes()) for name in _SCHEMAS),
    ]
