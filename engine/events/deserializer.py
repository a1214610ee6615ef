"""The decoder as Quix Streams wants it: a Deserializer, used through `Topic.deserialize`."""

from __future__ import annotations

from typing import Any

from engine.events.decoder import Decoder
from engine.quix import Deserializer, SerializationContext


class EventDeserializer(Deserializer):
    """Decodes a value with the headers of its message.

    Raises the decoder's errors as they are (Undeliverable, SchemaPending): the consumer loop still has the bytes.
    """

    def __init__(self, decoder: Decoder) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._record = decoder.record

    def __call__(self, value: bytes, ctx: SerializationContext) -> dict[str, Any]:
        """Decode one value.

        Raises:
            Undeliverable: stage decode.
            SchemaPending: the writer's schema must be fetched first.
        """
        return self._record(value, ctx.headers)
