"""The start page: the apps that this person may open. And what is the same for everybody: assets and keys."""

from __future__ import annotations

from aiohttp import web

from directory.change_outcomes import PasswordChanger
from proxy.access.policy import Allowed, judge, judge_confinement
from proxy.http.reserved import ADMIN, ME, ME_FACTORS, ME_VOUCH, PASSWORD, SIGN_OUT
from proxy.languages.current import gettext as _
from proxy.pages.assets import BY_PATH
from proxy.pages.instants import instant_to_come
from proxy.portal.admin.entrance import may_administer
from proxy.portal.app_keys import ASSERTIONS, LOOK, REALMS, SETTINGS, VISIT, current_session
from proxy.portal.landing import PASSWORD_CHANGED, START_PAGE, expiry_warning, sign_in_path
from proxy.portal.pages import page, redirect
from proxy.portal.return_to import app_origin
from proxy.portal.vouch_answer import asks_of
from proxy.sessions.identity import JWKS_CACHE_SECONDS
from proxy.sessions.session import Level
from proxy.sign_in.enrolling import factors_to_add

_ASSET_CACHING = "public, max-age=31536000, immutable"
_ASSET_POLICY = "default-src 'none'; style-src 'unsafe-inline'; sandbox"
"""Opened by itself, a picture can do nothing but be drawn, whatever is in it (CSP level 3, section 6.3.2)."""


async def show_start(request: web.Request) -> web.StreamResponse:
    session = await current_session(request)
    if session is None or session.level is not Level.SIGNED_IN:
        return redirect(sign_in_path())
    settings = request.app[SETTINGS]
    directory = request.app[REALMS].of(session.principal.realm)
    confined, now = session.confined, request[VISIT].now
    apps = [
        app
        for app in settings.apps
        if isinstance(judge(session.principal, app), Allowed) and isinstance(judge_confinement(confined, app), Allowed)
    ]
    return page(
        request,
        "start.html",
        holds_session=True,
        name=session.principal.display_name,
        apps=[
            {"name": app.name, "host": app.host, "href": app_origin(app, settings.server.public_url) + "/"}
            for app in apps
        ],
        vouch_text=await asks_of(request, session),
        vouch_href=ME_VOUCH,
        me_href=ME,
        factors_href=ME_FACTORS if factors_to_add(settings.schemes) and confined is None else "",
        admin_href=ADMIN if may_administer(request, session) else "",
        admin_text=_("Administration"),
        sign_out_href=SIGN_OUT,
        password_href=PASSWORD if isinstance(directory, PasswordChanger) and confined is None else "",
        expiry=expiry_warning(session.principal, settings.directories, now) if confined is None else "",
        ends_at=instant_to_come(confined.ends_at, now) if confined is not None else None,
        notice=_("Your password was changed. You have been signed out everywhere else.")
        if PASSWORD_CHANGED in request.query
        else "",
    )


async def to_start(request: web.Request) -> web.StreamResponse:
    return redirect(START_PAGE)


async def show_asset(request: web.Request) -> web.StreamResponse:
    """A file named by its content: kept by browsers for ever (RFC 8246)."""
    asset = BY_PATH.get(request.path) or request.app[LOOK].by_path.get(request.path)
    if asset is None:
        raise web.HTTPNotFound
    headers = {
        "ETag": asset.etag,
        "Cache-Control": _ASSET_CACHING,
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": _ASSET_POLICY,
    }
    if request.headers.get("If-None-Match") == asset.etag:
        return web.Response(status=304, headers=headers)
    return web.Response(body=asset.body, headers=headers | {"Content-Type": asset.content_type})


async def show_jwks(request: web.Request) -> web.StreamResponse:
    """The public keys of `X-Gatepost-Assertion` (RFC 7517)."""
    return web.json_response(
        request.app[ASSERTIONS].jwks(request[VISIT].now),
        content_type="application/jwk-set+json",
        headers={"Cache-Control": f"public, max-age={JWKS_CACHE_SECONDS}", "X-Content-Type-Options": "nosniff"},
    )
