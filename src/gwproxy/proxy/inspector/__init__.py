"""The inspector: the page of the running gateway, and what it reads.

A page of a browser is let in where every other one is refused, so this room has a door of its own:

    grant.py      who may: one-time codes for the address, secrets for the page
    files.py      the page itself, as static files; there is no data in it and it needs no secret
    views.py      what it reads, and the two things that it changes
    inspector.py  the door: guards, then what a path means

What comes in here is no exchange: nothing of it is in the log, the ledger or the feed.
"""
