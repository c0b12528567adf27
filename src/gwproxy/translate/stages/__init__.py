"""An ANSWER on its way down: hub events in, hub events out, one stage after another.

sequencer   interleaved blocks one after another
leaked      tool calls that leaked into text
calls       calls with the client's ids, names and kinds; no half call
stops       stop sequences, matched here
fitted      words as the JSON that the prompt asked for
listener    what was thought before a call, kept for the next request
"""
