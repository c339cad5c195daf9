"""The process: configuration, sources, decoders, schedule, state, model store, collector, web, command line.

All input, output, time, threads and environment live here; ``pipeline.run_cycle`` is the file to read first.
"""
