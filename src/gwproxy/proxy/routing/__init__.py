"""Which way a request goes: the route, another one where that fails, and who waits for whom."""
