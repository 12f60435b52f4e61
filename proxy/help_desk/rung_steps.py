"""What is said of the rungs of `[[degrade]]` that are in force: pure. What follows from them the dry run decides."""

from __future__ import annotations

from config.settings import RungKind
from proxy.degrade.in_force import RungInForce
from proxy.help_desk.verdict import Cause, Step, StepName, Who
from proxy.languages.current import N_
from proxy.languages.current import gettext as _
from proxy.sign_in.foreseen import Foreseen

_WHY = {
    RungKind.MAIL: N_("no codes are sent by text message just now"),
    RungKind.REMEMBERED: N_("no codes are sent by text message just now"),
    RungKind.CLOSED: N_("nobody can sign in just now"),
}


def rung_steps(foreseen: Foreseen) -> list[Step]:
    return [_step(rung, foreseen) for rung in foreseen.degraded.rungs]


def _step(rung: RungInForce, foreseen: Foreseen) -> Step:
    what = rung.settings.what
    blocks = foreseen.is_closed if what is RungKind.CLOSED else what in _WHY and foreseen.lacks_sms
    cause = None
    if blocks:
        todo = _("wait, or let it be ended (gatepost degrade --end)")
        cause = Cause(why=_(_WHY[what]), what=todo, who=Who.OPERATOR, until=rung.ends_at)
    return Step(
        name=StepName.DEGRADE,
        ok=False if blocks else None,
        detail=_('"%(rung)s" is in force for a while', rung=rung.settings.name),
        moments=(("until", rung.ends_at),),
        cause=cause,
    )
