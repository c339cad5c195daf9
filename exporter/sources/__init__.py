"""Where telemetry comes from: Loki and local files, behind the contract in ``source``."""
