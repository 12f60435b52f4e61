"""What the API takes and answers. The same models check what comes in and make the OpenAPI document.

Durations are whole seconds. No `repr` and no error shows a password, a passcode or a token.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr

FactorName = Literal["sms", "email", "email_for_sms", "totp", "recovery_code", "pass"]
"""The second factors whose answer is typed (`config.factors.TYPED`)."""
Seconds = Annotated[int, Field(ge=0)]
Flow = Annotated[SecretStr, Field(description="What the last answer of this sign-in gave. Each step gives a new one.")]


class _Body(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class SignInBody(_Body):
    username: str
    password: SecretStr
    app: Annotated[
        str | None,
        Field(description="Name or host of an app that takes `bearer`: the token then opens that one alone."),
    ] = None


class ProofBody(_Body):
    flow: Flow
    factor: Annotated[FactorName, Field(description="What the passcode is of: one of `factors` of the last answer.")]
    passcode: SecretStr


class ResendBody(_Body):
    flow: Flow
    channel: Annotated[
        Literal["sms", "email"] | None,
        Field(description="Send it by this way, where the person has it. Left out: as before."),
    ] = None


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True)


class SignedInAnswer(_Answer):
    state: Literal["signed_in"] = "signed_in"
    token: Annotated[str, Field(repr=False, description="For `Authorization: Bearer`.")]
    expires_in: Annotated[Seconds, Field(description="When it is over if it is not used.")]


class ProofAnswer(_Answer):
    state: Literal["proof"] = "proof"
    flow: Annotated[str, Field(repr=False, description="Names this sign-in at the next step.")]
    factor: Annotated[FactorName, Field(description="What is asked for.")]
    factors: Annotated[list[FactorName], Field(description="What would do as well, and this one.")]
    destination: Annotated[str, Field(description="Where the passcode went, masked; empty: nothing is sent.")]
    expires_in: Annotated[Seconds, Field(description="How long an answer counts.")]
    resend_in: Annotated[Seconds, Field(description="When the passcode may be sent again; 0: now, or nothing is sent.")]


class SessionAnswer(_Answer):
    state: Literal["signed_in"] = "signed_in"
    expires_in: Annotated[Seconds, Field(description="When it is over if it is not used.")]
    username: str
    realm: str
    factors: Annotated[list[str], Field(description="What was proven, in that order.")]
    apps: Annotated[list[str] | None, Field(description="The only apps that it opens; null: all that its person may.")]


ErrorName = Literal["refused", "throttled", "not_allowed", "unavailable", "bad_request", "internal_error"]


class ErrorAnswer(_Answer):
    error: ErrorName
    message: Annotated[str, Field(description="For a person to read.")]
    incident: Annotated[str, Field(description="What the log calls this request.")]
