"""What Gatepost costs, measured beside nginx and haproxy: `python -m benchmarks`. Loopback only."""
