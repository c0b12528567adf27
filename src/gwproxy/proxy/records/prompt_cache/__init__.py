"""The cache alarm: a prompt cache that is not read any more, and what broke it.

A turn of a conversation is read from its provider's cache as far as it begins like the one before,
at a tenth of the price; where it stops to do so nothing fails, and nobody sees it but on the bill.

    turn.py      what is remembered of a turn, and the alarm, as values
    verdict.py   from two turns to an alarm: known reasons, and what changed it (pure)
    words.py     an alarm in words (pure)
    watch.py     the last turns of the sessions, within bounds, and who is told
"""
