"""One request on one route, from its translation to the last byte of its answer."""
