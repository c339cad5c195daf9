"""Isolation Forest: strange rows are isolated by few random cuts.

Source: F. T. Liu, K. M. Ting, Z.-H. Zhou, "Isolation Forest", ICDM 2008. scikit-learn grows the trees; the rows are
walked down all of them at once here, because its own scoring costs a running session far more in ceremony for each
tree than in work. The scores are the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING, Final

import numpy as np

from analytics.detectors import Detector

if TYPE_CHECKING:
    from sklearn.ensemble import IsolationForest

_LEAF: Final = -1
_BLOCK: Final = 100
"""Rows walked at once: where each stands in all trees then stays in the processor's cache."""


@dataclass(frozen=True)
class FittedIsolationForest:
    """All trees' nodes, one under the other.

    Attributes:
        roots: the root of each tree, shape (n_trees,).
        left, right: children, shape (n_nodes,); a leaf is its own child.
        feature, threshold: the cut; rows at or below the threshold go left.
        depth: at a leaf, cuts on the way to it and those its remaining rows would still need, on average.
        usual_depth: average depth of an ordinary row, to which depths are compared.
    """

    roots: np.ndarray
    left: np.ndarray
    right: np.ndarray
    feature: np.ndarray
    threshold: np.ndarray
    depth: np.ndarray
    usual_depth: float
    longest: int

    @classmethod
    def of(cls, forest: IsolationForest) -> FittedIsolationForest:
        """Take the trees out of a fitted forest."""
        trees = [estimator.tree_ for estimator in forest.estimators_]
        offsets = np.cumsum([0, *(tree.node_count for tree in trees)])
        left = np.concatenate([tree.children_left for tree in trees])
        right = np.concatenate([tree.children_right for tree in trees])
        shift = np.repeat(offsets[:-1], np.diff(offsets))
        own = np.arange(len(left))
        is_leaf = left == _LEAF
        return cls(
            roots=offsets[:-1],
            left=np.where(is_leaf, own, left + shift),
            right=np.where(is_leaf, own, right + shift),
            feature=np.where(is_leaf, 0, np.concatenate([tree.feature for tree in trees])),
            threshold=np.concatenate([tree.threshold for tree in trees]),
            depth=np.concatenate([_depths(tree) for tree in trees]),
            usual_depth=float(_average_path(np.array([forest.max_samples_]))[0]),
            longest=max(tree.max_depth for tree in trees),
        )

    def score(self, rows: np.ndarray) -> np.ndarray:
        """Raw scores in 0…1, shape (n_rows,): higher is stranger, where scikit-learn's are lower."""
        # scikit-learn cuts at single precision; a row on the edge must fall on the same side.
        single = rows.astype(np.float32)
        blocks = [self._score_block(single[first : first + _BLOCK]) for first in range(0, len(single), _BLOCK)]
        return np.concatenate(blocks) if blocks else np.zeros(0)

    def _score_block(self, rows: np.ndarray) -> np.ndarray:
        node = np.broadcast_to(self.roots.astype(np.int32), (len(rows), len(self.roots)))
        begin = (np.arange(len(rows), dtype=np.int32) * rows.shape[1])[:, None]
        for _ in range(self.longest):
            goes_left = rows.take(begin + self._feature.take(node)) <= self.threshold.take(node)
            node = self._children.take(2 * node + goes_left)
        return 2.0 ** (-self.depth.take(node).mean(axis=1) / self.usual_depth)

    @cached_property
    def _feature(self) -> np.ndarray:
        """The cuts' features in half the memory."""
        return self.feature.astype(np.int32)

    @cached_property
    def _children(self) -> np.ndarray:
        """Each node's right child and its left one, side by side: one look a step."""
        return np.stack([self.right, self.left], axis=1).astype(np.int32).ravel()


def _depths(tree: object) -> np.ndarray:
    """Depth of each node of a tree, with what its rows would still need."""
    left: np.ndarray = tree.children_left  # type: ignore[attr-defined]  # scikit-learn's trees are untyped
    right: np.ndarray = tree.children_right  # type: ignore[attr-defined]
    rows: np.ndarray = tree.n_node_samples  # type: ignore[attr-defined]
    cuts = np.zeros(len(left))
    for parent in np.flatnonzero(left != _LEAF):  # children come after their parent
        cuts[left[parent]] = cuts[right[parent]] = cuts[parent] + 1
    return cuts + _average_path(rows)


def _average_path(rows: np.ndarray) -> np.ndarray:
    """Average length of an unsuccessful search in a binary tree over some rows (equation 1 of the paper)."""
    count = np.maximum(rows.astype(float), 1.0)
    longer = 2.0 * (np.log(np.maximum(count - 1.0, 1.0)) + np.euler_gamma) - 2.0 * (count - 1.0) / count
    return np.where(rows > 2, longer, np.where(rows == 2, 1.0, 0.0))


def fit_isolation_forest(rows: np.ndarray, seed: int, *, trees: int, contamination: float) -> FittedIsolationForest:
    """Fit a forest; each tree sees 256 rows at most, as the authors advise."""
    from sklearn.ensemble import IsolationForest  # noqa: PLC0415 - only a fit needs it, and it is half of what a start would load

    forest = IsolationForest(n_estimators=trees, contamination=contamination, random_state=seed)
    return FittedIsolationForest.of(forest.fit(rows))


def isolation_forest(trees: int = 200, contamination: float = 0.1) -> Detector:
    """The detector with its settings; ``contamination`` is the expected share of strange training rows."""
    return Detector("isolation_forest", partial(fit_isolation_forest, trees=trees, contamination=contamination))
