"""Tests of engine/api/transports, against a server that speaks bytes."""
