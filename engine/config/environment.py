"""`${NAME}`, `${NAME:-default}` and NAME_FILE: what stands in the environment goes into config.yaml's values."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

_VARIABLE = re.compile(
    r"\$(?P<escape>\$\{)|\$\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?P<default>[^}]*))?\}|(?P<broken>\$\{[^}]*\}?)"
)
_MAX_SECRET_FILE = 64 * 1024  # bytes


@dataclass(frozen=True, slots=True)
class Fault:
    """A variable that could not be filled: characters `start`..`end` of the value, and what to do."""

    start: int
    end: int
    check: str
    message: str
    help: str = ""


@dataclass(frozen=True, slots=True)
class Filled:
    """A value with its variables filled in.

    Attributes:
        text: the value; variables with a fault stand as they were written.
        variables: how many there were.
        from_file: one of them was read from a file, so reading again may give another text.
        faults: variables that are not set, or not written as one.
    """

    text: str
    variables: int = 0
    from_file: bool = False
    faults: tuple[Fault, ...] = ()


def fill(text: str, environ: Mapping[str, str]) -> Filled:
    """Fill the variables of one value; `$${` stands for a literal `${`."""
    if "${" not in text:
        return Filled(text)
    parts: list[str] = []
    faults: list[Fault] = []
    variables, from_file, behind = 0, False, 0
    for match in _VARIABLE.finditer(text):
        parts.append(text[behind : match.start()])
        behind = match.end()
        if match["escape"]:
            parts.append("${")
            continue
        variables += 1
        found = _look_up(match, environ)
        if isinstance(found, Fault):
            faults.append(found)
            parts.append(match.group())
        else:
            parts.append(found[0])
            from_file |= found[1]
    return Filled("".join((*parts, text[behind:])), variables, from_file, tuple(faults))


def refill(text: str, environ: Mapping[str, str]) -> str:
    """Fill a value again, for a secret whose file was rotated.

    Raises:
        OSError: a file is away, empty or no text at the moment.
    """
    filled = fill(text, environ)
    if filled.faults:
        raise OSError(filled.faults[0].message)
    return filled.text


def _look_up(match: re.Match[str], environ: Mapping[str, str]) -> tuple[str, bool] | Fault:
    """The text, and whether it came from a file: NAME, else the file that NAME_FILE names, else the default."""
    name, default = match["name"], match["default"]
    if name is None:
        message = f"'{match.group()}' is not a variable"
        return Fault(
            match.start(),
            match.end(),
            "wrong-variable",
            message,
            "write ${NAME} or ${NAME:-default}; $${ for a literal ${",
        )
    if environ.get(name):
        return environ[name], False
    if environ.get(f"{name}_FILE"):
        return _read(match, f"{name}_FILE", environ[f"{name}_FILE"])
    if default is not None:
        return default, False
    state = "empty" if name in environ else "not set"
    help_ = f"set {name}, name a file in {name}_FILE, or write ${{{name}:-default}}"
    return Fault(match.start(), match.end(), "unset-variable", f"{name} is {state} in the environment", help_)


def _read(match: re.Match[str], variable: str, file: str) -> tuple[str, bool] | Fault:
    """Read a secret's file, without the line feed that editors and `echo` put at its end."""
    try:
        with Path(file).open("rb") as stream:
            content = stream.read(_MAX_SECRET_FILE + 1)
        text = content.decode("utf-8").rstrip("\r\n")
    except OSError as error:
        problem = f"cannot be read: {error.strerror or error}"
    except ValueError:
        problem = "is not UTF-8 text"
    else:
        if text and len(content) <= _MAX_SECRET_FILE:
            return text, True
        problem = "is larger than 64 KiB" if text else "is empty"
    return Fault(match.start(), match.end(), "unreadable-file", f"the file that {variable} names {problem}: {file}")
