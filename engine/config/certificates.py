"""Looks into PEM files when the config is read: a client library may accept a broken one silently."""

from __future__ import annotations

from pathlib import Path


def file_problem(path: Path) -> str:
    """Why a file cannot be read; "" where it can."""
    try:
        with path.open("rb") as stream:
            stream.read(1)
    except OSError as error:
        return f"cannot be read: {error.strerror or error}"
    return ""


def authority_problem(path: Path) -> str:
    """What is wrong with a file of certificates; "" where it holds at least one and all of it parses."""
    unreadable = file_problem(path)
    if unreadable:
        return unreadable
    import ssl  # noqa: PLC0415 - slow, and many a verb reads a configuration that names no certificate

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        context.load_verify_locations(cafile=path)
    except (ssl.SSLError, OSError, ValueError):
        return "holds no certificate in PEM format, or a broken one"
    return "" if context.cert_store_stats()["x509"] else "holds no certificate in PEM format"


def key_problem(certificate: Path, key: Path, password: str | None = None) -> str:
    """What is wrong with a private key beside a sound certificate; "" where the two belong together."""
    unreadable = file_problem(key)
    if unreadable:
        return unreadable
    import ssl  # noqa: PLC0415 - as above

    asked: list[bool] = []

    def answer() -> str:
        """Never let OpenSSL ask on the terminal."""
        asked.append(True)
        return password or ""

    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_cert_chain(certificate, key, answer)
    except (ssl.SSLError, OSError, ValueError) as error:
        if asked:
            return "is encrypted, and its password is wrong" if password else "is encrypted; store it unencrypted"
        if getattr(error, "reason", "") == "KEY_VALUES_MISMATCH":
            return "does not belong to the certificate beside it"
        return "holds no private key in PEM format, or a broken one"
    return ""
