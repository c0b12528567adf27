"""What `gwproxy setup` wants a client's file to say: the client's own wishes, with the file of ours
beside it and what weaker files of theirs say.
"""

from __future__ import annotations

from dataclasses import replace

from gwproxy.cli.setup_inputs import SetupInputs
from gwproxy.clients.change import Wisher
from gwproxy.clients.document import ABSENT, Tree, lookup, same
from gwproxy.clients.endpoint import ToolEndpoint
from gwproxy.clients.known import BESIDE, Client
from gwproxy.clients.plan import FileBeside, SetupWish
from gwproxy.clients.undo import Flags


def wisher(asked: SetupInputs, client: Client, endpoint: ToolEndpoint) -> Wisher:
    """What makes the wishes for a file, given what it says."""
    theirs = client.beneath(asked.flags.scope or client.SCOPES[0], asked.places)

    def wished(tree: Tree) -> list[SetupWish]:
        beside = beside_of(asked, client, endpoint, tree)
        mentions = [] if beside is None else [beside.mention]
        wishes = client.wishes(endpoint, tree, default=asked.flags.default)
        return mentions + [
            replace(wish, elsewhere=wish.elsewhere or _is_set_beneath(wish, theirs))
            for wish in wishes
        ]

    return wished


def beside_of(
    asked: SetupInputs, client: Client, endpoint: ToolEndpoint, tree: Tree
) -> FileBeside | None:
    """The file of ours that goes with a client's own, of which `tree` are the values."""
    wanted = BESIDE.get(client.NAME)
    return None if wanted is None else wanted(endpoint, tree, default=asked.flags.default)


def flags_of(asked: SetupInputs, endpoint: ToolEndpoint) -> Flags:
    """What to note of the command line, for the next time that this file is written."""
    flags = asked.flags
    return Flags(
        profile=endpoint.profile.name if endpoint.names_profile else None,
        default=flags.default,
        helper=flags.helper,
        direct=flags.direct,
        in_place=flags.in_place,
        home=str(asked.places.home) if flags.home else None,
        folder=str(asked.places.project) if flags.scope in ("project", "local") else None,
    )


def _is_set_beneath(wish: SetupWish, theirs: Tree) -> bool:
    """Whether a weaker file has another value there, which ours would hide."""
    value = lookup(theirs, wish.path) if wish.yielding else ABSENT
    return value is not ABSENT and not same(value, wish.value)
