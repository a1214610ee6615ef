"""`engine demo`: the whole thing on embedded parts, in one process."""

from __future__ import annotations

import os
import sys

from engine.demo.show import show


def demo() -> int:
    """Show forty events, from the topic to the API and to the dead letters, in less than 20 seconds.

    Ends the process: 0 where every event ended as it should, else 1.
    """
    code = show(sys.stdout)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)  # threads of librdkafka and of the HTTP transport are still there; see commands.run
