"""What is a secret."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from engine.config.model import Api, BasicAuth, Config, HeaderAuth, Kafka, LoginAuth, Security
from engine.config.secret import Secret
from engine.observe.mask import Mask, secrets_of


@pytest.mark.parametrize(
    "name",
    ["token", "Access-Token", "password", "db_password", "client_secret", "Authorization", "api_key", "X-Api-Key",
     "apikey", "Set-Cookie", "private_key", "passphrase", "credentials"],
)  # fmt: skip
def test_a_field_with_a_secrets_name_is_masked(name: str) -> None:
    """Case, `-` and `_` do not count, and the word may be a part of the name."""
    assert {name: "***"} == Mask().fields({name: "x"})


@pytest.mark.parametrize("name", ["event_id", "key", "topic", "request", "author", "api", "pass", "idempotency_key"])
def test_other_fields_are_left_alone(name: str) -> None:
    """A line without a secret's name is not even copied."""
    mask = Mask()
    line = {name: "x"}
    mask.fields(line)
    assert line is mask.fields(line)


def test_null_is_shown() -> None:
    """That a token is absent is no secret, and often the cause."""
    assert {"token": None} == Mask().fields({"token": None})


def test_a_configured_name_is_masked_as_a_whole_name() -> None:
    """`log.mask: [iban]` hides `iban` and `IBAN`, not `iban_country`."""
    assert {"IBAN": "***", "iban_country": "CH"} == Mask(["iban"]).fields({"IBAN": "x", "iban_country": "CH"})


def test_values_without_end_are_cut() -> None:
    """A value that contains itself ends."""
    value: dict[str, Any] = {}
    value["again"] = value
    assert "..." in str(Mask().fields({"value": value}))


@pytest.mark.parametrize("text", ["s3cr3t/value?", "s3cr3t%2Fvalue%3F"])
def test_a_known_value_is_masked_as_it_is_and_percent_encoded(text: str) -> None:
    """A secret in an URL is still the secret."""
    assert "a *** b" == Mask(secrets=[Secret("s3cr3t/value?")]).text(f"a {text} b")


def test_a_very_short_secret_is_not_searched_for() -> None:
    """A secret of three letters would blank every line."""
    assert "the other" == Mask(secrets=[Secret("the")]).text("the other")


def test_a_rotated_secret_is_masked() -> None:
    """The text of a secret file that was read again is known at once."""
    texts = iter(["second-text"])
    secret = Secret("first-text", source=lambda: next(texts))
    mask = Mask(secrets=[secret])
    assert mask.holds_secret(b"first-text")
    secret.reread()
    assert mask.holds_secret(b"second-text")
    assert "***" == mask.text("second-text")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Authorization: Token abc", "Authorization: Token ***"),
        ('{"password": "abc", "user": "bob"}', '{"password": "***", "user": "bob"}'),
        ("GET /a?access_token=abc&b=1", "GET /a?access_token=***&b=1"),
        ("sent Bearer abc123 to it", "sent Bearer *** to it"),
        ("http://bob:abc@host/path", "http://bob:***@host/path"),
        ("a basic fact, a token of trust", "a basic fact, a token of trust"),
        ("http://host:8080/path", "http://host:8080/path"),
    ],
)
def test_what_looks_like_a_credential_is_masked(text: str, shown: str) -> None:
    """Texts of other libraries quote headers, bodies and URLs."""
    assert shown == Mask().text(text)
    assert (text == shown) or Mask().looks_secret(text.encode())


def test_all_secrets_of_a_configuration_are_found() -> None:
    """At any depth, those of named APIs and of a login body included, and HTTP Basic's pair as it is sent."""
    config = Config(
        kafka=Kafka(security=Security(password=Secret("one"))),
        api=Api(
            auth=LoginAuth(path="/l", body={"user": {"pin": Secret("two")}}, token="t", headers={"a": Secret("3")})
        ),
        apis={"x": Api(auth=HeaderAuth("X", Secret("four"))), "y": Api(auth=BasicAuth("bob", Secret("five")))},
    )
    pair = base64.b64encode(b"bob:five").decode()
    assert {"one", "two", "3", "four", "five", pair} == {secret.reveal() for secret in secrets_of(config)}
