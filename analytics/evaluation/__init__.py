"""How good the scores are, measured on sessions whose truth is known.

Pure like the rest of this room: sessions and truth in, figures out; seeds decide everything random.

Reading order: ``truth`` (what is known of each session) → ``prefixes`` (sessions as they were earlier) → ``splits``
(fit / threshold / test, never sharing a group) → ``trial`` (one fit, everything judged with it) → ``blocks`` (scores
of judged sessions beside the unseen good ones that set the threshold) → ``metrics`` → ``bootstrap`` → ``report``.
How soon an alarm comes is another path from ``splits``: ``prefix_grid`` (the ages at which growing sessions are looked
at) → ``trial`` → ``alarm_delay``.
Beside them ``toolsets`` (sessions that work with the same tools), ``peer_space`` (the features as other detectors
get them) and ``injection`` (misbehaviour put into recorded sessions).

What keeps the figures honest
    - A group (the runs of one task, a session with its sub-agents) lies in one part only.
    - A threshold comes from good sessions that were neither fitted on nor judged.
    - Pairs and thresholds never cross strata: an AUROC compares sessions of one model and agent.
    - A session that the product does not judge (too short) counts as never alarmed.

EvaluationError
    The sets do not allow what was asked; the message names the set or column and what to do.
"""

from __future__ import annotations

from analytics.evaluation.errors import EvaluationError

__all__ = ["EvaluationError"]
