"""An ANSWER on its way down: hub events in, hub events out, one stage after another.

sequencer   interleaved blocks one after another
leaked      tool calls that leaked into text
calls       calls with the client's ids, names and kinds; no half call
stops       stop sequences, matched here
listener    what was thought before a call, kept for the next request
"""
