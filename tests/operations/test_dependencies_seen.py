"""Which servers answer, by the metrics of all workers."""

from __future__ import annotations

from proxy.operations.dependencies_seen import Up, seen_in

TOLD = """# HELP gatepost_upstream_server_up 1 where ...
# TYPE gatepost_upstream_server_up gauge
gatepost_upstream_server_up{{app="Wiki",server="http://10.0.0.5:8080"}} 1.0
gatepost_upstream_server_up{{app="Wiki",server="http://10.0.0.6:8080"}} {second}
gatepost_upstream_failures_total{{app="Wiki"}} 3.0
gatepost_sign_ins_total{{outcome="succeeded",realm="corp"}} 7.0
gatepost_directory_server_up{{realm="corp",server="dc1.corp.example:636"}} {second}
gatepost_relay_up{{relay="smtp.corp.example:587"}} 0.0
"""


def test_what_all_workers_tell_is_counted_together() -> None:
    seen = seen_in({1: TOLD.format(second="1.0"), 2: TOLD.format(second="0.0"), 3: None})
    first, second = ("Wiki", "http://10.0.0.5:8080"), ("Wiki", "http://10.0.0.6:8080")
    assert seen.servers == {first: Up(2, 2), second: Up(1, 2)}
    assert [up.is_up for up in seen.servers.values()] == [True, False]
    assert seen.failures == {"Wiki": 6}
    assert seen.directories == {("corp", "dc1.corp.example:636"): Up(1, 2)}
    assert seen.relays == {"smtp.corp.example:587": Up(0, 2)}
    assert seen.silent == (3,)


def test_nothing_told_is_nothing_seen() -> None:
    assert seen_in({}).servers == seen_in({1: ""}).relays == {}
