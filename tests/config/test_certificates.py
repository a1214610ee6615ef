"""PEM files are looked into when the config is read."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization

from engine.config.certificates import authority_problem, key_problem
from engine.config.load import ConfigInvalid, load_config
from tests.services.certificates import Certificates


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (None, "cannot be read: No such file or directory"),
        (b"", "holds no certificate in PEM format, or a broken one"),
        (b"garbage", "holds no certificate in PEM format, or a broken one"),
        (
            b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
            "holds no certificate in PEM format, or a broken one",
        ),
    ],
)  # fmt: skip
def test_a_broken_authority_file_is_told(tmp_path: Path, content: bytes | None, problem: str) -> None:
    """A client library may accept garbage silently and then trust nobody, or everybody."""
    if content is not None:
        (tmp_path / "ca.pem").write_bytes(content)
    assert problem == authority_problem(tmp_path / "ca.pem")


def test_sound_files_have_no_problem(certificates: Certificates) -> None:
    """An authority, and a certificate with its key."""
    assert "" == authority_problem(certificates.ca)
    assert "" == key_problem(certificates.client, certificates.client_key)


def test_a_key_of_another_certificate_is_told(certificates: Certificates) -> None:
    """Two files that were mixed up."""
    assert "does not belong to the certificate beside it" == key_problem(certificates.client, certificates.server_key)


def test_a_broken_key_is_told(certificates: Certificates, tmp_path: Path) -> None:
    """A certificate is no key, and a key that is not there is none either."""
    assert "holds no private key in PEM format, or a broken one" == key_problem(certificates.client, certificates.ca)
    assert key_problem(certificates.client, tmp_path / "nope").startswith("cannot be read")


def test_an_encrypted_key_never_asks_on_the_terminal(certificates: Certificates, tmp_path: Path) -> None:
    """Nobody sits there; with the password that librdkafka is given it opens."""
    key = serialization.load_pem_private_key(certificates.client_key.read_bytes(), None)
    pem = serialization.Encoding.PEM
    lock = serialization.BestAvailableEncryption(b"pw")
    (tmp_path / "k.pem").write_bytes(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, lock))
    assert "is encrypted; store it unencrypted" == key_problem(certificates.client, tmp_path / "k.pem")
    assert "is encrypted, and its password is wrong" == key_problem(certificates.client, tmp_path / "k.pem", "no")
    assert "" == key_problem(certificates.client, tmp_path / "k.pem", "pw")


def test_problems_are_found_at_the_keys_of_the_config(certificates: Certificates, tmp_path: Path) -> None:
    """Everywhere a file can be named; relative paths start at the config's folder."""
    (tmp_path / "bad.pem").write_text("garbage")
    (tmp_path / "c.yaml").write_text(
        f"kafka:\n  security: {{protocol: ssl, ca: {certificates.ca}}}\n"
        f"api:\n  ca: bad.pem\n  certificate: {certificates.client}\n  key: {certificates.server_key}\n"
    )
    with pytest.raises(ConfigInvalid) as caught:
        load_config(tmp_path / "c.yaml", {})
    assert [(4, "api.ca"), (6, "api.key")] == [
        (one.span.line, one.message.split(":")[0]) for one in caught.value.findings
    ]
