"""Token vectors from co-occurrence counts: where an encoder's embedding starts when a CPU must train it.

Positive pointwise mutual information of tokens near one another, factorised by a truncated SVD (Levy & Goldberg 2014,
"Neural word embedding as implicit matrix factorization"; context distribution smoothing as in Levy, Goldberg & Dagan
2015). Two minutes of counting give what contrastive training needs many hours of this machine for: near vectors for
words of one topic.
"""

import logging

import numpy as np

logger = logging.getLogger(__name__)

WINDOW = 8  # tokens on each side, weighted by 1 / distance
SMOOTHING = 0.75  # exponent of the context counts


def token_vectors(
    ids: np.ndarray, offsets: np.ndarray, vocabulary: int, size: int, seed: int = 0
) -> np.ndarray:
    """Unit vectors (vocabulary, size) of the tokens ``ids`` of documents that start at ``offsets``.

    Tokens that never occur get zeros. Memory: 4 bytes x vocabulary squared.
    """
    from scipy.sparse import csr_matrix
    from sklearn.utils.extmath import randomized_svd

    counts = _counts(ids, offsets, vocabulary)  # (vocabulary, vocabulary), symmetric
    totals = counts.sum(axis=1, dtype=np.float64)
    smoothed = totals**SMOOTHING
    smoothed /= smoothed.sum()
    rows, columns = np.nonzero(counts)
    values = counts[rows, columns]
    del counts
    with np.errstate(divide="ignore"):
        information = np.log(values / totals[rows] / smoothed[columns]).astype(np.float32)
    positive = information > 0
    matrix = csr_matrix(
        (information[positive], (rows[positive], columns[positive])), (vocabulary, vocabulary)
    )
    logger.info("co-occurrence: %d pairs of tokens", matrix.nnz)
    left, values, _ = randomized_svd(matrix, size, n_iter=3, random_state=seed)
    vectors = left * np.sqrt(values)
    vectors[totals == 0] = 0  # tokens that never occur: only rounding is left of them
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    return (vectors / np.maximum(norms, 1e-9)).astype(np.float32)


def _counts(ids: np.ndarray, offsets: np.ndarray, vocabulary: int) -> np.ndarray:
    document = np.repeat(np.arange(len(offsets) - 1, dtype=np.int32), np.diff(offsets))
    counts = np.zeros(vocabulary * vocabulary, dtype=np.float32)
    for distance in range(1, WINDOW + 1):
        near = document[distance:] == document[:-distance]
        left = ids[:-distance][near].astype(np.int64)
        right = ids[distance:][near].astype(np.int64)
        pairs, times = np.unique(left * vocabulary + right, return_counts=True)
        counts[pairs] += times.astype(np.float32) / distance
    square = counts.reshape(vocabulary, vocabulary)
    return square + square.T
