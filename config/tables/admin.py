"""`[admin]`: who may open the admin pages, and what has to agree there. Without groups there are no such pages."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated

from config.addresses import Network
from config.errors import Place, nearest
from config.frozen_table import FrozenTable
from config.tables.schemes import SchemeSettings
from config.values import NotEmpty, Text


class AdminSettings(FrozenTable):
    groups: Annotated[tuple[Text, ...], NotEmpty] | None = None
    """Any one of these admits; None: nobody, and there are no pages."""
    networks: Annotated[tuple[Network, ...], NotEmpty] | None = None
    """From elsewhere nobody is admitted; None: from anywhere."""
    scheme: Text | None = None
    """A session must have proven every factor of this scheme; None: of what a sign-in from no app asks for."""

    @property
    def is_on(self) -> bool:
        return self.groups is not None


def admin_problems(admin: AdminSettings, schemes: Mapping[str, SchemeSettings]) -> Iterator[tuple[Place, str]]:
    """A key that would be passed over in silence is an open door, or one that nobody can pass."""
    if admin.groups is None:
        for key in ("networks", "scheme"):
            if getattr(admin, key) is not None:
                yield (
                    Place("admin", None, "groups"),
                    f"is missing: {key} is given, and without groups nobody is admitted",
                )
                return
    if admin.scheme is None:
        return
    if admin.scheme not in schemes:
        yield Place("admin", None, "scheme"), f'there is no scheme "{admin.scheme}"' + nearest(admin.scheme, schemes)
        return
    limits = [key for key in ("groups", "networks", "apps") if getattr(schemes[admin.scheme], key) is not None]
    if limits:
        yield (
            Place("admin", None, "scheme"),
            f'"{admin.scheme}" has {" and ".join(limits)}, which are not asked for here: only its factors are'
            " (name a scheme without them, and write groups and networks here)",
        )


def admin_warnings(admin: AdminSettings, schemes: Sequence[SchemeSettings]) -> Iterator[str]:
    """What works, but is seldom meant."""
    if not admin.is_on or admin.networks is not None:
        return
    for scheme in schemes:
        is_asked_for = admin.scheme in (None, scheme.name)
        if is_asked_for and len(scheme.factors) == 1 and scheme.apps is None and scheme.networks is None:
            what = "a password" if scheme.factors[0] == "password" else "a Kerberos ticket"
            who = f'has no networks, nor has "{scheme.name}": whom it lets in'
            yield f"admin: {who} opens the admin pages with {what} alone"
