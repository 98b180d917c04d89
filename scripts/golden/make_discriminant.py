# SPDX-License-Identifier: MIT
"""Prints SciPy's eigenvalues, ascending, of the rows that tests/unit/trainer/test_discriminant.c makes."""
import numpy as np
import scipy.linalg

ROWS, WIDTH, CLASSES, REGULAR = 24, 5, 4, 1e-3

row, col = np.meshgrid(np.arange(ROWS), np.arange(WIDTH), indexing="ij")
x = (np.sin(1.3 + 0.7 * row + 2.1 * col + 0.37 * row * col)
     + 0.5 * np.cos(1.1 * (row % CLASSES) * (col + 1))).astype(np.float32).astype(float)
classes = np.arange(ROWS) % CLASSES
total = np.cov(x.T, bias=True)
within = sum((classes == c).mean() * np.cov(x[classes == c].T, bias=True) for c in range(CLASSES))
values = scipy.linalg.eigh(total - within, within + REGULAR * np.eye(WIDTH), eigvals_only=True)
print(values[-(CLASSES - 1):])
