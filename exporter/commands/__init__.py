"""The commands: one file each, thin, put together in ``exporter.cli``."""
