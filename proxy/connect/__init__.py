"""`gatepost connect`: an app on loopback, for clients that cannot sign in by themselves."""
