"""Every event that the audit keeps: what it means, and what is kept of it. `docs/audit.md` has the same table.

Names are stable: an entry of years ago is read by this table. A field is added, and none is renamed or put to another
use. Who did it, to whom, from which address, by which way in and under which incident every event has (`AuditEvent`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class EventMeaning:
    when: str
    facts: tuple[str, ...] = ()
    """In the clear: outcomes, reasons of ours, names that the configuration holds, counts, ids of what was made."""
    personal: tuple[str, ...] = ()
    """Sealed: what says something of a person, and what somebody else has written."""


def _means(when: str, *facts: str, personal: tuple[str, ...] = ()) -> EventMeaning:
    return EventMeaning(when=when, facts=facts, personal=personal)


_MASKED = ("destination",)
_BY = ("by",)
_PASS = ("apps", "ends_at", "pass_id", "needs_second")
_FAULT = ("error", "place")

EVENTS: Mapping[str, EventMeaning] = {
    # Signing in.
    "sign_in.refused": _means("a first factor opened no account", "reason", "realm", "factor", "repeated"),
    "sign_in.stopped": _means("the first factor was right, and something else is missing", "reason"),
    "sign_in.succeeded": _means("somebody is signed in", "scheme", "factors", "pass_id"),
    "sign_in.reported": _means("somebody says that a sign-in was not theirs", "sessions", "browsers"),
    "passcode.sent": _means(
        "a relay or SMS gateway took a passcode",
        *("channel", "relay", "outcome", "code", "factor", "message_id"),
        personal=("destination", "reason"),
    ),
    "passcode.not_sent": _means(
        "no relay or gateway took a passcode",
        *("channel", "relay", "outcome", "code", "factor", "message_id"),
        personal=("destination", "reason"),
    ),
    "passcode.bounced": _means(
        "a report says that a passcode did not arrive",
        "channel",
        "reason",
        "message_id",
        personal=("destination", "detail"),
    ),
    "canary.fails": _means("a canary does not arrive as it should", "canary", "channel", "state", personal=("reason",)),
    "canary.works": _means("a canary arrives again", "canary", "channel", "state"),
    "degrade.begun": _means(
        "somebody put a rung in force", "rung", "what", "until", "again", personal=("by", "reason")
    ),
    "degrade.ended": _means("a rung is no longer in force", "rung", "what", "why", personal=_BY),
    "passcode.refused": _means("a second factor was not accepted", "reason", "repeated"),
    "passkey.counter_went_back": _means("a passkey counted backwards: it may have been copied", "enrolment"),
    "number.reported": _means("somebody says that the number is not theirs", personal=_MASKED),
    "notice.sent": _means("a person was told of a change", "to", "outcome", personal=("reason",)),
    "notice.not_sent": _means("a person could not be told", "to", "outcome", personal=("reason",)),
    "step_up.begun": _means("an app asks for one more factor", "scheme", "asked", "factor"),
    "step_up.done": _means("the further factor was proven", "scheme", "factor", "factors", "pass_id"),
    "ticket.refused": _means("the hand-over to an app's host was refused", "reason", "app", "repeated"),
    "browser.remembered": _means("a browser stands for the second factors from now on", "scheme"),
    "browser.forgotten": _means("remembered browsers are no longer remembered", "reason", "browsers"),
    "password.changed": _means("somebody changed their password", "sessions_ended"),
    "password.not_changed": _means("the new password was refused", "reason"),
    # Sessions, and what they may open.
    "sign_out.done": _means("somebody signed out"),
    "session.ended": _means("sessions ended, by their person or by a change in the directory", "reason", "sessions"),
    "access.denied": _means(
        "a signed-in person may not open an app; once for each session, app and reason", "app", "reason", "rule"
    ),
    # Own factors and credentials.
    "factor.added": _means("a person added a second factor", "factor"),
    "factor.removed": _means("a person removed a second factor", "factor"),
    "enrolments.removed": _means("an account is gone, and with it what it had enrolled", "reason", "count"),
    "credential.made": _means(
        "an app password or a service token was made", "factor", "app", "credential_id", personal=_BY
    ),
    "credential.removed": _means(
        "an app password or a service token was removed", "factor", "app", "credential_id", personal=_BY
    ),
    "credential.used": _means(
        "a session began by an app password or a service token", "factor", "app", "credential_id"
    ),
    "credential.refused": _means(
        "an app password or a service token was refused", "reason", "factor", "app", "credential_id", "repeated"
    ),
    "credentials.removed": _means("an account is gone, and with it its credentials", "reason", "count"),
    # Stand-ins for a second factor.
    "admin.pass_given": _means("the help desk gave a pass", *_PASS, personal=("reason",)),
    "admin.pass_confirmed": _means("a second admin confirmed a pass", *_PASS, personal=("reason",)),
    "admin.pass_ended": _means("a pass was ended, with what it had opened", *_PASS, "sessions", personal=("reason",)),
    "vouch.asked": _means("a person asked their manager", "apps", "vouch_id", personal=("reason", "asked_of")),
    "vouch.not_possible": _means("a person could not ask their manager", "reason"),
    "vouch.answered": _means(
        "the manager said yes or no", "answer", "apps", "ends_at", "vouch_id", "pass_id", personal=("reason",)
    ),
    "vouch.replaced": _means("a yes ended the pass of an earlier one", "pass_id", "sessions"),
    "vouch.refused": _means("a manager's yes did not count", "reason"),
    # Who looks, and who acts.
    "admin.explained": _means("somebody was looked up", "found", "can_sign_in", "numbers_shown", personal=_BY),
    "admin.people_shown": _means("somebody saw the list of local people", "people", personal=_BY),
    "admin.person_shown": _means("an admin opened the page of a local person"),
    "admin.person_added": _means("a local person was added", personal=_BY),
    "admin.person_disabled": _means("a local person was disabled", personal=_BY),
    "admin.person_enabled": _means("a local person may sign in again", personal=_BY),
    "admin.password_set": _means("a local person got another password", personal=_BY),
    "admin.number_set": _means("a local person got another number", personal=("destination", "by")),
    "admin.number_confirmed": _means("a changed number was confirmed", personal=("destination", "by")),
    "admin.sessions_ended": _means("a person's sessions were ended", "sessions", personal=_BY),
    "admin.sessions_shown": _means("somebody searched the sessions", "searched_by", "sessions", personal=_BY),
    "admin.sends_shown": _means("an admin saw the messages that were sent last", "messages"),
    "admin.throttled_shown": _means("an admin saw whom a limit has stopped", "people"),
    "admin.configuration_shown": _means("an admin saw the configuration, without its secrets"),
    "admin.browsers_forgotten": _means("a person's remembered browsers were forgotten", "browsers", personal=_BY),
    "admin.unlocked": _means("a person's counts were cleared", "wrong_ones_too", "address_too", personal=_BY),
    "admin.factor_removed": _means("somebody's second factor was removed", "factor", personal=_BY),
    "admin.report_settled": _means('a report "That was not me" was settled'),
    "admin.number_report_dismissed": _means('a report "This isn\'t my number" was dismissed'),
    "admin.notice_put_up": _means("a notice of the operator's stands on the pages", "ends_at", personal=_BY),
    "admin.notice_taken_down": _means("the operator's notice was taken down", personal=_BY),
    "admin.audit_searched": _means("somebody looked into the audit", "searched", "app", "found", personal=_BY),
    "admin.audit_exported": _means("everything of one person was exported", "found", personal=_BY),
    "admin.audit_reported": _means("the evidence report was made", "sign_ins", personal=_BY),
    "admin.passes_shown": _means("an admin saw the list of passes", "passes"),
    "admin.undelivered_shown": _means("somebody saw the undelivered codes", "failures", personal=_BY),
    "admin.credentials_shown": _means("app passwords and service tokens were listed", "credentials", personal=_BY),
    "admin.factors_shown": _means("a person's second factors were listed", "factors", personal=_BY),
    "admin.access_shown": _means("it was listed who can open an app", "app", "people", personal=_BY),
    "admin.mobiles": _means("the report on mobile fields was made, seen or downloaded", "done", personal=_BY),
    "admin.refused": _means("somebody may not see the admin pages, or asked too often", "reason", "needs", "repeated"),
    # Other ways in.
    "ssh.channel_opened": _means("a connection to a target is open", "port", personal=("host", "address")),
    "ssh.channel_refused": _means("a connection to a target was refused", "port", personal=("host", "asked", "reason")),
    "ssh.channel_ended": _means(
        "a connection ended: its target is no longer permitted", "port", "reason", personal=("host",)
    ),
    "ssh.closed": _means("an SSH client disconnected, and its session ended"),
    "radius.access_changed": _means("what a person may have has changed, and their connection is ended", "client"),
    "radius.disconnected": _means("a gateway has cut somebody off", "client"),
    "radius.disconnect_refused": _means("a gateway refused to cut somebody off", "client", "error_cause"),
    "radius.disconnect_unanswered": _means("a gateway did not answer whether it cut somebody off", "client"),
    "radius.stays_connected": _means("a gateway cannot be asked to cut somebody off", "client", "seconds"),
    # Gatepost itself.
    "rehearsal.done": _means(
        "a configuration was rehearsed, or a directory without a group",
        *("sha256", "decisions", "lose", "gain", "more", "less", "other"),
        personal=_BY,
    ),
    "configuration.loaded": _means("a worker begins to work by a configuration", "sha256", "tables"),
    "tls.certificates_loaded": _means("a worker uses new certificates, of changed files", "certificates"),
    "worker.ready": _means("a worker serves"),
    "worker.left": _means("a worker has ended, as it was asked to"),
    "worker.ended": _means("a worker died or was killed; another one tells it", "reason", "lasted_seconds"),
    "worker.hangs": _means("a worker answered nothing, and is replaced; another one tells it"),
    "server.started": _means("all workers serve", "workers"),
    "server.reloaded": _means("a configuration was read again and is in force", "changed"),
    "server.reload_refused": _means("another configuration is wrong, and the one before stays in force", "problems"),
    "server.stopping": _means("what is in flight is finished, then Gatepost ends"),
    "keys.rotated": _means("a master key was made", "key_id", personal=_BY),
    "keys.dropped": _means("a master key is not accepted any more", "key_id", personal=_BY),
    "audit.anchor": _means("the chain is signed at this place", "reason"),
    "audit.torn": _means("a process ended within a line: what is left of it is no line", "bytes", "sha256"),
    "audit.dropped": _means("more happened than could wait to be written", "count"),
    "audit.outlet_gap": _means("lines did not leave for standard output or syslog", "outlet", "count"),
    "audit.removed": _means("a file was too old (`[audit] keep`): where it ended", "file", "chain", "seq", "hash"),
    "audit.keys_removed": _means("the keys of a month were too old", "month", "count"),
    "audit.erased": _means("keys were destroyed, of a person or a month", "month", "keys", personal=("reason", "by")),
    "background.failed": _means("a fault in Gatepost", *_FAULT),
    "watch.failed": _means("a fault in Gatepost; the watch goes on", *_FAULT),
    "portal.failed": _means("a fault in Gatepost", "path", *_FAULT),
    "api.failed": _means("a fault in Gatepost", "path", *_FAULT),
    "forwarding.failed": _means("a fault in Gatepost", *_FAULT),
    "ssh.failed": _means("a fault in Gatepost", *_FAULT),
    "radius.failed": _means("a fault in Gatepost", "client", *_FAULT),
}

EVENT_NAMES = (*sorted({name.partition(".")[0] for name in EVENTS}), *sorted(EVENTS))
"""What one may search for: the parts before the dots, then each event."""
