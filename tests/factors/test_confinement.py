"""What two limits leave open together."""

from __future__ import annotations

from proxy.factors.confinement import Confinement, narrowed


def test_a_pass_widens_nothing_that_was_limited_before() -> None:
    to_wiki = Confinement(apps=("Wiki",))
    of_pass = Confinement(apps=("Wiki", "Payroll"), pass_id="p", ends_at=100.0)
    assert narrowed(to_wiki, of_pass) == Confinement(apps=("Wiki",), pass_id="p", ends_at=100.0)
    assert narrowed(Confinement(apps=("Forms",)), of_pass) == Confinement(apps=(), pass_id="p", ends_at=100.0)


def test_what_is_limited_stays_so() -> None:
    only = Confinement(apps=("Wiki",), credential_id="c", methods=("GET",), networks=("10.0.0.0/8",))
    assert narrowed(only, None) == only
    assert narrowed(None, only) == only
    assert narrowed(None, None) is None
    assert narrowed(only, Confinement(apps=("Wiki", "Forms"))) == only
