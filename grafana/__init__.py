"""Dashboards as code: Python here becomes the JSON in ``generated/``, which Grafana provisions.

Build-time code: nothing in this room runs in the exporter. It imports names from ``exporter`` and ``analytics``, so
that no dashboard can query a metric, level or stream that does not exist. Reading order: ``metric_names`` →
``queries`` (what is asked) → ``dashboards.panels`` (how it looks) → ``dashboards`` (what stands where) → ``build``.
"""

import warnings

# The foundation SDK warns on import that it prefers dashboard schema v2. Grafana's file provisioning reads the
# classic schema in every supported version, so that is what is generated.
with warnings.catch_warnings():
    warnings.filterwarnings("ignore", message="Prefer using dashboardv2", category=DeprecationWarning)
    # Imported only so that later imports of them, and of what they bring in, are quiet.
    import grafana_foundation_sdk.builders.dashboard
    import grafana_foundation_sdk.builders.timeseries  # noqa: F401
