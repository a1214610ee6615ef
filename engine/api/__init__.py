"""Requests become answers: authentication, limits, retries, outages, transports."""
