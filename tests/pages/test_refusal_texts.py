"""Every reason that somebody can be told has its words."""

from directory.directory import RefusalReason
from proxy.factors.second_factor import Lack
from proxy.pages.refusal_texts import LACKS, STOPPED


def test_whatever_somebody_lacks_has_words() -> None:
    assert LACKS.keys() == {lack.value for lack in Lack}


def test_what_stops_an_account_has_words_where_it_may_be_told() -> None:
    told = {each.value for each in RefusalReason if each.password_proven and not each.is_fixed_by_a_change}
    assert told <= STOPPED.keys()
