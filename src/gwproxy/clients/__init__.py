"""Setup of other people's tools: what to tell them, and how to change their files without fear.

One direction, left to right; only the last step touches the disk:

    endpoint      where a client is pointed at, and with which secret
    claude_code, openclaw, opencode, codex
                  what each must be told: wishes (`plan.Wish`), or a way to start it once (`launch`)
    plan, undo    from wishes to edits of a text, and back: pure, and the same for every client
    jsontext, tomltext
                  the surgery: one member changes, and no other byte (`document` says the contract)
    change        read, plan, copy, record, write: in an order that makes a crash harmless
    ledger, files our own records and copies; the only writer of other tools' files

Nothing here asks a question, prints, reads a keyring or opens a socket.
"""
