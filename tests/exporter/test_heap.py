"""Threads share one heap where the C library is glibc, unless somebody has chosen otherwise."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(
    "CS_GNU_LIBC_VERSION" not in os.confstr_names, reason="only glibc gives each thread a heap of its own"
)

HEAPS = """
import ctypes, os, sys, threading
from exporter.heap import share_one_heap

told = share_one_heap(os.environ)
together, kept = threading.Barrier(8), []

def work():
    together.wait()
    kept.extend(bytearray(10_000) for _ in range(50))
    together.wait()

threads = [threading.Thread(target=work) for _ in range(8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(told, flush=True)
library = ctypes.CDLL(None)
library.fdopen.restype = ctypes.c_void_p
out = library.fdopen(1, b"w")
library.malloc_info(0, ctypes.c_void_p(out))
library.fflush(ctypes.c_void_p(out))
"""


def heaps(**environment):
    """Whether one heap was chosen, and how many there are."""
    variables = {key: value for key, value in os.environ.items() if key != "MALLOC_ARENA_MAX"}
    command = [sys.executable, "-c", HEAPS]
    told = subprocess.run(command, env={**variables, **environment}, check=True, capture_output=True, text=True).stdout
    return told.split()[0] == "True", told.count("<heap nr=")


def test_threads_share_the_first_ones_heap():
    assert heaps() == (True, 1)


def test_what_the_environment_says_stands():
    was_chosen, count = heaps(MALLOC_ARENA_MAX="4")
    assert not was_chosen
    assert 1 < count <= 4


FREED = """
import os
from exporter.heap import give_back_free

def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

pieces = [bytearray(20_000) for _ in range(4_000)]
pieces[:] = pieces[::100]
before = resident()
print(give_back_free(), before - resident())
"""


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs /proc, which tells resident memory")
def test_what_is_free_between_used_pieces_is_given_back():
    told = subprocess.run([sys.executable, "-c", FREED], check=True, capture_output=True, text=True).stdout.split()
    assert told[0] == "True"
    assert int(told[1]) > 20_000_000
