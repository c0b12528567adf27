"""`gwproxy` and `python -m gwproxy`: nothing but the way to the command line."""

from __future__ import annotations

import gc
import sys


def main() -> None:
    if sys.argv[1:] in (["__profiles"], ["__models"]):
        # Asked by the completion scripts at every TAB: no typer, no validation, no errors.
        from gwproxy.profiles.names import model_names, profile_names

        names = profile_names() if sys.argv[1] == "__profiles" else model_names()
        sys.stdout.write("".join(f"{name}\n" for name in names))
        return
    # What is imported stays: looking for garbage in it is a tenth of the time to start.
    gc.set_threshold(50_000, 20, 20)
    from gwproxy.cli.app import run

    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
