"""What can be wrong with a cluster."""

from __future__ import annotations


class ClusterError(Exception):
    """The cluster cannot be used, or was lost; the message names the scheduler and what to do."""
