"""The OS keyring: the one seam to the keyring library, which no other module imports.

On every platform the backend is built directly, so that no plug-in and no keyringrc.cfg decides
where a key ends up: keyrings.alt would put it into a plain file without a word, and
PYTHON_KEYRING_BACKEND=…null.Keyring would store nothing. It is also three times faster than the
library's own search, which imports every backend and starts a C compiler on the way.

Each call has a time limit, since a hanging Secret Service never answers. All of it blocks: a
server calls it in a thread. Whatever goes wrong leaves as a KeyringTrouble.
"""

from __future__ import annotations

import importlib
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from typing import Any, Final, Protocol, TypeVar

from gwproxy.profiles.keyring_trouble import KeyringTrouble, KeyringTroubleKind
from gwproxy.profiles.redaction import redact
from gwproxy.profiles.secret import Secret

KEYRING_TIMEOUT_S: Final = 10.0
"""A healthy keyring answers in 100 ms; a stopped one never does (pypa/twine#338)."""

_SILENCE_S: Final = 30.0
"""How long not to ask again a keyring that hung: a list of ten profiles waits once."""

_USER: Final = "api-key"

_WINDOWS_BLOB_BYTES: Final = 2560
"""CRED_MAX_CREDENTIAL_BLOB_SIZE; stored as UTF-16 (jaraco/keyring#355, #540)."""

_SYSTEM_BACKENDS: Final[Mapping[str, str]] = {
    "darwin": "keyring.backends.macOS.Keyring",
    "win32": "keyring.backends.Windows.WinVaultKeyring",
}
_SECRET_SERVICE: Final = "keyring.backends.SecretService.Keyring"
"""Linux and the BSDs. KWallet (since 5.97) speaks this interface too (jaraco/keyring#609)."""

_UNTRUSTED: Final = (
    "keyring.backends.null.",  # stores nothing
    "keyring.backends.fail.",
    "keyring.backends.chainer.",  # writes to whichever of its members takes it first
    "keyrings.alt.",  # readable files
)

T = TypeVar("T")


class Keyring(Protocol):
    """A place that keeps one key per profile. Every method may raise KeyringTrouble."""

    def read(self, profile: str) -> Secret | None: ...

    def write(self, profile: str, secret: Secret) -> None: ...

    def delete(self, profile: str) -> bool:
        """Whether there was one to delete."""
        ...


class SystemKeyring:
    """The operating system's keyring, or the backend that config.toml names.

    `backend` is a dotted class name, "" for the system's own. Nothing is imported or opened
    before the first call. One that did not answer in time is left alone for a while: each
    unanswered call leaves a thread behind.
    """

    def __init__(self, backend: str = "", *, timeout_s: float = KEYRING_TIMEOUT_S) -> None:
        self._name = backend or _SYSTEM_BACKENDS.get(sys.platform, _SECRET_SERVICE)
        self._timeout_s = timeout_s
        self._backend: Any = None
        self._silent_until = 0.0

    def read(self, profile: str) -> Secret | None:
        value = self._call(lambda backend: backend.get_password(_service(profile), _USER))
        return Secret(value) if value else None

    def write(self, profile: str, secret: Secret) -> None:
        """Store, read back and compare."""
        value = secret.reveal()
        size = len(value.encode("utf-16-le"))
        if sys.platform == "win32" and size > _WINDOWS_BLOB_BYTES:
            detail = f"it has {size // 2} characters and {_WINDOWS_BLOB_BYTES // 2} fit"
            raise KeyringTrouble(KeyringTroubleKind.TOO_LONG, detail)
        if sys.platform == "win32":
            # Its backend would keep the old key under a second name (keyring#47).
            self.delete(profile)
        self._call(lambda backend: backend.set_password(_service(profile), _USER, value))
        if self.read(profile) != secret:
            raise KeyringTrouble(KeyringTroubleKind.NOT_KEPT)

    def delete(self, profile: str) -> bool:
        if self.read(profile) is None:
            return False
        self._call(lambda backend: backend.delete_password(_service(profile), _USER))
        return True

    def _call(self, action: Callable[[Any], T]) -> T:
        if time.monotonic() < self._silent_until:
            raise KeyringTrouble(KeyringTroubleKind.TIMED_OUT, f"{self._timeout_s:g} s")
        future: Future[T] = Future()

        def work() -> None:
            try:
                if self._backend is None:
                    self._backend = _open_backend(self._name)
                future.set_result(action(self._backend))
            except BaseException as error:  # noqa: BLE001 -- raised again by the waiting thread
                future.set_exception(error)

        # A daemon thread: one that hangs must not keep the process from ending.
        threading.Thread(target=work, name="keyring", daemon=True).start()
        try:
            return future.result(self._timeout_s)
        except FutureTimeoutError:
            self._silent_until = time.monotonic() + _SILENCE_S
            raise KeyringTrouble(KeyringTroubleKind.TIMED_OUT, f"{self._timeout_s:g} s") from None
        except KeyringTrouble:
            raise
        except Exception as error:  # the one seam: backends raise all sorts
            raise _named(error, self._name) from error


def _service(profile: str) -> str:
    # One service per secret: with a second user name under one service the Windows backend
    # moves the first one elsewhere, and not in one step.
    return f"gwproxy:{profile}"


def _open_backend(name: str) -> Any:
    if name.startswith(_UNTRUSTED):
        raise KeyringTrouble(KeyringTroubleKind.UNTRUSTED, name)
    module, _, attribute = name.rpartition(".")
    from keyring.backend import KeyringBackend

    backend = getattr(importlib.import_module(module), attribute)
    if not (isinstance(backend, type) and issubclass(backend, KeyringBackend)):
        raise KeyringTrouble(KeyringTroubleKind.UNTRUSTED, name)
    return backend()


def _named(error: Exception, backend: str) -> KeyringTrouble:
    """Which Trouble an exception of the keyring library, or of what lies below it, means."""
    chain = list(_chain(error))
    names = {type(link).__name__ for link in chain}
    if names & {"KeyringLocked", "LockedException", "PromptDismissedException"}:
        return KeyringTrouble(KeyringTroubleKind.LOCKED)
    text = " ".join(str(link) for link in chain)
    if "-25308" in text or "-25293" in text:  # errSecInteractionNotAllowed, errSecAuthFailed
        return KeyringTrouble(KeyringTroubleKind.LOCKED)
    if backend == _SECRET_SERVICE:
        # No socket at the address, or no address at all.
        if any(isinstance(link, FileNotFoundError | ConnectionError | KeyError) for link in chain):
            return KeyringTrouble(KeyringTroubleKind.NO_BUS)
        if "SecretServiceNotAvailableException" in names:
            return KeyringTrouble(KeyringTroubleKind.NO_SERVICE)
    return KeyringTrouble(KeyringTroubleKind.FAILED, redact(f"{type(error).__name__}: {error}"))


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
