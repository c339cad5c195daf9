"""What the dashboards ask, apart from how they show it: PromQL and LogQL as plain text with Grafana's variables.

``promql`` and ``logql`` hold the selectors, the other files the queries of one dashboard each.
"""
