"""A connection goes from state to state as its table says, and not otherwise."""

from __future__ import annotations

from itertools import product

import pytest

from proxy.forwarding.states import ClientState, ExchangeState
from proxy.http.states import ConnectionState
from proxy.upstreams.connection import UpstreamState

PAIRS = [pair for kind in (ClientState, ExchangeState, UpstreamState) for pair in product(kind, kind)]
ENDS = {ClientState.OVER, ClientState.TUNNEL, ExchangeState.OVER, UpstreamState.CLOSED}


@pytest.mark.parametrize(("state", "then"), PAIRS, ids=str)
def test_what_the_table_does_not_allow_raises(state: ConnectionState, then: ConnectionState) -> None:
    if then in state.then:
        assert state.then[then] is then
    else:
        with pytest.raises(KeyError, match=str(then)):
            state.then[then]


@pytest.mark.parametrize("kind", [ClientState, ExchangeState, UpstreamState])
def test_from_every_state_but_the_last_there_is_a_way_to_the_end(kind: type[ConnectionState]) -> None:
    for state in kind:
        assert bool(set(state.then) & ENDS) is (state not in ENDS)
