"""What the gateway is asked beside its exchanges: token counts, models, usage, its own status."""
