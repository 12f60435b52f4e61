"""Which path rule decides on a request to an app, or on one that another proxy asks about: pure."""

from __future__ import annotations

from proxy.access.paths import Ambiguous
from proxy.access.rules import AppRules, PathRule
from proxy.forwarding.client_places import ClientPlaces
from proxy.forwarding.overrides import refuse_contradictions
from proxy.http.problem import Problem
from proxy.http.request_head import RefusedHead, RequestHead


def choose_rule(head: RequestHead, rules: AppRules, places: ClientPlaces) -> PathRule | None:
    """The rule that decides; raises `RefusedHead` where none can, or where it is not open from here."""
    asked = head.question or head
    rule = rules.choose(asked.method, asked.target)
    if isinstance(rule, Ambiguous):
        raise RefusedHead(Problem.AMBIGUOUS_REQUEST, "path: " + rule.reason)
    refuse_contradictions(head, rules, rule)
    if rule is not None and not rule.is_open_from(places.of(head).address):
        raise RefusedHead(Problem.NOT_FROM_HERE, "networks")
    return rule
