"""What ``sigyn evaluate`` does besides computing: reads events and labels, spreads fits over processes, prints.

Reading order: ``labels_file`` and ``corpus`` (what goes in) → ``conditions`` (how sessions are fitted on and cut) →
``labelled_run`` and ``injected_run`` (all fits of a table) → ``report_text`` (what comes out). ``pyod_peers`` holds the
detectors of PyOD to compare with.

How soon alarms come: ``watched`` (sessions measured again and again as they grow) → ``labelled_delay_run`` and
``injected_delay_run`` → ``delay_text``.
"""
