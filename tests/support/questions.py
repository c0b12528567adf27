"""A message asked of a running gateway, as a coding tool would."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from typing import Any

from gwproxy.profiles.local_token import local_token

CLAUDE, CODEX = "claude-cli/2.1.330 (external, cli)", "codex_cli_rs/0.141.0 (Debian)"

_PATIENCE_S = 120


def message(url: str, agent: str = CLAUDE, **body: Any) -> tuple[int, str]:
    """The status of its answer and the id of its exchange; 0 where there is none."""
    hello = [{"role": "user", "content": "hello"}]
    sent = {"model": "claude-sonnet-4-6", "max_tokens": 50, "messages": hello, **body}
    head = {"content-type": "application/json", "user-agent": agent}
    request = urllib.request.Request(
        f"{url}/v1/messages",
        data=json.dumps(sent).encode(),
        headers={**head, "x-api-key": local_token().reveal()},
    )
    try:
        with urllib.request.urlopen(request, timeout=_PATIENCE_S) as answer:
            answer.read()
            return answer.status, answer.headers["x-gwproxy-request-id"]
    except urllib.error.HTTPError as error:
        with error:
            error.read()
            return error.code, error.headers["x-gwproxy-request-id"]
    except OSError:
        return 0, ""
