"""Entry point of the ``sigyn`` command."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line; ``sigyn hook`` alone, without loading what the other commands need."""
    if sys.argv[1:2] == ["hook"]:
        from exporter import hook  # noqa: PLC0415 - an agent waits for it: it must load nothing else

        hook.main(sys.argv[2:])
    from exporter import cli  # noqa: PLC0415 - takes seconds to load, which the hook does not have

    cli.main()


if __name__ == "__main__":
    main()
