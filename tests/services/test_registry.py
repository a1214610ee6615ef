"""The registry of the tests behaves as Confluent's does where the engine relies on it."""

from __future__ import annotations

import ssl
import urllib.error
import urllib.request

import pytest

from tests.services.registry import Registry

pytestmark = pytest.mark.services

_RECORD = {"type": "record", "name": "thing", "fields": [{"name": "a", "type": "string"}]}


def _status(url: str, context: ssl.SSLContext | None = None) -> int:
    try:
        with urllib.request.urlopen(url, timeout=10, context=context) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code


def test_the_same_schema_keeps_its_id(registry: Registry) -> None:
    """Registering twice is one schema."""
    assert registry.register("same", _RECORD) == registry.register("same", _RECORD)


def test_a_registered_schema_is_found_by_its_id(registry: Registry) -> None:
    """The id of a registered schema answers 200, an unknown one 404."""
    schema_id = registry.register("found", _RECORD)
    assert 200 == _status(f"{registry.url}/schemas/ids/{schema_id}")
    assert 404 == _status(f"{registry.url}/schemas/ids/999999")


def test_an_incompatible_schema_is_refused(registry: Registry) -> None:
    """Compatibility is BACKWARD, as in Confluent's and Redpanda's registries."""
    registry.register("strict", _RECORD)
    with pytest.raises(urllib.error.HTTPError) as refused:
        registry.register("strict", _RECORD | {"fields": [{"name": "b", "type": "int"}]})
    refused.value.close()
    assert 409 == refused.value.code


def test_the_secured_registry_wants_credentials(registry_secured: Registry) -> None:
    """TLS by the tests' own authority; without credentials 401, with them it registers."""
    assert registry_secured.certificates is not None
    context = ssl.create_default_context(cafile=registry_secured.certificates.ca)
    assert 401 == _status(f"{registry_secured.secure_url}/subjects", context)
    assert registry_secured.register("secured", _RECORD) > 0
