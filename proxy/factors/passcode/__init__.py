"""Passcodes by SMS and mail: where one goes, how it is made and judged, and how long it takes to arrive."""
