"""Events on a Kafka-compatible topic become authenticated HTTP API requests, by rules written in YAML."""

__version__ = "0.1.0"
