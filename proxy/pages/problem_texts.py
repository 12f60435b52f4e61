"""What is said about each problem: keyed by `proxy.http.problem.Problem`'s values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class ProblemText:
    """A page's heading, and the sentence below it."""

    title: str
    text: str


PROBLEMS: Mapping[str, ProblemText] = MappingProxyType(
    {
        "malformed_request": ProblemText("Malformed request", "The request could not be read."),
        "ambiguous_request": ProblemText(
            "Ambiguous request", "The request can be read in more than one way, so it was not sent to the app."
        ),
        "not_signed_in": ProblemText("Sign in first", "There is no session for this request, or it has ended."),
        "signed_out": ProblemText("You were signed out", "Your session had ended, so nothing was sent to the app."),
        "not_allowed": ProblemText("No access", "You are signed in, but not allowed to open this."),
        "too_few_factors": ProblemText(
            "A stronger sign-in is needed", "You are signed in, but not in the way that this page needs."
        ),
        "not_from_here": ProblemText(
            "Not available from this network", "You cannot open this from the network that you are on."
        ),
        "bad_form": ProblemText(
            "This page was out of date", "The form belongs to an earlier page, so nothing was done. Start again."
        ),
        "not_found": ProblemText("Page not found", "There is no such page here."),
        "kept_form_gone": ProblemText(
            "This form is no longer kept",
            "It was already sent, or its ten minutes are over. Nothing was sent just now.",
        ),
        "method_not_allowed": ProblemText("Not possible", "This page does not take that kind of request."),
        "request_timeout": ProblemText("Too slow", "The request did not arrive in time."),
        "body_too_large": ProblemText("Too large", "The request is larger than this server accepts."),
        "target_too_long": ProblemText("Address too long", "The address is longer than this server accepts."),
        "unknown_host": ProblemText("Unknown address", "There is no app at this address."),
        "throttled": ProblemText("Too many tries", "There were too many tries in a short time."),
        "head_too_large": ProblemText(
            "Request too large", "The request's header is too large. Deleting this site's cookies may help."
        ),
        "internal_error": ProblemText("Something went wrong", "This is a problem at our end."),
        "not_implemented": ProblemText("Not supported", "The request asks for something that is not supported here."),
        "upstream_unreachable": ProblemText("The app cannot be reached", "It may be starting, or down."),
        "upstream_broken": ProblemText("The app's answer was broken", "It could not be read."),
        "directory_unavailable": ProblemText("Sign-in is unavailable", "The directory does not answer just now."),
        "store_unavailable": ProblemText("Temporarily unavailable", "Sessions cannot be read just now."),
        "overloaded": ProblemText("Very busy", "There are too many requests just now."),
        "upstream_silent": ProblemText("The app does not answer", "It took too long."),
        "version_not_supported": ProblemText("Not supported", "This version of HTTP is not supported."),
    }
)
