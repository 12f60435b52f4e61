"""Templates to bytes: everything escaped, and a name that a template misspells is an error, not an empty string."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping, Sequence
from functools import lru_cache
from gettext import NullTranslations
from pathlib import Path
from typing import Any

from jinja2 import BaseLoader, Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from proxy.languages.current import current_language, translated, translated_number
from proxy.languages.figures import figure
from proxy.pages import phrases
from proxy.pages.assets import ASSETS
from proxy.pages.language_links import LanguageLink
from proxy.pages.look import OWN_LOOK, HouseLook
from proxy.pages.onward import leads_onward, onward_fields, onward_path


class _PlainGlobals(Environment):
    """The globals of templates that have none of their own are this environment's, without a `ChainMap` around them:
    each page asks for them as a `dict`, and once more for each file that it imports."""

    def make_globals(self, d: MutableMapping[str, Any] | None) -> MutableMapping[str, Any]:
        return super().make_globals(d) if d else self.globals


def page_environment(loader: BaseLoader) -> Environment:
    """Templates whose messages are said in the language in use.

    Newstyle, jinja2 takes a message for markup and escapes what is filled in: so the message is escaped before.
    """
    environment = _PlainGlobals(
        loader=loader,
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
        extensions=["jinja2.ext.i18n"],
    )
    environment.install_gettext_callables(  # type: ignore[attr-defined]  # the extension adds it
        lambda message: str(escape(translated(message))),
        lambda singular, plural, num: str(escape(translated_number(singular, plural, num))),
        newstyle=True,
    )
    environment.globals.update({"_": _said, "phrases": phrases})
    environment.filters["figure"] = figure
    return environment


def _said(message: str, **values: object) -> Markup:
    """As newstyle gettext says it, which looks itself up in each page and escapes the same messages again."""
    return _escaped(current_language().translations, message) % values


@lru_cache(maxsize=2048)
def _escaped(translations: NullTranslations, message: str) -> Markup:
    return escape(translations.gettext(message)) if message else Markup()


_ASSET_PATHS = {name: asset.path for name, asset in ASSETS.items()}
_ENVIRONMENT = page_environment(FileSystemLoader(Path(__file__).parent / "templates"))
_ENVIRONMENT.tests["onward"] = leads_onward
_ENVIRONMENT.filters |= {"onward_path": onward_path, "onward_fields": onward_fields}


def render_page(
    template: str,
    values: Mapping[str, object],
    *,
    look: HouseLook = OWN_LOOK,
    links: Sequence[LanguageLink] = (),
    asset_origin: str = "",
) -> bytes:
    """A whole page in UTF-8, in the language in use, with `links` to it in others.

    `asset_origin` (``https://host``) is set only where the page's own host does not serve the assets.
    """
    page = _ENVIRONMENT.get_template(template)
    urls = {name: asset_origin + path for name, path in _ASSET_PATHS.items()} if asset_origin else _ASSET_PATHS
    return page.render(
        language=current_language(), language_links=links, assets=urls, asset_origin=asset_origin, look=look, **values
    ).encode()


def protective_headers(
    *,
    form_targets: tuple[str, ...] = (),
    asset_origin: str = "",
    may_fetch: bool = False,
    may_be_framed: bool = False,
    has_frame: bool = False,
) -> list[tuple[str, str]]:
    """Header fields that every page carries (CSP level 3, Referrer Policy); HSTS is the forwarding plane's.

    `form_targets` are the origins that a form's answer may redirect to: Chromium holds `form-action` against every hop
    after a POST. `may_fetch`: whether the script may ask the page's own host. `may_be_framed`: only for a page where a
    click that somebody was tricked into does nothing. `has_frame`: whether it shows another page of its host. The
    referrer policy is ``same-origin`` because ``no-referrer`` would make browsers send ``Origin: null`` with our own
    forms (Fetch standard, "append a request Origin header").
    """
    assets = asset_origin or "'self'"
    targets = " ".join(("'self'", *form_targets))
    framing = "" if may_be_framed else "frame-ancestors 'none'; "
    fetching = ("connect-src 'self'; " if may_fetch else "") + ("frame-src 'self'; " if has_frame else "")
    policy = (
        f"default-src 'none'; style-src {assets}; script-src {assets}; img-src {assets}; "
        f"{fetching}form-action {targets}; {framing}base-uri 'none'"
    )
    return [
        ("Content-Security-Policy", policy),
        ("X-Content-Type-Options", "nosniff"),
        *([] if may_be_framed else [("X-Frame-Options", "DENY")]),
        ("Referrer-Policy", "same-origin"),
        ("Cross-Origin-Opener-Policy", "same-origin"),
        ("Cache-Control", "no-store"),
    ]
