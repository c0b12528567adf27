"""A refusal, read and mended: tables with a source for each row, and what reads them.

failure_words    words for a full context window, an empty account, a busy server
complaints       the Failure that an error body of any shape means
reports          the complaints in one message, one by one
grammars         which members a refusal names, by the grammar of its validator
rules, remedies  what a row of the tables of refusals is, and the quirk changes it may hold
refusals         known refusals and the quirk changes that avoid them; refused_* are parts of it
healing          what to change before a request is asked again
openai_error     the error object that two dialects share
"""
