"""`engine init`: a new project that validates and passes its tests."""

from __future__ import annotations

from pathlib import Path

import click

from engine.findings import many
from engine.scaffold.project import EXAMPLE, project
from engine.scaffold.writing import Fate, write


def init(folder: Path) -> int:
    """Write the files of a project; none that is there is touched.

    Returns:
        0: the project is there. 1: other files of some of its names were kept.

    Raises:
        Unusable: the folder cannot be written.
    """
    fates = write(project(folder))
    for file, fate in fates:
        click.echo(f"{file.path}: {fate}")
    kept = sum(fate is Fate.KEPT for _, fate in fates)
    if kept:
        click.echo(f"{many(kept, 'file')} kept as found; compare them with those of a new folder", err=True)
        return 1
    config = folder / "config.yaml"
    click.echo(f"\nNext: engine validate-rules --config {config}", err=True)
    click.echo(f"      engine explain --config {config} {folder / 'events' / EXAMPLE}.json", err=True)
    return 0
