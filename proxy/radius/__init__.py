"""RADIUS (RFC 2865): VPN gateways ask for people, by PAP with Access-Challenge, and the sign-in flow answers."""
