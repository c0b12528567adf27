"""The memory behind `/v1/responses`, for clients that rely on a server's.

A response that was asked to be kept (the API's default) is kept in an SQLite file of the state
directory, with the input of its own request and the id of the response before it. A request that
names an earlier one (`previous_response_id`, `item_reference`) is made whole out of them before it
goes anywhere, so that every upstream can serve it, the stateless ones too. An upstream of this very
dialect is left to keep its own; of those that nobody knows, copies are kept here until they show
whether they do.

    kept.py      one response as a value
    database.py  the file, and its bounds
    store.py     the one thread that uses it; trouble with it harms no answer
    turn.py      one exchange: what its request leans on, and what of its answer is kept

The routes that read it are in `queries`: `retrieval`, and `remote` for what an upstream keeps
itself.

Conversations are whole: the file loses the one that was left alone for longest, with all that is
in it, never the beginning of one that goes on.

https://platform.openai.com/docs/guides/conversation-state
"""

from __future__ import annotations

from gwproxy.proxy.records.conversations.kept import Kept
from gwproxy.proxy.records.conversations.store import Conversations, Unknown

__all__ = ["Conversations", "Kept", "Unknown"]
