"""`[radius]`: VPN gateways and other RADIUS clients, what they are told of whom, and what has to agree there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated

from pydantic import Field

from config.addresses import ListenAddress, Network
from config.factors import TYPED_BEYOND_APPS, Choice, Factor
from config.frozen_table import FrozenTable, named, repeated
from config.problems import told
from config.tables.apps import AppSettings
from config.tables.radius_attributes import ReplyAttribute
from config.tables.schemes import SchemeSettings, no_such_scheme
from config.values import Flag, Integer, NotEmpty, Secret, Text

LEAST_SECRET = 16
"""Characters that RFC 2865 section 3 asks of a secret."""
MOST_ATTRIBUTE_BYTES = 2048
"""An answer has 4,096 bytes at most (RFC 2865 section 3), and some are for the proxies between."""


class RADIUSClientSettings(FrozenTable):
    """One VPN gateway, switch or RADIUS proxy, or a network of them with one secret."""

    name: Text
    """What people read in the message with their code. No app has this name."""
    address: Network
    """The address that it sends from. If several fit, the narrowest counts."""
    secret: Secret
    """What both sides know. At least 16 characters are best: `openssl rand -base64 30` makes a good one."""
    require_message_authenticator: Flag = True
    """Whether a request must prove that it comes from somebody who knows the secret. Without that anybody who can send
    from its address may try passwords, and an attacker between the two can forge an answer (CVE-2024-3596)."""
    disconnect_port: Annotated[Integer, Field(ge=1, le=65535)] | None = None
    """The UDP port where it takes Disconnect-Requests (RFC 5176), usually 3799. Not set: nowhere, and a connection
    stays until its Session-Timeout."""
    trusts_calling_station: Flag = False
    """Whether `Calling-Station-Id` is the person's own IP address. Then tries are limited by it, and schemes may name
    networks."""


class RADIUSAttributesSettings(FrozenTable):
    """What an Access-Accept holds for members of any of these groups."""

    groups: Annotated[tuple[Text, ...], NotEmpty] | None = None
    """Members of any of these groups, nested ones too. Not set: everybody."""
    send: Annotated[tuple[ReplyAttribute, ...], NotEmpty]
    """Attributes as `"NAME = VALUE"`; of any vendor as `"Attr-26.VENDOR.TYPE = text or 0x00"`."""


class RADIUSSettings(FrozenTable):
    """RADIUS, for VPN gateways and their like. Needs the extra `radius`."""

    listen: tuple[ListenAddress, ...] = ()
    """UDP addresses to listen on. Name the address that clients send to. Empty: there is no RADIUS."""
    scheme: Text | None = None
    """The scheme by which people sign in here. Not set: the first that is meant for them, as in a browser."""
    clients: tuple[RADIUSClientSettings, ...] = ()
    """The VPN gateways and others that may ask."""
    attributes: tuple[RADIUSAttributesSettings, ...] = ()
    """What they are told of whom. Of an attribute that several name for a person, the first one's values are sent.
    All together have at most 2,048 bytes."""

    @property
    def is_on(self) -> bool:
        return bool(self.listen)


def radius_problems(
    radius: RADIUSSettings, schemes: Sequence[SchemeSettings], apps: Sequence[AppSettings]
) -> Iterator[tuple[str, str]]:
    """Key and sentence."""
    yield from told(
        _halves(radius),
        _listen(radius),
        _clients(radius),
        _names(radius, apps),
        _scheme(radius, schemes),
        _attributes(radius),
    )


def radius_warnings(radius: RADIUSSettings) -> Iterator[str]:
    for client in radius.clients:
        table = f'radius.clients ("{client.name}")'
        if not client.require_message_authenticator:
            yield (
                f"{table}: require_message_authenticator = false: anybody who can send from {client.address} may guess"
                " passwords, and whoever stands between can forge an answer (CVE-2024-3596)"
            )
        if len(client.secret.get_secret_value()) < LEAST_SECRET:
            yield (
                f"{table}: secret: has fewer than {LEAST_SECRET} characters: whoever reads one packet can guess it, and"
                " with it every password"
            )
    if radius.is_on and all(client.disconnect_port is None for client in radius.clients):
        yield (
            "radius: no client has a disconnect_port: who loses their access stays connected until the end of"
            " sessions.absolute"
        )


def _halves(radius: RADIUSSettings) -> Iterator[tuple[str, str]]:
    if radius.is_on and not radius.clients:
        yield "clients", "is missing: nobody may ask. Write a [[radius.clients]] for each VPN gateway"
    if not radius.is_on and (radius.clients or radius.attributes or radius.scheme):
        yield "listen", 'is missing: write listen = ["0.0.0.0:1812"], or the address that clients send to'


def _listen(radius: RADIUSSettings) -> Iterator[tuple[str, str]]:
    fixed = [address for address in radius.listen if address.port]
    if len(set(fixed)) != len(fixed):
        yield "listen", "names the same address twice"


def _clients(radius: RADIUSSettings) -> Iterator[tuple[str, str]]:
    for position in repeated(getattr(each, "name", None) for each in radius.clients):
        yield f"clients[{position}].name", "another client has this name"
    addresses = (getattr(each, "address", None) for each in radius.clients)
    for position in repeated(None if each is None else str(each) for each in addresses):
        yield f"clients[{position}].address", "another client has this address: which secret counts?"


def _names(radius: RADIUSSettings, apps: Sequence[AppSettings]) -> Iterator[tuple[str, str]]:
    taken = {getattr(app, "name", None) for app in apps}
    for position, client in enumerate(radius.clients):
        if client.name in taken:
            yield f"clients[{position}].name", "an app has this name: schemes and messages could not tell them apart"


def _scheme(radius: RADIUSSettings, schemes: Sequence[SchemeSettings]) -> Iterator[tuple[str, str]]:
    if not radius.is_on:
        return
    if radius.scheme is not None and named(schemes, radius.scheme) is None:
        yield "scheme", no_such_scheme(schemes, radius.scheme)
        return
    chosen = [each for each in schemes if radius.scheme in (None, each.name) and each.apps is None]
    if not chosen:
        yield "scheme", "there is none that is not for certain apps, and nobody comes from an app here"
        return
    if not any(Factor.PASSWORD in scheme.factors[0] for scheme in chosen):
        yield "scheme", "does not begin with a password, and a RADIUS client brings nothing else"
    elif not any(_is_answerable(scheme.factors[1:]) for scheme in chosen):
        yield "scheme", "asks for a factor that nobody can answer in a VPN client: add another one as a choice"


def _is_answerable(later: tuple[Choice, ...]) -> bool:
    return not any(TYPED_BEYOND_APPS.isdisjoint(choice) for choice in later)


def _attributes(radius: RADIUSSettings) -> Iterator[tuple[str, str]]:
    if sum(len(each.value) + 8 for entry in radius.attributes for each in entry.send) > MOST_ATTRIBUTE_BYTES:
        yield "attributes", f"are more than {MOST_ATTRIBUTE_BYTES} bytes in all: an answer could not hold them"
