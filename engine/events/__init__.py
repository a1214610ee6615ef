"""Bytes of a topic become events: framing, schemas, envelope."""
