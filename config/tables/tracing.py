"""`[tracing]`: traces of requests and sign-ins, for a collector that speaks OTLP."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator, Field

from config.addresses import PublicURL
from config.frozen_table import FrozenTable
from config.values import Integer


def _collector(value: object) -> object:
    try:
        return PublicURL.parse(value) if isinstance(value, str) else value
    except ValueError:
        raise ValueError('not a collector: write scheme, host and port, such as "http://127.0.0.1:4318"') from None


class TracingSettings(FrozenTable):
    """Traces of requests and sign-ins, in the way of OpenTelemetry. Needs the extra `tracing`."""

    endpoint: Annotated[PublicURL, BeforeValidator(_collector)] | None = None
    """A collector that takes OTLP over HTTP; `/v1/traces` is added. Not set: nothing is traced, and `traceparent` goes
    on to apps as it came."""
    one_in: Annotated[Integer, Field(ge=0)] = 100
    """One of so many requests is recorded, where no trusted proxy has decided it; 0: none of them. The others have a
    `traceparent`, too, which says that they are not recorded."""

    @property
    def is_on(self) -> bool:
        return self.endpoint is not None
