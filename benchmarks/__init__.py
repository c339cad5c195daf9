"""The figures of docs/performance.md, made by one command: ``python -m benchmarks`` (``make bench``).

One file a benchmark; each has ``rows(bench)``, which yields rows of the table, and the jobs it runs in processes of
their own (``child``), so that peak memory and imports of one do not show in another. Every figure stands beside one
of the same run: a bare scan of the same files, a bare fit of the same rows, another download of the same events.
"""
