"""Reading from and writing to Loki over HTTP.

Reading order: ``settings`` → ``errors``, ``refusals`` and ``failures`` (what statuses and broken connections mean) →
``transport`` (one request) → ``reply`` (bodies become entries) → ``client`` (operations and retries) → ``paging``
(spans of time become entries) → ``slices`` (spans read ahead by threads) → ``cursor`` (what was read already) →
``push`` (writing).
"""
