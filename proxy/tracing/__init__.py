"""Traces: where the time of a request or a sign-in goes, across programs (W3C Trace Context, OpenTelemetry)."""
