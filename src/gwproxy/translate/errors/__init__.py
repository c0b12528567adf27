"""A refusal, read and mended: tables with a source for each row, and what they are asked by.

failure_words   words of a full window, an empty account, a busy server
complaints      an error's body → a Failure, whatever its shape
reports         the complaints of one message, each by itself
grammars        which members a refusal names, by the grammar of its writer
refusals        known refusals and the quirks that spare them
healing         what to change before a request is asked again
openai_error    the error object that two dialects share
"""
