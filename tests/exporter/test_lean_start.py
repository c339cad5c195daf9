"""A start loads what judging needs; scikit-learn, which is as much again, waits for a fit."""

from __future__ import annotations

import pickle
import subprocess
import sys

import numpy as np

from analytics.detectors.covariance import fit_covariance
from analytics.detectors.dbscan import dbscan
from analytics.detectors.isolation_forest import isolation_forest
from analytics.detectors.lof import local_outlier_factor

LOADED = "import sys, exporter.serving; print(sorted({name.partition('.')[0] for name in sys.modules}))"


def test_the_exporter_is_loaded_without_scikit_learn():
    answer = subprocess.run([sys.executable, "-c", LOADED], capture_output=True, text=True, check=True)
    assert "'numpy'" in answer.stdout
    assert "'sklearn'" not in answer.stdout


def test_fitted_detectors_are_read_back_without_scikit_learn():
    rows = np.random.default_rng(1).normal(size=(60, 5))
    detectors = (isolation_forest(trees=5), local_outlier_factor(), dbscan())
    fitted = [detector.fit(rows, 0) for detector in detectors] + [fit_covariance(rows)]
    assert all(b"analytics" in pickle.dumps(one) for one in fitted)
    assert not any(b"sklearn" in pickle.dumps(one) for one in fitted)
