"""`gwproxy` and `python -m gwproxy`: nothing but the way to the command line."""

from __future__ import annotations

import sys


def main() -> None:
    from gwproxy.cli.app import run

    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
