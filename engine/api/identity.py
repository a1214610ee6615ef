"""How the engine names itself."""

from __future__ import annotations

from engine import __version__

USER_AGENT = f"ciso-event-engine/{__version__}"
