"""Novelties: users, agents, agent versions and tools that nobody had seen before, and agents that get other tools.

What a batch of events shows for the first time is stored in the transaction that stores the events, so that it is
told once, whatever ends the process. Reading order: ``sightings`` (what a batch shows) → ``telling`` (what is new in
it: a line for Loki, a count, a line in the log) → ``settling`` (re-tooled agents: what is said, when they are normal
again) → ``in_role`` (how their sessions are judged meanwhile) → ``upkeep`` (beginning and forgetting).
"""
