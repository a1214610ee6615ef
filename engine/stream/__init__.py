"""Kafka: the consumer, lanes, progress, dead letters, topics."""
