"""The process that `gatepost run` is: it starts workers, watches, replaces and drains them, and nothing else."""
