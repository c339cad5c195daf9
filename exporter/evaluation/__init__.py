"""What ``sigyn evaluate`` does besides computing: reads events and labels, spreads fits over processes, prints.

Reading order: ``labels_file`` and ``corpus`` (what goes in) → ``conditions`` (how sessions are fitted on and cut) →
``labelled_run`` and ``injected_run`` (all fits of a table) → ``report_text`` (what comes out). ``pyod_peers`` holds the
detectors of PyOD to compare with; ``jobs`` the processes.
"""
