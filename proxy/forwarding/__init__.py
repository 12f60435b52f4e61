"""The forwarding plane: reads a request's head, asks the gate, and forwards, tunnels or refuses."""
