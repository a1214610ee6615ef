"""Where the files that come with the engine are: its rules and schemas."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from engine.errors import Unusable

# In a checkout they stand at its top; the wheel carries them inside the package (pyproject: force-include).
_PLACES = {"rules": "shipped_rules", "schemas": "schemas"}


def shipped(name: Literal["rules", "schemas"]) -> Path:
    """The folder of the shipped rules or schemas.

    Raises:
        Unusable: the installation is broken.
    """
    package = Path(__file__).parent.parent
    for folder in (package / _PLACES[name], package.parent / name):
        if folder.is_dir():
            return folder
    raise Unusable(f"the folder {name} is missing from the installation; install the engine again")
