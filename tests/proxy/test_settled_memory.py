"""What a server keeps of memory between requests, counted by the kernel: no time is measured."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

REQUESTS = 40
PROGRAM = f"""
import resource, sys
from concurrent.futures import ThreadPoolExecutor
from gwproxy.proxy import serving

size, threads = int(sys.argv[1]), int(sys.argv[2])

def request(number):
    came = b"".join([b"x" * (size // 10) for _ in range(10)])
    wide = chr(0x201C) + came.decode()  # two bytes a letter, as soon as one is not Latin
    return len((came, wide, wide.encode(), [wide[: size // 10] for _ in range(10)]))

serving.settle()
request(0)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
with ThreadPoolExecutor(threads) as pool:
    for number in range({REQUESTS}):
        pool.submit(request, number).result()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="a matter of glibc")
@pytest.mark.parametrize(("size", "threads"), [(2_000_000, 1), (5_000_000, 1), (2_000_000, 8)])
def test_a_long_history_finds_the_memory_of_the_one_before(size: int, threads: int) -> None:
    """In whichever thread that was; else it takes six times its size anew."""
    child = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(size), str(threads)],
        capture_output=True,
        text=True,
        check=True,
    )
    pages_of_one = size / 4096
    assert int(child.stdout) < REQUESTS * pages_of_one / 20
