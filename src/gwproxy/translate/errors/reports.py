"""The complaints of one message, each by itself and written as its parser would write it alone,
whatever a framework puts before and between them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

PATH: Final = r"[A-Za-z_$][\w$-]*(?:\.[\w$-]+|\[\d*\])*"
"""A member's path, as a form."""

# What resellers and frameworks put before the words; nothing else may stand there.
_PREAMBLE: Final = re.compile(
    r"(?:(?:litellm\.)?BadRequestError: \w+Exception - |Error code: 4\d\d - |<4\d\d> |✖ |"
    r"(?:Error from provider(?: \([\w .-]+\))?|Provider returned error|Upstream error|"
    r"Invalid request(?: body)?|Input error|Validation (?:error|failed)|Request validation failed|"
    r"ValidationException|The model returned the following errors|Bad request|invalid params|"
    r"(?:Failed to|Could not|Cannot|Error) (?:parse|parsing|decode|deserialize|unmarshal|read)"
    r"(?: the)? (?:request|JSON|body)(?: request)?(?: body)?(?: as JSON| into the target type)?|"
    r"JSON parse error|"
    r"InternalError\.Algo\.InvalidParameter|InvalidParameter|\d+ request validation errors?"
    r")[:.,] ?)+",
    re.IGNORECASE,
)
_PYDANTIC_REPORT: Final = re.compile(r"\d+ validation errors? for [\w.\[\], ]+\n")
_PYDANTIC_ITEM: Final = re.compile(
    rf"(?P<path>{PATH}(?: -> [\w$-]+)*)\n +(?P<words>[^\n\[(]+?)(?: ?[\[(]type=[^\n]*)?(?:\n|$)"
)
_PYDANTIC_LINK: Final = re.compile(r" +For further information visit [^\n]*\n?")
# `str(error.errors())`, which vLLM and others send for words.
_PYDANTIC_DUMP: Final = re.compile(
    r"(?:1 validation error:|\d+ validation errors:)?\s*\[?\{(?:'type': '\w+', )?'loc': \("
)
_PYDANTIC_DUMPED: Final = re.compile(
    r"'loc': \((?P<path>[^()]*)\), 'msg': (?P<q>['\"])(?P<words>.*?)(?P=q)[,}]"
)
_STEP: Final = re.compile(r"[\w$-]+")
_GROQ_SUBJECT: Final = re.compile(r"'[\w.]+' : (?=for 'role:)")
_ZOD_PLACE: Final = re.compile(r"\n\s+→ (?=at )")
_NEXT: Final = re.compile(r"\n|; ")
_BEDROCK: Final = "Malformed input request: "
_BEDROCK_ITEM: Final = re.compile(r"#[^#]+")


def complaints_in(message: str) -> Iterator[str]:
    """The complaints of `message`, in its order."""
    text = _PREAMBLE.sub("", message, count=1) if _PREAMBLE.match(message) else message
    text = _ZOD_PLACE.sub(" ", _GROQ_SUBJECT.sub("", text, count=1))
    if _PYDANTIC_DUMP.match(text):
        for one in _PYDANTIC_DUMPED.finditer(text):
            yield f"{'.'.join(_STEP.findall(one['path'])).removeprefix('body.')}: {one['words']}"
        return
    report = _PYDANTIC_REPORT.match(text)
    if report is not None:
        at = report.end()
        while item := _PYDANTIC_ITEM.match(text, at):
            yield f"{item['path'].replace(' -> ', '.')}: {item['words'].strip()}"
            link = _PYDANTIC_LINK.match(text, item.end())
            at = link.end() if link is not None else item.end()
        return
    if text.startswith(_BEDROCK) and (items := _BEDROCK_ITEM.findall(text)):
        yield from (_BEDROCK + item for item in items if "extraneous key" in item)
        return
    yield from (part.strip().replace(" -> ", ".") for part in _NEXT.split(text) if part.strip())
