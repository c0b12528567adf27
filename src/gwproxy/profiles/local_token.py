"""The local token: what a client on this machine presents to gwproxy.

It is random, made on first use, and kept in a 0600 file in the state directory, not in the OS
keyring, for three reasons: it opens nothing but a loopback port; the clients' own configuration
has to contain it anyway, in files no better protected; and `serve` has to start, and `gwproxy
token` to answer at once, where the keyring is locked, slow or absent. Server, `setup` and
`token` agree because all of them read the same file. `GWPROXY_TOKEN` overrides it.

It is never a provider's key, and no provider ever sees it.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from typing import Final

from gwproxy import paths
from gwproxy.errors import CredentialError
from gwproxy.profiles.secret import Secret

TOKEN_VARIABLE: Final = "GWPROXY_TOKEN"

_TOKEN_BYTES: Final = 32
"""256 random bits, as many as the session tokens of other local servers have."""

_SHORTEST: Final = 16
"""A token chosen by hand guards paid accounts against every program on the machine."""


def local_token(environ: Mapping[str, str] | None = None) -> Secret:
    """The token in force, made now if there is none yet. Raises CredentialError."""
    environ = os.environ if environ is None else environ
    override = environ.get(TOKEN_VARIABLE)
    if override:
        return _checked(override.strip(), f"the environment variable {TOKEN_VARIABLE}")
    stored = _read()
    if stored is not None:
        return stored
    with paths.exclusive_lock("token"):
        # Another process may have made one while we waited.
        return _read() or _make()


def rotate_token() -> Secret:
    """Make a new token and forget the old one. Raises CredentialError.

    Clients keep the old one in their files until `setup` runs again.
    """
    with paths.exclusive_lock("token"):
        return _make()


def _make() -> Secret:
    token = secrets.token_urlsafe(_TOKEN_BYTES)
    paths.write_private_file(paths.token_file(), f"{token}\n".encode())
    return Secret(token)


def _read() -> Secret | None:
    path = paths.token_file()
    try:
        with paths.open_regular(path) as file:
            status = os.fstat(file.fileno())
            text = file.read(4096).decode("ascii").strip()
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise CredentialError(
            f"cannot read the local token in {path}",
            why=getattr(error, "strerror", None) or "it is not a token",
            hint="gwproxy token --rotate makes a new one",
        ) from None
    if os.name == "posix" and (status.st_mode & 0o077 or not paths.is_ours(status)):
        raise CredentialError(
            f"others could read or change the local token in {path}",
            why=f"its mode is {status.st_mode & 0o777:04o}",
            hint="gwproxy token --rotate makes a new one; then: gwproxy setup --all",
        )
    return _checked(text, str(path))


def _checked(text: str, where: str) -> Secret:
    if len(text) < _SHORTEST or not all("!" <= character <= "~" for character in text):
        raise CredentialError(
            f"the local token in {where} is not usable",
            why=f"it needs at least {_SHORTEST} characters, visible ASCII without spaces",
            hint="gwproxy token --rotate makes a good one",
        )
    return Secret(text)
