#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes tests/metrics/golden: inputs, and what torch, scikit-learn, scipy, numpy and torchmetrics make of them.

classification.json  logits and labels; accuracies, losses, calibration errors
statistics.json      quantiles of Student's t, intervals of means, McNemar's test, bootstrap intervals
segmentation.json    logits and label maps; confusion matrices and what is made of them

Needs: pip install torch numpy scikit-learn scipy torchmetrics
"""
import json
import pathlib
import warnings

import numpy
import scipy.stats
import sklearn.metrics
import torch
import torchmetrics.functional.classification as tm

OUT = pathlib.Path(__file__).resolve().parent.parent / "tests" / "metrics" / "golden"


def adaptive_error(confidences, correct, bins):
    """The edges are quantiles by numpy's "inverted_cdf": the smallest value that b/bins of all values do not exceed."""
    edges = numpy.quantile(confidences, numpy.arange(1, bins + 1) / bins, method="inverted_cdf")
    bin_of = numpy.searchsorted(edges, confidences, side="left")
    gaps = [abs(float((correct[bin_of == b].astype(float) - confidences[bin_of == b]).sum())) for b in range(bins)]
    return sum(gaps) / len(confidences)


def classification(name, classes, images, spread, seed):
    """Logits with so many decimals that the JSON text is exact in float32, and the metrics of their float64 softmax."""
    random = numpy.random.default_rng(seed)
    labels = random.integers(0, classes, images)
    logits = random.normal(size=(images, classes)) * spread
    logits[numpy.arange(images), labels] += spread
    logits = numpy.round(logits * 64) / 64
    x, y = torch.from_numpy(logits), torch.from_numpy(labels)
    probabilities = x.softmax(1)
    predictions = x.argmax(1)
    correct = int((predictions == y).sum())
    top = min(5, classes)
    interval = scipy.stats.binomtest(correct, images).proportion_ci(0.95, method="wilson")
    confidences = probabilities.max(1).values.float().double().numpy()
    right = (predictions == y).numpy()
    return {
        "name": name,
        "logits": logits.tolist(),
        "labels": labels.tolist(),
        "predictions": predictions.tolist(),
        "confidences": probabilities.max(1).values.tolist(),
        "top1": float(sklearn.metrics.accuracy_score(y, predictions)),
        "top5": float((x.topk(top, 1).indices == y[:, None]).any(1).double().mean()),
        "nll": float(sklearn.metrics.log_loss(y, probabilities, labels=range(classes))),
        "nll_torch": float(torch.nn.functional.cross_entropy(x, y)),
        "brier": float(
            sklearn.metrics.brier_score_loss(y, probabilities, labels=range(classes), scale_by_half=False)
        ),
        "mean_class_accuracy": float(sklearn.metrics.balanced_accuracy_score(y, predictions)),
        "ece": float(tm.multiclass_calibration_error(probabilities, y, num_classes=classes, n_bins=15, norm="l1")),
        "adaptive": {str(bins): adaptive_error(confidences, right, bins) for bins in (1, 4, 15)},
        "mean_confidence": float(probabilities.max(1).values.mean()),
        "top1_interval": [float(interval.low), float(interval.high)],
    }


def wilson():
    for successes, trials in [(0, 1), (1, 1), (0, 10), (5, 10), (10, 10), (496, 2000), (1999, 2000), (1, 100000)]:
        found = scipy.stats.binomtest(successes, trials).proportion_ci(0.95, method="wilson")
        yield [successes, trials, float(found.low), float(found.high)]


def student_t():
    for degrees in [1, 2, 3, 4, 5, 7, 9, 10, 29, 30, 101, 1000, 100001]:
        for probability in [1e-6, 0.005, 0.025, 0.3, 0.5, 0.75, 0.95, 0.975, 0.995, 0.9999]:
            yield [probability, degrees, float(scipy.stats.t.ppf(probability, degrees))]


def repeats():
    for values, level in [([76.1, 75.8, 76.4], 0.95), ([0.5, 0.5, 0.5, 0.5], 0.95), ([1e6, 1e6 + 1], 0.99),
                          (numpy.random.default_rng(4).normal(size=10).round(6).tolist(), 0.9)]:
        mean, deviation = numpy.mean(values), numpy.std(values, ddof=1)
        half = scipy.stats.t.ppf((1 + level) / 2, len(values) - 1) * deviation / len(values) ** 0.5
        yield {"values": values, "level": level, "mean": float(mean), "deviation": float(deviation),
               "interval": [float(mean - half), float(mean + half)]}


def mcnemar():
    for repaired, broken in [(0, 0), (1, 0), (0, 5), (3, 3), (4, 9), (120, 80), (2000, 2100), (5000, 3000), (900, 0)]:
        p = scipy.stats.binomtest(repaired, repaired + broken, 0.5).pvalue if repaired + broken else 1.0
        yield [repaired, broken, float(p)]


def bootstrap():
    """Resamples images, 20000 times. `steps` is how many images the ends may be off by chance (four standard errors)."""
    for both_right, repaired, broken, both_wrong in [(50, 20, 10, 20), (700, 30, 60, 210), (10, 0, 3, 7)]:
        images = numpy.repeat([0, 1, -1, 0], [both_right, repaired, broken, both_wrong])
        found = scipy.stats.bootstrap((images,), numpy.mean, n_resamples=20000, method="percentile", batch=1000,
                                      rng=numpy.random.default_rng(0)).confidence_interval
        deviation = float(images.std() * len(images) ** 0.5)
        yield {"counts": [both_right, repaired, broken, both_wrong], "interval": [float(found.low), float(found.high)],
               "steps": 1 + 4 * deviation * (0.025 * 0.975 / 10000) ** 0.5 / float(scipy.stats.norm.pdf(1.96))}


def nan_mean(values):
    return float(numpy.nanmean(values)) if not numpy.isnan(values).all() else None


def segmentation(name, classes, logits_size, labels_size, ignore, absent, seed):
    """Images of `labels_size`; no label is ever one of `absent`."""
    random = numpy.random.default_rng(seed)
    logits = numpy.round(random.normal(size=(3, classes, *logits_size)) * 64) / 64
    logits[:, absent] -= 100
    labels = random.choice([k for k in range(classes) if k not in absent] + [ignore], size=(3, *labels_size))
    x, y = torch.from_numpy(logits).float(), torch.from_numpy(labels)
    if logits_size != labels_size:
        x = torch.nn.functional.interpolate(x, labels_size, mode="bilinear", align_corners=False)
    predictions = x.argmax(1)
    valid = y != ignore
    confusion = sklearn.metrics.confusion_matrix(y[valid], predictions[valid], labels=range(classes))
    right, labelled, predicted = confusion.diagonal(), confusion.sum(1), confusion.sum(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        iou, accuracy = right / (labelled + predicted - right), right / labelled
    if ignore < classes:
        iou[ignore] = numpy.nan  # torchmetrics leaves it out of the mean
    return {
        "name": name,
        "ignore_index": int(ignore),
        "logits": logits.tolist(),
        "labels": labels.tolist(),
        "predictions": predictions.tolist(),
        "confusion": confusion.tolist(),
        "class_iou": [None if numpy.isnan(v) else float(v) for v in iou],
        "class_accuracy": [None if numpy.isnan(v) else float(v) for v in accuracy],
        "mean_iou": nan_mean(iou),
        "mean_iou_torchmetrics": float(
            tm.multiclass_jaccard_index(predictions, y, num_classes=classes, ignore_index=int(ignore), average="macro")
        ),
        "mean_class_accuracy": nan_mean(accuracy),
        "pixel_accuracy": float(sklearn.metrics.accuracy_score(y[valid], predictions[valid])),
    }


def write(name, content):
    OUT.mkdir(parents=True, exist_ok=True)
    (OUT / name).write_text(json.dumps(content, separators=(",", ":")) + "\n")


def main():
    cases = [
        classification("ten classes", 10, 60, 2.0, 0),
        classification("three classes, fewer than five", 3, 25, 1.0, 1),
        classification("forty classes, overconfident", 40, 40, 6.0, 2),
        classification("two classes, one image", 2, 1, 1.0, 3),
    ]
    write("classification.json", {"cases": cases, "wilson": list(wilson())})
    write("statistics.json", {"student_t": list(student_t()), "repeats": list(repeats()), "mcnemar": list(mcnemar()),
                              "bootstrap": list(bootstrap())})
    write("segmentation.json", {"cases": [
        segmentation("same size", 5, (4, 6), (4, 6), 255, [], 0),
        segmentation("logits at a quarter", 4, (3, 5), (12, 20), 255, [], 1),
        segmentation("larger logits, a class without labels", 6, (9, 7), (5, 4), 255, [2], 2),
        segmentation("ignored class inside the range", 4, (6, 6), (6, 6), 0, [], 3),
    ]})


if __name__ == "__main__":
    main()
