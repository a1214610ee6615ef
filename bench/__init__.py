"""Measurements: events a second beside a bare peer (`bench.run`), and what a kill costs (`bench.kill`)."""
