"""What a client connection and an exchange may do, and what may follow what: the two tables, and nothing else.

A connection to an upstream has its own (`proxy.upstreams.connection`).
"""

from __future__ import annotations

from enum import auto

from proxy.http.states import ConnectionState


class ClientState(ConnectionState):
    READING = auto()
    """Between requests, or within the head of one."""
    DECIDING = auto()
    """What becomes of a request waits for the store."""
    SERVING = auto()
    """A request is served: `served`."""
    ENDING = auto()
    """It was told its last answer. What still comes is thrown away, so that it gets to see that."""
    TUNNEL = auto()
    """Another protocol goes on with its transport."""
    OVER = auto()
    """Its transport is gone."""


ClientState.set_table(
    {
        # A request that is answered at once leaves no trace here.
        ClientState.READING: (ClientState.SERVING, ClientState.DECIDING, ClientState.ENDING, ClientState.OVER),
        ClientState.DECIDING: (ClientState.READING, ClientState.SERVING, ClientState.ENDING, ClientState.OVER),
        ClientState.SERVING: (
            *(ClientState.READING, ClientState.SERVING, ClientState.ENDING, ClientState.TUNNEL, ClientState.OVER),
        ),
        ClientState.ENDING: (ClientState.OVER,),
    }
)


class ExchangeState(ConnectionState):
    CONNECTING = auto()
    """No connection yet, or none any more: nothing of the request was sent, or it will be sent once more."""
    ASKING = auto()
    """The request is on its way, or sent, and nothing of the final answer has come."""
    ANSWERING = auto()
    """The first byte of the final answer went to the client."""
    OVER = auto()
    """It ended, well or not, or became a tunnel."""


ExchangeState.set_table(
    {
        ExchangeState.CONNECTING: (ExchangeState.ASKING, ExchangeState.OVER),
        ExchangeState.ASKING: (ExchangeState.ANSWERING, ExchangeState.OVER, ExchangeState.CONNECTING),
        ExchangeState.ANSWERING: (ExchangeState.OVER,),
    }
)
