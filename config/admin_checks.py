"""What has to agree between `[admin]` and the schemes, and what of it is seldom meant: pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from config.admin import AdminSettings
from config.schema import Place, nearest
from config.settings import SchemeSettings, Settings


def admin_problems(admin: AdminSettings, schemes: Mapping[int, SchemeSettings]) -> Iterator[tuple[Place, str]]:
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
    # Without any [[schemes]] there is one, of this name.
    known: dict[str, SchemeSettings | None] = {scheme.name: scheme for scheme in schemes.values()}
    known = known or {"browser": None}
    if admin.scheme not in known:
        yield Place("admin", None, "scheme"), f'there is no scheme "{admin.scheme}"' + nearest(admin.scheme, known)
        return
    named = known[admin.scheme]
    limits = [key for key in ("groups", "networks", "apps") if getattr(named, key, None) is not None]
    if limits:
        yield (
            Place("admin", None, "scheme"),
            f'"{admin.scheme}" has {" and ".join(limits)}, which are not asked for here: only its factors are'
            " (name a scheme without them, and write groups and networks here)",
        )


def admin_warnings(settings: Settings) -> Iterator[str]:
    """What works, but is seldom meant."""
    admin = settings.admin
    if not admin.is_on or admin.networks is not None:
        return
    schemes = [each for each in settings.schemes if admin.scheme in (None, each.name)]
    for scheme in schemes:
        if len(scheme.factors) == 1 and scheme.apps is None and scheme.networks is None:
            what = "a password" if scheme.factors[0] == "password" else "a Kerberos ticket"
            who = f'has no networks, nor has "{scheme.name}": whom it lets in'
            yield f"admin: {who} opens the admin pages with {what} alone"
