"""The world of a fault test: that of the end-to-end tests."""

from __future__ import annotations

from tests.e2e.conftest import world

__all__ = ["world"]
