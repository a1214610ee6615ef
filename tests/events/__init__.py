"""Bytes to events: decoding, schemas, the registry."""
