"""Pure analysis of coding agents' behaviour: data in, data out.

No network, files, clock, environment, Prometheus or YAML in this room; clocks and randomness are arguments.

Reading order: ``events`` (the columns everything rests on) → ``intake`` (records become columns) →
``sessions`` → ``tool_uses`` → ``features`` → ``detectors`` and ``calibration`` → ``analysis`` (the contract)
→ ``registry`` → ``analyses``. Beside them ``rules`` (findings) and ``simulation`` (telemetry with planted truth).

Glossary
    event: one decoded telemetry record, one row of an ``EventTable``.
    session: all events that share a session id; it ends after an idle time-out and reopens with a late event.
    tool use: one use of a tool, made of its call, decision and result.
    feature: one documented number that describes a session's behaviour.
    age: how many events a session has had; running sessions are compared with finished ones at the same age.
    raw score: a detector's own number, higher is stranger. score: the calibrated number in 0…1.
    anomaly: the detectors' joint calibrated verdict. risk: anomaly joined with rule findings.
    finding: a deterministic rule matched in a session. reason: a feature that explains an anomaly.
    fingerprint: a session's behaviour as a normalised vector with a short, stable id for its cluster.
"""
