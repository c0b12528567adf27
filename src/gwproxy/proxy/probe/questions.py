"""What the checks ask: as short as a question can be, and as plain as each dialect allows. Pure.

The first two questions are written by hand in the provider's own dialect, so that a refusal means
the address, the key or the model and never a translation. The others are asked as Claude Code
would ask them, in Messages, and go through the same translation as its requests.
"""

from __future__ import annotations

from typing import Any, Final

from gwproxy.translate.codec import Codec
from gwproxy.translate.quirks import Quirks
from gwproxy.translate.wire import jsonio

_SHORT: Final = "Reply with exactly OK."
_LONGER: Final = "Count from 1 to 20, separated by spaces, and say nothing else."
"""Long enough to see whether it comes in pieces; some sixty tokens."""

_FEW_TOKENS: Final = 64
# A thinking model thinks before it counts or calls; it stops by itself long before this.
_SOME_TOKENS: Final = 512

TOOL: Final = "get_weather"
_TOOLS: Final = [
    {
        "name": TOOL,
        "description": "The weather of a city, now.",
        "input_schema": {
            "type": "object",
            "properties": {"city": {"type": "string"}},
            "required": ["city"],
        },
    }
]
_WEATHER: Final = "What is the weather in Paris? Ask the tool."
_RESULT: Final = "18 degrees, sunny"

# 32 × 32 pixels, red: some hosts refuse pictures of one pixel.
_PICTURE: Final = (
    "iVBORw0KGgoAAAANSUhEUgAAACAAAAAgCAIAAAD8GO2jAAAAJ0lEQVR42u3NsQkAAAjAsP7/tF7hIASyp6lTCQQCgUAg"
    "EAgEgi/BAjLD/C5w/SM9AAAAAElFTkSuQmCC"
)


def plain(codec: Codec, model: str, quirks: Quirks, *, streams: bool) -> bytes:
    """A question in the provider's own dialect; a longer answer where a stream is to be seen."""
    question, limit = (_LONGER, _SOME_TOKENS) if streams else (_SHORT, _FEW_TOKENS)
    asked = codec.plain_question(question, limit, quirks)
    return jsonio.dumps({"model": model, "stream": streams, **asked})


def tool_call(model: str) -> dict[str, Any]:
    """A Messages request that a model answers by calling `TOOL`."""
    return {
        "model": model,
        "max_tokens": _SOME_TOKENS,
        "tools": _TOOLS,
        "messages": [{"role": "user", "content": _WEATHER}],
    }


def tool_result(asked: dict[str, Any], content: list[Any]) -> dict[str, Any]:
    """The next request after the answer `content`: all of it back, thinking too, with the results
    of its calls."""
    results = [
        {"type": "tool_result", "tool_use_id": block["id"], "content": _RESULT}
        for block in content
        if block["type"] == "tool_use"
    ]
    history = [
        *asked["messages"],
        {"role": "assistant", "content": content},
        {"role": "user", "content": results},
    ]
    return {**asked, "messages": history}


def picture(model: str) -> dict[str, Any]:
    """A Messages request with an image in it."""
    source = {"type": "base64", "media_type": "image/png", "data": _PICTURE}
    content = [
        {"type": "image", "source": source},
        {"type": "text", "text": "Which colour is this? One word."},
    ]
    return {
        "model": model,
        "max_tokens": _FEW_TOKENS,
        "messages": [{"role": "user", "content": content}],
    }


def as_client(codec: Codec, model: str) -> bytes:
    """What is asked through the gateway: a stream, as every coding tool asks for one."""
    asked = codec.plain_question(_SHORT, _FEW_TOKENS, Quirks())
    return jsonio.dumps({"model": model, "stream": True, **asked})
