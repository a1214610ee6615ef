"""Certificates of an API, read and proven when the engine starts: a garbage CA file would otherwise be ignored."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path

from engine.config.model import Api
from engine.errors import Unusable


@dataclass(frozen=True, slots=True)
class Tls:
    """PEM texts and the context made of them.

    Attributes:
        ca: further authorities to trust, besides the usual ones; None for none.
        identity: the client's certificate and key in one text; None for none.
        context: the same for the standard library's TLS.
    """

    ca: bytes | None
    identity: bytes | None
    context: ssl.SSLContext


def read_tls(api: Api) -> Tls:
    """Read `ca`, `certificate` and `key` of an API and prove that they fit each other.

    Raises:
        Unusable: a file is unreadable or no such certificate, or the key does not fit; names the key and the file.
    """
    place = f"apis.{api.name}" if api.name else "api"
    context = ssl.create_default_context()
    ca = None
    if api.ca is not None:
        ca = _read(api.ca, f"{place}.ca")
        _trust(context, api.ca, ca, place)
    if api.certificate is None:
        if api.key is not None:
            raise Unusable(f"{place}.key is set without {place}.certificate; set both or none")
        return Tls(ca, None, context)
    identity = _identity(context, api.certificate, api.key, place)
    return Tls(ca, identity, context)


def _trust(context: ssl.SSLContext, path: Path, pem: bytes, place: str) -> None:
    try:
        context.load_verify_locations(cadata=pem.decode("ascii"))
    except (ssl.SSLError, ValueError) as error:
        raise Unusable(f"{place}.ca: {path} holds no PEM certificate") from error


def _identity(context: ssl.SSLContext, certificate: Path, key: Path | None, place: str) -> bytes:
    chain = _read(certificate, f"{place}.certificate")
    secret = b"" if key is None else _read(key, f"{place}.key")
    try:
        context.load_cert_chain(certificate, key, password=_no_password)
    except (ssl.SSLError, ValueError, OSError) as error:
        raise Unusable(
            f"{place}.certificate: {certificate} and key {key or certificate} are no PEM certificate with its"
            " unencrypted private key"
        ) from error
    return chain + b"\n" + secret


def _no_password() -> str:
    # Without a callback OpenSSL would ask on the terminal.
    raise ValueError("the key is encrypted")


def _read(path: Path, place: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise Unusable(f"{place}: cannot read {path}: {error.strerror}") from error
