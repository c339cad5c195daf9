"""Work done by the workers of a Dask cluster; ``workers`` needs the extra ``cluster``, ``errors`` does not."""
