# SPDX-License-Identifier: MIT
"""Measures the five photographs that the published frost mixes in, for the table of recipes in src/shift/frost_texture.cpp.

usage: measure_frost.py

Prints for each the mean and standard deviation of R, G and B, the quantiles of gray (the mean of the channels), and its standard deviation in octaves of spatial
frequency; src/shift/frost_statistics.h says which. Seen through a Hann window; the lowest octave, which a window hides, is what the others leave of the variance.
The photographs are those of PyPI imagecorruptions; shift_reference.py says what to install. None of their pixels is in this repository.
"""
import numpy as np

import shift_reference as reference

SHARES = [0, .001, .01, .05, .1, .25, .5, .75, .9, .95, .99, .999, 1]
OCTAVES = 8


def octaves(gray: np.ndarray) -> np.ndarray:
    window = np.outer(*(np.hanning(side) for side in gray.shape))
    window /= np.sqrt((window ** 2).mean())
    power = np.abs(np.fft.fft2((gray - (gray * window ** 2).mean()) * window)) ** 2 / gray.size ** 2
    frequency = np.hypot(*np.meshgrid(*(np.fft.fftfreq(side) for side in gray.shape), indexing="ij"))
    octave = np.clip(np.floor(np.log2(.5 / np.maximum(frequency, 1e-9))), 0, OCTAVES - 1).astype(int)
    variance = np.bincount(octave.ravel(), power.ravel(), OCTAVES)
    variance[-1] = max(gray.var() - variance[:-1].sum(), 1)
    return np.sqrt(variance)


for i, photograph in enumerate(reference.frost_photographs(1.0)):
    gray = photograph.astype(float).mean(-1)
    print(f"{i}: mean {photograph.mean((0, 1)).round()}, deviation {photograph.std((0, 1)).round()}")
    print(f"   quantiles {np.quantile(gray, SHARES).round().astype(int).tolist()}, octaves {octaves(gray).round(1).tolist()}")
