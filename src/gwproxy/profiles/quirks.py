"""Which quirks an upstream has, and how a person sets them.

What quirks there are, with type, meaning and source, is declared in `translate.quirks` and read
here. Presets, what is known of the model (`model_facts`) and users override single ones; nothing
anywhere asks whether a provider or a model has a certain name.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated, Final, Literal, get_args, get_origin, get_type_hints

from gwproxy.profiles.model_facts import facts_of
from gwproxy.profiles.profile import Profile
from gwproxy.profiles.suggest import did_you_mean
from gwproxy.translate.omittable import check as check_pattern
from gwproxy.translate.quirks import About, Quirks, QuirkValue

QuirkKind = Literal["bool", "int", "str", "choice", "list"]

_KINDS: Final[Mapping[object, QuirkKind]] = MappingProxyType(
    {
        bool: "bool",
        bool | None: "bool",
        int: "int",
        str: "str",
        tuple[str, ...]: "list",
        tuple[str, ...] | None: "list",
    }
)


@dataclass(frozen=True, slots=True)
class Quirk:
    """One quirk as it is declared. `choices` is there for the kind `choice` only; a `default` of
    None is not known."""

    name: str
    kind: QuirkKind
    default: QuirkValue | None
    choices: tuple[str, ...]
    about: About


class BadQuirk(ValueError):
    """A quirk that does not exist or a value it cannot have; the text says what would do."""


def _declared() -> Iterable[Quirk]:
    defaults = Quirks()
    for name, hint in get_type_hints(Quirks, include_extras=True).items():
        assert get_origin(hint) is Annotated, name
        type_, about = get_args(hint)
        known = next((one for one in get_args(type_) if get_origin(one) is Literal), type_)
        choices = get_args(known) if get_origin(known) is Literal else ()
        kind = "choice" if choices else _KINDS[type_]
        yield Quirk(name, kind, getattr(defaults, name), choices, about)


QUIRKS: Final[Mapping[str, Quirk]] = MappingProxyType({quirk.name: quirk for quirk in _declared()})

_LISTS: Final = {"omit": "members such as context_management,tools[].strict"}

_YES: Final = frozenset({"true", "yes", "on", "1"})
_NO: Final = frozenset({"false", "no", "off", "0"})


def parse_quirk(text: str) -> tuple[str, QuirkValue]:
    """`NAME=VALUE` or, for a flag that is on, `NAME`. Raises BadQuirk."""
    name, equals, value = text.partition("=")
    quirk = find_quirk(name.strip())
    if not equals:
        if quirk.kind != "bool":
            raise BadQuirk(f"{quirk.name} needs a value: {quirk.name}={_what_would_do(quirk)}")
        return quirk.name, True
    return quirk.name, _from_text(quirk, value.strip())


def check_quirk(name: str, value: object) -> QuirkValue:
    """`value`, as TOML gives it, in the type of the quirk called `name`. Raises BadQuirk."""
    return typed(find_quirk(name), value)


def typed(quirk: Quirk, value: object) -> QuirkValue:
    """`value` in the type of `quirk`. Raises BadQuirk."""
    match quirk.kind, value:
        case "bool", bool():
            return value
        case "int", int() if not isinstance(value, bool) and value >= 0:
            return value
        case "str", str():
            return value
        case "choice", str() if value in quirk.choices:
            return value
        case "list", list() | tuple():
            words = tuple(value)
            if all(isinstance(word, str) and word for word in words):
                _check_words(quirk.name, words)
                return words
        case _:
            pass
    raise BadQuirk(f"{quirk.name} must be {_what_would_do(quirk)}, not {value!r}")


def _check_words(name: str, words: Iterable[str]) -> None:
    if name != "omit":
        return
    for word in words:
        try:
            check_pattern(word)
        except ValueError as error:
            raise BadQuirk(str(error)) from None


def find_quirk(name: str) -> Quirk:
    """The quirk called `name`, which can be set by hand. Raises BadQuirk."""
    quirk = QUIRKS.get(name)
    if quirk is None:
        settable = [quirk.name for quirk in settable_quirks()]
        raise BadQuirk(f"there is no quirk called {name!r}; {did_you_mean(name, settable)}")
    if setting := quirk.about.setting:
        raise BadQuirk(f"{name} follows the profile's setting {setting}; change that one")
    return quirk


def settable_quirks() -> tuple[Quirk, ...]:
    """The quirks that a person sets by name, in the order of their declaration."""
    return tuple(quirk for quirk in QUIRKS.values() if not quirk.about.setting)


def quirk_values(profile: Profile, model: str = "") -> dict[str, QuirkValue | None]:
    """Every quirk with the value it has for `profile` and its model, or another one: the arguments
    of `Quirks`, None where nobody knows. A model's own facts come before the preset's, a person's
    wishes before both."""
    facts = facts_of(model or profile.model)
    values: dict[str, QuirkValue | None] = {quirk.name: quirk.default for quirk in QUIRKS.values()}
    values |= profile.quirks
    if facts is not None:
        values |= {
            name: value
            for name, value in facts.quirks.items()
            if f"quirks.{name}" not in profile.overridden
        }
    # Two profiles of one preset reach the same provider; of `custom`, two unrelated ones.
    values["family"] = profile.name if profile.preset == "custom" else profile.preset
    for flag, setting in (
        ("context_window", "context_window"),
        ("max_output", "max_output_tokens"),
    ):
        known = getattr(profile, setting)
        if facts is not None and setting not in profile.overridden:
            known = getattr(facts, setting) or known
        if known is not None:
            values[flag] = known
    return values


DEFAULT: Final = "default"


def quirk_origin(profile: Profile, name: str) -> str:
    """Who says what `quirk_values` has for the quirk called `name`: `config.toml`, `model M`,
    `preset P`, or DEFAULT where nobody does."""
    facts = facts_of(profile.model)
    if f"quirks.{name}" in profile.overridden:
        return "config.toml"
    if facts is not None and name in facts.quirks:
        return f"model {profile.model}"
    return f"preset {profile.preset}" if name in profile.quirks else DEFAULT


def _from_text(quirk: Quirk, text: str) -> QuirkValue:
    value: object = text
    if quirk.kind == "bool":
        value = True if text.lower() in _YES else False if text.lower() in _NO else text
    elif quirk.kind == "int" and text.isascii() and text.isdigit():
        value = int(text)
    elif quirk.kind == "list":
        value = [word.strip() for word in text.split(",") if word.strip()]
    return check_quirk(quirk.name, value)


def _what_would_do(quirk: Quirk) -> str:
    match quirk.kind:
        case "bool":
            return "true or false"
        case "int":
            return "a whole number"
        case "str":
            return "text"
        case "choice":
            return " or ".join(quirk.choices)
        case "list":
            return _LISTS.get(quirk.name, "a list such as low,high")
