"""What a server keeps of memory between requests, counted by the kernel: no time is measured."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

REQUESTS = 100
PAGES_OF_ONE = 2_000_000 // 4096
PROGRAM = f"""
import resource
from gwproxy.proxy import serving

def request():
    came = b"".join([b"x" * 200_000 for _ in range(10)])
    wide = chr(0x201C) + came.decode()  # two bytes a letter, as soon as one is not Latin
    return came, wide, wide.encode(), [wide[:200_000] for _ in range(10)]

if "settled" in __import__("sys").argv:
    serving.settle_memory()
request()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range({REQUESTS}):
    request()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def pages_made(*arguments: str) -> int:
    """How many pages the kernel had to make for requests of 2 MB, one after the other."""
    child = subprocess.run(
        [sys.executable, "-c", PROGRAM, *arguments], capture_output=True, text=True, check=True
    )
    return int(child.stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="a matter of glibc")
def test_a_long_history_finds_the_memory_of_the_one_before() -> None:
    assert pages_made("settled") < REQUESTS * PAGES_OF_ONE / 20
