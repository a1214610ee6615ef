"""Tests of engine/api/auth."""
