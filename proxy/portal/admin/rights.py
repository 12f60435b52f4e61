"""What somebody may do on the admin pages, by their groups. Pure, and decided here alone: each page, each button and
each form asks for it."""

from __future__ import annotations

from config.tables.admin import GROUPS_MAY, AdminRight, AdminSettings
from directory.principal import Principal


def rights_of(principal: Principal, admin: AdminSettings) -> frozenset[AdminRight]:
    """Of a person whom the directory knows. With several roles: what any of them may. Empty: the pages are not for
    them."""
    rights = frozenset[AdminRight]()
    if not principal.groups.isdisjoint(admin.groups or ()):
        rights = GROUPS_MAY
    return rights.union(*(role.may for role in admin.roles if not principal.groups.isdisjoint(role.groups)))
