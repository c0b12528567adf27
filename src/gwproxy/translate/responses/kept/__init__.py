"""What a Responses server is expected to remember: the door for whoever keeps conversations.

state    what a request asks to be remembered, and what it refers to
record   what there is to remember of an answer
replay   a remembered answer as a stream again
"""
