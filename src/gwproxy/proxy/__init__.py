"""The aiohttp shell: the only room with sockets and a clock."""
