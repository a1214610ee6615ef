"""A client for each configured API."""

from __future__ import annotations

import random as _random
import time
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import cast

from engine.api.client import Client
from engine.api.contract import Contract
from engine.api.files import Store
from engine.api.gate import OnOutage
from engine.api.tls import read_tls
from engine.api.transports import open_transport
from engine.config.model import S3, Api, Config
from engine.errors import Unusable


def build_clients(
    config: Config,
    *,
    clock: Callable[[], float] = time.monotonic,
    random: Callable[[], float] = _random.random,
    on_outage: OnOutage | None = None,
) -> Mapping[str, Client]:
    """One client an API by its name, "" for `api`. Certificates and documents are read now; nothing connects yet.

    Args:
        config: all of it.
        clock: seconds of a monotonic clock.
        random: gives numbers in [0, 1).
        on_outage: told an API's name and whether it is away, at each change.

    Raises:
        Unusable: a URL, certificate, credential or OpenAPI document cannot be used; says which.
    """
    files = open_files(config.files.s3)

    def client(api: Api) -> Client:
        contract = None if api.openapi is None else Contract.load(api.openapi)
        return Client(
            api,
            config.retry,
            config.outage,
            config.limits,
            transport=open_transport(api, read_tls(api)),
            clock=clock,
            random=random,
            contract=contract,
            on_outage=on_outage,
            files=files,
        )

    return {api.name: client(api) for api in (config.api, *config.apis.values())}


def open_files(s3: S3) -> Store | None:
    """The store of files; None where no bucket is configured. Nothing connects yet.

    Raises:
        Unusable: the extra `s3` is not installed.
    """
    if not s3.buckets:
        return None
    try:  # the one module that needs the extra
        module = import_module("engine.api.s3")
    except ImportError as error:
        text = "files.s3: needs the extra 's3', which is not installed: pip install 'ciso-event-engine[s3]'"
        raise Unusable(text) from error
    return cast("Callable[[S3], Store]", module.S3Files)(s3)
