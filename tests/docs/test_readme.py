"""The README's first screen is true."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

README = Path(__file__).parents[2] / "README.md"
_RULE = re.search(r"```yaml\n(.*?)```", README.read_text(), re.DOTALL)
_CHECKED = re.search(r"```console\n\$ engine (validate-rules \S+)\n(.*?)```", README.read_text(), re.DOTALL)


def _validate(folder: Path, rule: str, arguments: str) -> str:
    (folder / "rules").mkdir()
    (folder / "rules" / "close_incident.yaml").write_text(rule)
    command = [sys.executable, "-m", "engine", *arguments.split()]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    return done.stdout.rstrip("\n") + "\n" + done.stderr


@pytest.mark.parametrize("broken", [False, True])
def test_the_rule_and_its_mistake(tmp_path: Path, broken: bool) -> None:
    """The rule has no finding; with the mistake the output is the one that is shown."""
    assert _RULE
    assert _CHECKED
    rule = _RULE[1].replace("body:", "boddy:") if broken else _RULE[1]
    expected = _CHECKED[2] if broken else "\n1 rule in 1 file: no findings\n"
    assert expected == _validate(tmp_path, rule, _CHECKED[1])
