# SPDX-License-Identifier: MIT
"""Prints PyTorch's symmetric InfoNCE of the rows that tests/check/loss/check_info_nce.c makes."""
import torch
import torch.nn.functional as F

ROWS, WIDTH, TEMPERATURE = 6, 4, 0.25

index = torch.arange(ROWS * WIDTH, dtype=torch.float64)
audio = torch.sin(1.0 + 1.7 * index).float().double().reshape(ROWS, WIDTH)
visual = torch.cos(0.3 + 2.3 * index).float().double().reshape(ROWS, WIDTH)
scores = F.normalize(audio, dim=1) @ F.normalize(visual, dim=1).T / TEMPERATURE
own = torch.arange(ROWS)
print(float((F.cross_entropy(scores, own) + F.cross_entropy(scores.T, own)) / 2))
