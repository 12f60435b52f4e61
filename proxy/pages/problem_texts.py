"""What is said about each problem: keyed by `proxy.http.problem.Problem`'s values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from proxy.languages.current import N_
from proxy.languages.current import gettext as _
from proxy.pages import phrases


@dataclass(frozen=True, slots=True)
class ProblemText:
    """A page's heading, and the sentence below it."""

    title: str
    text: str


_PROBLEMS: Mapping[str, ProblemText] = MappingProxyType(
    {
        "malformed_request": ProblemText(N_("Malformed request"), N_("The request could not be read.")),
        "ambiguous_request": ProblemText(
            N_("Ambiguous request"), N_("The request can be read in more than one way, so it was not sent to the app.")
        ),
        "not_signed_in": ProblemText(N_("Sign in first"), N_("There is no session for this request, or it has ended.")),
        "signed_out": ProblemText(
            N_("You were signed out"), N_("Your session had ended, so nothing was sent to the app.")
        ),
        "not_allowed": ProblemText(N_("No access"), N_("You are signed in, but not allowed to open this.")),
        "too_few_factors": ProblemText(
            N_("A stronger sign-in is needed"), N_("You are signed in, but not in the way that this page needs.")
        ),
        "not_from_here": ProblemText(
            N_("Not available from this network"), N_("You cannot open this from the network that you are on.")
        ),
        "bad_form": ProblemText(
            N_("This page was out of date"),
            N_("The form belongs to an earlier page, so nothing was done. Start again."),
        ),
        "not_found": ProblemText(N_("Page not found"), N_("There is no such page here.")),
        "kept_form_gone": ProblemText(
            N_("This form is no longer kept"),
            N_("It was already sent, or its ten minutes are over. Nothing was sent just now."),
        ),
        "method_not_allowed": ProblemText(N_("Not possible"), N_("This page does not take that kind of request.")),
        "request_timeout": ProblemText(N_("Too slow"), N_("The request did not arrive in time.")),
        "body_too_large": ProblemText(N_("Too large"), N_("The request is larger than this server accepts.")),
        "target_too_long": ProblemText(N_("Address too long"), N_("The address is longer than this server accepts.")),
        "unknown_host": ProblemText(N_("Unknown address"), N_("There is no app at this address.")),
        "throttled": ProblemText(N_("Too many tries"), N_("There were too many tries in a short time.")),
        "head_too_large": ProblemText(
            N_("Request too large"), N_("The request's header is too large. Deleting this site's cookies may help.")
        ),
        "internal_error": ProblemText(N_("Something went wrong"), N_("This is a problem at our end.")),
        "not_implemented": ProblemText(
            N_("Not supported"), N_("The request asks for something that is not supported here.")
        ),
        "upstream_unreachable": ProblemText(N_("The app cannot be reached"), N_("It may be starting, or down.")),
        "upstream_broken": ProblemText(N_("The app's answer was broken"), N_("It could not be read.")),
        "directory_unavailable": ProblemText(
            N_("Sign-in is unavailable"), N_("The directory does not answer just now.")
        ),
        "sign_in_unavailable": ProblemText(N_("Sign-in is unavailable"), phrases.CLOSED_TEXT),
        "store_unavailable": ProblemText(N_("Temporarily unavailable"), N_("Sessions cannot be read just now.")),
        "overloaded": ProblemText(N_("Very busy"), N_("There are too many requests just now.")),
        "upstream_silent": ProblemText(N_("The app does not answer"), N_("It took too long.")),
        "version_not_supported": ProblemText(N_("Not supported"), N_("This version of HTTP is not supported.")),
    }
)


def problem_words(problem: str) -> ProblemText:
    """`problem` is a value of `proxy.http.problem.Problem`."""
    words = _PROBLEMS[problem]
    return ProblemText(_(words.title), _(words.text))
