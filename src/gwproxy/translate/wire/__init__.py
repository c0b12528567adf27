"""What all three wires share: JSON and its shapes, server-sent events, seals, tool arguments, and
edits of a body's own bytes. Nothing here knows a dialect."""
