"""Tests of rules, written in YAML beside them."""
