"""The entry of the process, of `engine` and of `python -m engine`: what cannot wait for the import of the verbs."""

from __future__ import annotations

import signal
import sys


def main() -> None:
    """Run the command line.

    For `run`, signals are remembered from here on: the imports take a moment, and a signal in it would end the process
    by its default, with 143 for SIGTERM, as if something had failed.
    """
    heard: list[int] = []
    if sys.argv[1:2] == ["run"]:
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, lambda number, _frame: heard.append(number))
    import gc  # noqa: PLC0415 - after the handlers, as all that follows

    gc.set_threshold(20_000, *gc.get_threshold()[1:])  # what is imported stays: 70 collections would find nothing
    from engine.cli import main as verbs  # noqa: PLC0415

    verbs(heard=heard)


if __name__ == "__main__":
    main()
