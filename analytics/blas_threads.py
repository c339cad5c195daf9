"""One thread for products of matrices: threads that wait for each other on a busy machine cost many times the work."""

from __future__ import annotations

from contextlib import AbstractContextManager
from functools import cache
from typing import Any

from threadpoolctl import ThreadpoolController


def one_blas_thread() -> AbstractContextManager[Any]:
    """While this lasts numpy multiplies matrices with the calling thread alone, in the whole process."""
    return _controller().limit(limits=1, user_api="blas")


@cache
def _controller() -> ThreadpoolController:
    """The libraries in the process, looked for once: that takes longer than a product."""
    return ThreadpoolController()
