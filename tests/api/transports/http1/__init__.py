"""Tests of engine.api.transports.http1."""
