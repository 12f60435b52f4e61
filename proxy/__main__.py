"""`python -m proxy` is `gatepost`."""

import sys


def main() -> int:
    """The command line. `run` is told apart before the rest is imported: its process lives long, and stays small."""
    if sys.argv[1:2] == ["run"]:
        from proxy.commands.run import main as run

        return run(sys.argv[2:])
    from proxy.cli import main as others

    return others()


if __name__ == "__main__":
    sys.exit(main())
