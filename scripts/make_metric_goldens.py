#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes tests/metrics/golden/classification.json: logits, labels, and what torch, scikit-learn, scipy and torchmetrics make of them.

Needs: pip install torch scikit-learn scipy torchmetrics
"""
import json
import pathlib

import numpy
import scipy.stats
import sklearn.metrics
import torch
import torchmetrics.functional.classification as tm

OUT = pathlib.Path(__file__).resolve().parent.parent / "tests" / "metrics" / "golden" / "classification.json"


def case(name, classes, images, spread, seed):
    """Logits with so many decimals that the JSON text is exact in float32, and the metrics of their float64 softmax."""
    random = numpy.random.default_rng(seed)
    labels = random.integers(0, classes, images)
    logits = random.normal(size=(images, classes)) * spread
    logits[numpy.arange(images), labels] += spread
    logits = numpy.round(logits * 64) / 64
    x, y = torch.from_numpy(logits), torch.from_numpy(labels)
    probabilities = x.softmax(1)
    correct = int((x.argmax(1) == y).sum())
    top = min(5, classes)
    interval = scipy.stats.binomtest(correct, images).proportion_ci(0.95, method="wilson")
    return {
        "name": name,
        "logits": logits.tolist(),
        "labels": labels.tolist(),
        "predictions": x.argmax(1).tolist(),
        "confidences": probabilities.max(1).values.tolist(),
        "top1": float(sklearn.metrics.accuracy_score(y, x.argmax(1))),
        "top5": float((x.topk(top, 1).indices == y[:, None]).any(1).double().mean()),
        "nll": float(sklearn.metrics.log_loss(y, probabilities, labels=range(classes))),
        "nll_torch": float(torch.nn.functional.cross_entropy(x, y)),
        "ece": float(tm.multiclass_calibration_error(probabilities, y, num_classes=classes, n_bins=15, norm="l1")),
        "mean_confidence": float(probabilities.max(1).values.mean()),
        "top1_interval": [float(interval.low), float(interval.high)],
    }


def main():
    cases = [
        case("ten classes", 10, 60, 2.0, 0),
        case("three classes, fewer than five", 3, 25, 1.0, 1),
        case("forty classes, overconfident", 40, 40, 6.0, 2),
        case("two classes, one image", 2, 1, 1.0, 3),
    ]
    intervals = []
    for successes, trials in [(0, 1), (1, 1), (0, 10), (5, 10), (10, 10), (496, 2000), (1999, 2000), (1, 100000)]:
        found = scipy.stats.binomtest(successes, trials).proportion_ci(0.95, method="wilson")
        intervals.append([successes, trials, float(found.low), float(found.high)])
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text(json.dumps({"cases": cases, "wilson": intervals}, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
