"""The side of the provider: the one HTTP client, its pool, headers, keys and fetched images."""
