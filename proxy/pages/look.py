"""How the pages look: the house's name, logo, colour and help, made once from the settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType

from config.colours import Accent, dark_accent, light_accent
from config.logos import Logo
from config.tables.pages import HelpSettings, PagesSettings
from proxy.pages.assets import ASSETS, OWN_COLOUR, Asset, asset_of

_LOGO_NAMES = MappingProxyType({"image/svg+xml": "logo.svg", "image/png": "logo.png"})


@dataclass(frozen=True, kw_only=True)
class HouseLook:
    name: str
    help: HelpSettings
    logo: Asset | None = None
    style: Asset | None = None
    """Loaded after the portal's own: it changes the colours. None: they are right as they are."""
    icon: Asset

    @cached_property
    def by_path(self) -> Mapping[str, Asset]:
        """What is served for it, beside what is served for every look."""
        found = (self.logo, self.style, self.icon)
        return MappingProxyType({asset.path: asset for asset in found if asset is not None})


def look_of(pages: PagesSettings) -> HouseLook:
    logo = None if pages.logo_file is None else _logo(pages.logo_file)
    style, icon = None, ASSETS["icon.svg"]
    if pages.colour is not None:
        style = asset_of("look.css", _style(pages.colour).encode())
        icon = asset_of("icon.svg", icon.body.replace(OWN_COLOUR, pages.colour.encode()))
    return HouseLook(name=pages.name, help=pages.help, logo=logo, style=style, icon=logo or icon)


def _logo(logo: Logo) -> Asset:
    """Under a name of ours: its own may say anything."""
    return asset_of(_LOGO_NAMES[logo.content_type], logo.content)


def _style(colour: str) -> str:
    """The variables of ``portal.css`` that the colour decides; as a sheet, because pages allow no inline styles."""
    light, dark = _variables(light_accent(colour)), _variables(dark_accent(colour))
    return f":root{{{light}}}@media (prefers-color-scheme:dark){{:root{{{dark}}}}}\n"


def _variables(accent: Accent) -> str:
    return (
        f"--accent:{accent.accent};--accent-ink:{accent.accent_ink};"
        f"--accent-strong:{accent.accent_strong};--tint:{accent.tint}"
    )


OWN_LOOK = look_of(PagesSettings())
"""Gatepost's, where nothing is configured."""
