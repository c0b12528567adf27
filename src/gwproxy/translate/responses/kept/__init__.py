"""What a Responses server is expected to remember, for the shell that keeps conversations.

state    what a request asks to be kept, and which kept items it refers to
record   the response object of an answer, to be kept
replay   a kept answer as a stream again
"""
