"""The errors that a person meets at the command line.

    GwproxyError                what happened, why, what to do next; exit code 1
    ├── UsageError              the command was not well formed; 2
    ├── ConfigError             a profile, config.toml or a tool's file is missing or broken; 3
    ├── CredentialError         a key or the local token cannot be had; 4
    │   └── KeyringError        the OS keyring itself is the trouble (locked, absent, silent)
    └── UpstreamError           the provider refused, failed or cannot be reached; 5

An exit of 130 (Ctrl-C) needs no class. A class exists here only if somebody catches it.
The translation core has errors of its own (`translate.fields`): they become HTTP answers,
never exits.
"""

from __future__ import annotations

EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_CONFIG = 3
EXIT_CREDENTIAL = 4
EXIT_UPSTREAM = 5
EXIT_INTERRUPTED = 130


class GwproxyError(Exception):
    """Something a person can act upon.

    `what` is one plain sentence, `why` the cause (in an upstream's own words where there are
    any), `hint` the exact next command or edit. None of the three may hold a secret.
    """

    exit_code = EXIT_FAILED

    def __init__(self, what: str, *, why: str = "", hint: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.why = why
        self.hint = hint


class UsageError(GwproxyError):
    exit_code = EXIT_USAGE


class ConfigError(GwproxyError):
    exit_code = EXIT_CONFIG


class CredentialError(GwproxyError):
    exit_code = EXIT_CREDENTIAL


class KeyringError(CredentialError):
    """The keyring as such does not work; another way of keeping the key may."""


class UpstreamError(GwproxyError):
    exit_code = EXIT_UPSTREAM
