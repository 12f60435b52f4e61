"""`[tracing]`: traces of requests and sign-ins, for a collector that speaks OTLP."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator, Field

from config.addresses import PublicURL
from config.frozen_table import FrozenTable


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
    share: Annotated[float, Field(gt=0, le=1)] = 0.01
    """The share of requests that are traced, where no trusted proxy has decided it. Each of the others has a
    `traceparent`, too, which says that it is not recorded."""

    @property
    def is_on(self) -> bool:
        return self.endpoint is not None
