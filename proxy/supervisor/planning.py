"""What a child makes of the configuration file: the plan, and the settings that it leaves in sealed memory."""

from __future__ import annotations

import asyncio
import os
from functools import partial
from pathlib import Path

from proxy.supervisor.children import Children
from proxy.supervisor.orders import OPENS, Plan, PlanOrder

PLAN = "proxy.commands.plan"
PLAN_SECONDS = 60.0


class PlanRefused(Exception):
    """A configuration that cannot come into force; `problems` are lines."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


async def make_plan(config: Path, children: Children, *, rehearsal: str = "", tables: str = "") -> tuple[Plan, int]:
    """What a child makes of the file; and where it left the settings. The rest is of the outline in force.

    Raises `PlanRefused`.
    """
    settings = os.memfd_create("gatepost-settings", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    try:
        child = await children.start(
            PLAN,
            partial(PlanOrder, config=str(config), settings=settings, opens=OPENS, rehearsal=rehearsal, tables=tables),
            [settings],
        )
        try:
            async with asyncio.timeout(PLAN_SECONDS):
                text = await child.read_all()
                await child.ended.wait()
        except TimeoutError:
            raise PlanRefused((f"{config}: reading the configuration took too long",)) from None
        finally:
            child.kill()
        try:
            plan = Plan.from_json(text)
        except ValueError:
            raise PlanRefused((f"{config}: reading the configuration failed: {child.how_it_ended}",)) from None
        if plan.outline is None:
            raise PlanRefused(plan.problems)
    except BaseException:
        os.close(settings)
        raise
    return plan, settings
