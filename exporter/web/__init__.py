"""What people and Prometheus read over HTTP: pages, the versioned API, the exposition and the operating endpoints.

Reading order: ``services`` (what the rest of the process lends to this room) → ``session_detail`` (one session in
full) → ``app`` (how it is put together) → ``operations``, ``api``, ``pages`` (the routes) → ``session_filter``,
``overview_view``, ``session_view``, ``drawings``, ``wording`` (what the templates show) → ``origin``,
``form_token``, ``response_headers`` (what keeps other sites out) → ``access`` and what asks it before a route runs, in
this order: ``request_bounds``, ``host_check``, ``rate_limit``, ``authentication`` (``permissions``, ``basic_users``,
``bearer_tokens``), ``body_limit`` → ``connections``, ``tls`` (below HTTP).

Telemetry is hostile input: every text on a page goes through the templates' escaping, no page has a script or needs
one, and nothing is loaded from elsewhere. The only errors raised here are ``fastapi.HTTPException``.
"""
