"""What comes in: a client's connection, who may speak, the request, and the stream back to it."""
