"""Files of an S3 store, through obstore (the extra `s3`); imported only where a bucket is configured."""

from __future__ import annotations

import asyncio
import re
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import obstore
from obstore.exceptions import BaseError, PermissionDeniedError, UnauthenticatedError
from obstore.store import S3Store

from engine.api.files import bucket_and_key
from engine.config.model import S3
from engine.errors import Stage, Transient, Undeliverable

if TYPE_CHECKING:  # the library has it for type checkers only
    from obstore.store import S3Credential

_STATUS = re.compile(r"status code: ([1-5][0-9][0-9])\b")
_LATER = frozenset({408, 429})
_NO_BUCKET = "<Code>NoSuchBucket</Code>"
_HARDLY_THERE = "engine-doctor"  # a key


class S3Files:
    """The configured buckets. A store is made when its bucket is first asked; retries are the request's own."""

    def __init__(self, config: S3) -> None:
        self._config = config
        self._stores: dict[str, S3Store] = {}

    async def fetch(self, url: str, before: int) -> bytes:
        """See `api.files.Store`."""
        found = bucket_and_key(url)
        if found is None or found[0] not in self._config.buckets:
            raise Undeliverable(Stage.RENDER, f"{url}: its bucket is not one of files.s3.buckets")
        try:
            async with asyncio.timeout(self._config.timeout):
                return await self._read(url, *found, before)
        except FileNotFoundError as error:
            what = "bucket" if _NO_BUCKET in str(error) else "file"
            raise Undeliverable(Stage.REQUEST, f"{url}: the store has no such {what}") from error
        except (PermissionDeniedError, UnauthenticatedError) as error:
            raise Undeliverable(Stage.REQUEST, f"{url}: the store denies to read it") from error
        except TimeoutError as error:
            raise Transient(f"{url}: the store gave no whole answer in time", reason="timeout") from error
        except BaseError as error:
            raise _failure(url, error) from error

    async def probe(self, bucket: str) -> None:
        """See `api.files.Store`."""
        try:
            await self.fetch(f"s3://{bucket}/{_HARDLY_THERE}", 0)
        except Undeliverable as error:
            cause = error.__cause__
            if not isinstance(cause, FileNotFoundError) or _NO_BUCKET in str(cause):
                raise

    async def _read(self, url: str, bucket: str, key: str, before: int) -> bytes:
        try:
            return await self._once(url, bucket, key, before)
        except (PermissionDeniedError, UnauthenticatedError):
            if not self._renewed():
                raise
        return await self._once(url, bucket, key, before)

    async def _once(self, url: str, bucket: str, key: str, before: int) -> bytes:
        found = await obstore.get_async(self._store(bucket), key)
        size, limit = found.meta["size"], self._config.limit
        if before + size > limit:
            others = f" beside {before} bytes of other files" if before else ""
            text = f"{url}: has {size} bytes{others}, files.s3.limit allows {limit}"
            raise Undeliverable(Stage.REQUEST, text)
        return bytes(await found.bytes_async())

    def _renewed(self) -> bool:
        """Whether the files of the credentials hold others now; then the stores are made anew."""
        before = self._credentials()
        for secret in (self._config.access_key, self._config.secret_key):
            if secret is not None:
                secret.reread()
        if before == self._credentials():
            return False
        self._stores.clear()
        return True

    def _store(self, bucket: str) -> S3Store:
        store = self._stores.get(bucket)
        if store is None:
            config = self._config
            address = {"endpoint": config.endpoint, "region": config.region}
            settings: dict[str, Any] = {name: value for name, value in address.items() if value is not None}
            credentials = self._credentials()
            if credentials is not None:  # as a provider: else a session token of the environment would be added
                settings["credential_provider"] = lambda: credentials
            store = self._stores[bucket] = S3Store(
                bucket,
                **settings,
                client_options={
                    "allow_http": (config.endpoint or "").startswith("http://"),
                    "timeout": timedelta(seconds=config.timeout),
                },
                retry_config={"max_retries": 0},
            )
        return store

    def _credentials(self) -> S3Credential | None:
        """None configured: those of the environment or the machine."""
        access, secret = self._config.access_key, self._config.secret_key
        if access is None or secret is None:
            return None
        return {"access_key_id": access.reveal(), "secret_access_key": secret.reveal(), "expires_at": None}


def _failure(url: str, error: BaseError) -> Transient | Undeliverable:
    """By the status, which the library tells in its text only; the text itself may hold more than a log should."""
    match = _STATUS.search(str(error))
    if match is None:
        return Transient(f"{url}: the store gave no answer")
    status = int(match[1])
    text = f"{url}: the store answered {status}"
    if status // 100 == 4 and status not in _LATER:
        return Undeliverable(Stage.REQUEST, text)
    return Transient(text)
