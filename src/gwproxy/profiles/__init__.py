"""What we may talk to, and with which key: profiles, presets, model facts, quirks, credentials."""
