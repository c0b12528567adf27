"""An ANSWER on its way down: hub events in, hub events out, one stage after another.

sequencer   interleaved blocks one after another
leaked      tool calls that a model wrote into its text
calls       tool calls with the client's ids, names and kinds; no half call
stops       stop sequences, matched here
fitted      text as the JSON that the prompt asked for
summary     the answer to an order to compact the conversation
listener    reasoning before a tool call, kept for the next request
"""
