from __future__ import annotations

from threadpoolctl import threadpool_info

from analytics.blas_threads import one_blas_thread


def threads() -> list[int]:
    return [library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"]


def test_products_of_matrices_have_one_thread_meanwhile_and_what_they_had_afterwards():
    before = threads()
    with one_blas_thread():
        assert 1 in threads()
        with one_blas_thread():
            pass
        assert 1 in threads()
    assert threads() == before
