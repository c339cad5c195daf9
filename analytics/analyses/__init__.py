"""The analyses: siblings that never import each other, one file each, registered in ``analytics.registry``."""
