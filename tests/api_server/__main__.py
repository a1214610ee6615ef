"""`python -m tests.api_server`: prints the URLs of the API and of its controls, then serves until SIGTERM."""

from __future__ import annotations

import argparse
import asyncio
import gc
import sys
from pathlib import Path

import uvloop

from tests.api_server.app import App
from tests.api_server.document import Document
from tests.api_server.server import HOST, Server
from tests.services.process import free_port

_DOCUMENT = Path(__file__).parents[2] / "schemas" / "ciso-assistant.openapi.json"


def main() -> None:
    """Serve."""
    parser = argparse.ArgumentParser(prog="python -m tests.api_server", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="of the API; 0: any free one")
    parser.add_argument("--control-port", type=int, default=0, help="of the controls; 0: any free one")
    parser.add_argument("--controls", type=int, default=10, help="applied controls AC-1, AC-2 ... in the beginning")
    parser.add_argument("--document", type=Path, default=_DOCUMENT, help="the OpenAPI document to check against")
    options = parser.parse_args()
    app = App(Document(options.document), controls=options.controls)
    gc.freeze()  # the document is large and stays
    server = Server(app, options.port or free_port(), options.control_port or free_port())
    uvloop.run(_serve(server))


async def _serve(server: Server) -> None:
    await server.start()
    sys.stdout.write(f"http://{HOST}:{server.port}/api\nhttp://{HOST}:{server.control_port}\n")
    sys.stdout.flush()
    await asyncio.Event().wait()


if __name__ == "__main__":
    main()
