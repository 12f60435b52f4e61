"""Which app and which realm of a new configuration are those of the one before, though their names changed. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from config.settings import ActiveDirectorySettings, AppSettings, DirectorySettings, Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Counterparts:
    """By the names before; what has none is not there any more."""

    apps: dict[str, str]
    realms: dict[str, str]
    notes: tuple[str, ...]
    """What was taken for the same under another name, what is gone, what is new, and what else a replay of decisions
    cannot show: a sentence each."""


def counterparts(old: Settings, new: Settings) -> Counterparts:
    apps = dict(_same_apps(old, new))
    realms = dict(_same_realms(old, new))
    notes = (*_notes(old, new, apps, realms), *_moved(old, new, apps))
    return Counterparts(apps=apps, realms=realms, notes=notes)


def _same_apps(old: Settings, new: Settings) -> Iterator[tuple[str, str]]:
    """By name, then by host, then by servers: each new one once."""
    left = {app.name: app for app in new.apps}
    waiting = []
    for app in old.apps:
        if app.name in left:
            del left[app.name]
            yield app.name, app.name
        else:
            waiting.append(app)
    for is_same in (_has_same_host, _has_same_servers):
        for app in tuple(waiting):
            found = [each for each in left.values() if is_same(app, each)]
            if len(found) == 1:
                waiting.remove(app)
                del left[found[0].name]
                yield app.name, found[0].name


def _has_same_host(one: AppSettings, other: AppSettings) -> bool:
    return one.host == other.host


def _has_same_servers(one: AppSettings, other: AppSettings) -> bool:
    return bool(one.upstream_urls) and set(one.upstream_urls) == set(other.upstream_urls)


def _same_realms(old: Settings, new: Settings) -> Iterator[tuple[str, str]]:
    names = {each.name for each in new.directories}
    for each in old.directories:
        if each.name in names:
            yield each.name, each.name
            continue
        found = [
            other.name
            for other in new.directories
            if _whose(each) == _whose(other) and other.name not in {one.name for one in old.directories}
        ]
        # GUIDs of local people are made of the realm's name, too: under another one they are other people.
        if len(found) == 1 and isinstance(each, ActiveDirectorySettings):
            yield each.name, found[0]


def _whose(directory: DirectorySettings) -> tuple[str, ...]:
    """What says which people are in it."""
    if isinstance(directory, ActiveDirectorySettings):
        return ("active_directory", directory.domain.casefold(), (directory.base_dn or "").casefold())
    return ("local", str(directory.file))


def _notes(old: Settings, new: Settings, apps: dict[str, str], realms: dict[str, str]) -> Iterator[str]:
    for kind, before, after, same in (
        ("app", [app.name for app in old.apps], [app.name for app in new.apps], apps),
        ("realm", [each.name for each in old.directories], [each.name for each in new.directories], realms),
    ):
        for name in before:
            if name not in same:
                yield f'the {kind} "{name}" is not there any more'
            elif same[name] != name:
                yield f'the {kind} "{name}" is taken for "{same[name]}"'
        for name in after:
            if name not in same.values():
                yield f'the {kind} "{name}" is new: nothing was decided about it'


def _moved(old: Settings, new: Settings, apps: dict[str, str]) -> Iterator[str]:
    hosts = {app.name: app.host for app in new.apps}
    for app in old.apps:
        if app.name in apps and hosts[apps[app.name]] != app.host:
            yield f'the app "{app.name}" moves from {app.host} to {hosts[apps[app.name]]}'
    remembering = {scheme.name for scheme in new.schemes if scheme.remember is not None}
    for scheme in old.schemes:
        if scheme.remember is not None and scheme.name not in remembering:
            yield f'"{scheme.name}" remembers no browsers any more: their people prove every factor at each sign-in'
    if new.store.url != old.store.url:
        yield "the store is another one: sessions, and what people enrolled, are there only if you take them along"
    if (new.server.key, new.server.key_file) != (old.server.key, old.server.key_file):
        yield "the master key stands elsewhere: if it is another one, what people enrolled cannot be read"
