"""What people and Prometheus read over HTTP: pages, the versioned API, the exposition and the operating endpoints.

Reading order: ``services`` (what the rest of the process lends to this room) → ``session_detail`` (one session in
full) → ``app`` (how it is put together) → ``operations``, ``api``, ``pages`` (the routes) → ``session_filter``,
``overview_view``, ``session_view``, ``drawings``, ``wording`` (what the templates show) → ``origin``,
``form_token``, ``body_limit``, ``response_headers`` (what keeps strangers out).

Telemetry is hostile input: every text on a page goes through the templates' escaping, no page has a script or needs
one, and nothing is loaded from elsewhere. The only errors raised here are ``fastapi.HTTPException``.
"""
