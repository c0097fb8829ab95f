# SPDX-License-Identifier: MIT
"""Measures rules under protocols on several models, prints the tables of README.md, and judges the rule `auto` by its targets.

usage: bench_rules.py --ttscale BUILD/bin/ttscale [--data ../shared/data] [--work build/bench-rules] [--write README.md]
                      [--models demo,resnet20] [--protocols shuffled,mixed/64] [--only-rules source,auto] [--rules ...] [--seeds 0,1] [--images N] [--jobs 2]
       bench_rules.py --ttscale BUILD/bin/ttscale --reduced

Models: the bundled demo, and with the data folder ResNet-20 on CIFAR-10, MobileNetV1 and EfficientNet-Lite0 on ImageNet, each on clean and on shifted images.
A row of a table is a protocol and batch size; all its rules see the same images in the same order. Every `ttscale eval` leaves one file in --work, and what is
there is not measured again; an interrupted one goes on where it was (--resume). Results of `auto` and its variants belong to the program that made them (a
hash of its file): another build measures them anew, and the fixed rules not. Remove --work to measure all. A variant is one more rule: --rules +auto:weight=1
adds it to the usual ones. Rows that have fewer than 600 images with two seeds get twice or four times as many seeds, but for EfficientNet, which is slow,
and for clean/16 of MobileNetV1, which has all its images.

Targets of `auto`, a model each: (a) in every row within 0.5 point of the best fixed rule, and ahead of each in the mean over the rows; (b) in no cell (row and
domain) more than 0.5 point and two standard errors below `source`, and on clean images not more than 0.5 point. Errors are those of paired differences with
the images as the sample: an image that comes in several domains, visits or seeds is one (clusters). They say nothing about other orders of the stream, and the
best of many fixed rules is best by luck, too, where images are few. Every miss is printed with its size.
--reduced: the demo alone, few images; checks that this script works, not what it measures.
Exit status: 0 if all was measured, whatever the verdict; 1 if not.
"""
import argparse
import collections
import concurrent.futures
import csv
import dataclasses
import hashlib
import json
import math
import os
import pathlib
import resource
import signal
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
RULES = ["source", "batch", "prior:count=16", "prior:count=64", "prior:count=256", "alpha:weight=0.1", "alpha:weight=0.3", "ema:momentum=0.01",
         "ema:momentum=0.05", "ema:momentum=0.1", "cumulative:count=64", "auto"]
ALLOWED = 0.5  # points that `auto` may lose against the best fixed rule, and against source
ROUNDING = 1e-9
ERRORS = 2  # standard errors more, against source in a cell
BEGIN, END = "<!-- made by scripts/bench_rules.py --write -->", "<!-- end of what bench_rules.py made -->"


@dataclasses.dataclass(frozen=True)
class Row:
    """A protocol at a batch size."""
    name: str
    protocol: str
    batch: int
    domains: str = "all"  # all, clean, or steps: shifts made on the fly, severities 1 to 5

    @property
    def key(self) -> str:
        return f"{self.name}/{self.batch}"


ROWS = [Row("shuffled", "reset-each-domain", batch) for batch in (1, 4, 16, 64, 200)] + [
    Row("clean", "reset-each-domain", 16, "clean"),
    Row("sorted", "correlated:delta=0", 16), Row("sorted", "correlated:delta=0", 64),
    Row("dirichlet", "correlated:delta=0.1", 16), Row("dirichlet", "correlated:delta=0.1", 64),
    Row("mixed", "mixed", 16), Row("mixed", "mixed", 64),
    Row("dirichlet-mixed", "mixed-correlated:delta=0.1", 64),
    Row("continual", "continual", 64), Row("gradual", "gradual", 16, "steps"), Row("recurring", "recurring:rounds=10", 16),
    Row("short", "short:images=10", 1), Row("short", "short:images=10", 10)]
STEPS = ["clean"] + [f"{kind}:1,2,3,4,5" for kind in ("gaussian_noise", "contrast", "fog")]


@dataclasses.dataclass(frozen=True)
class Model:
    name: str
    title: str
    archive: pathlib.Path
    data: pathlib.Path
    clean: pathlib.Path  # of these the images without a shift
    images: dict  # of a domain, by the key of a row, its name, or else its batch size
    flags: tuple = ()
    rows: tuple = ()  # keys; none: all
    rules: tuple = ()  # fixed ones; none: all
    more_seeds: dict = dataclasses.field(default_factory=dict)  # times as many, by the same keys; else 1

    def images_of(self, row: Row) -> int:
        images = of_row(self.images, row, None)
        if images is None:
            raise KeyError(f"{self.name}: no number of images for {row.key}")
        return images

    def seeds_of(self, row: Row, seeds: list) -> list:
        more = len(seeds) * (of_row(self.more_seeds, row, 1) - 1)
        return seeds + list(range(max(seeds) + 1, max(seeds) + 1 + more))


def of_row(values: dict, row: Row, default):
    return next((values[key] for key in (row.key, row.name, row.batch) if key in values), default)


def models(data: pathlib.Path) -> list:
    bundled = ROOT / "models"
    found = [Model("demo", "ResNet-14, Fashion-MNIST (bundled)", bundled / "fashion-resnet.scripted.pt", bundled / "fashion-images",
                   bundled / "fashion-images" / "clean",
                   {1: 60, 4: 100, 10: 100, 16: 200, 64: 256, 200: 400, "clean": 500, "gradual": 32, "short/1": 30}, more_seeds={"short/1": 2})]
    if not (data / "models").is_dir():
        print(f"ONLY THE DEMO: {data} is not there, so ResNet-20, MobileNetV1 and EfficientNet-Lite0 are not measured", flush=True)
        return found
    archives, cifar, imagenet = data / "models", data / "cifar10-dev", data / "imagenet-dev"
    crop = ("--img-size", "224", "--crop-pct", "1.0", "--class-map", str(imagenet / "class-map.txt"))
    return found + [
        Model("resnet20", "ResNet-20, CIFAR-10", archives / "resnet20-cifar10.traced.pt", cifar, cifar / "clean",
              {1: 40, 4: 100, 10: 100, 16: 200, 64: 192, 200: 400, "clean": 1000, "gradual": 32, "short/1": 20},
              ("--mean", ".485", ".456", ".406", "--std", ".229", ".224", ".225", "--shift-parameters", "cifar"), more_seeds={"short/1": 2}),
        Model("mobilenet", "MobileNetV1 0.25, ImageNet", archives / "mobilenetv1-025-imagenet.traced.pt", imagenet, imagenet / "clean",
              {1: 32, 4: 48, 10: 40, 16: 48, 64: 64, 200: 200, "clean": 200, "gradual": 12, "short/1": 20}, crop,
              more_seeds={1: 4, 4: 2, 10: 2, 16: 2, 64: 2, "clean": 1}),
        Model("efficientnet", "EfficientNet-Lite0, ImageNet", archives / "efficientnet-lite0-imagenet.traced.pt", imagenet, imagenet / "clean",
              {1: 24, 16: 32, 64: 64, "clean": 64, "mixed/64": 32}, crop + ("--mean", ".5", ".5", ".5", "--std", ".5", ".5", ".5"),
              ("shuffled/1", "shuffled/16", "shuffled/64", "clean/16", "dirichlet/16", "mixed/64"),
              ("source", "batch", "prior:count=64", "prior:count=256", "alpha:weight=0.3", "ema:momentum=0.05"))]


def is_auto(rule: str) -> bool:
    return rule.split(":")[0] == "auto"


def is_clean(domain: str) -> bool:
    return domain.split("/")[0] == "clean"


def digest(*parts) -> str:
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:12]


def file_digest(file: pathlib.Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()[:12]


class Outcome:
    """What the rules made of the images of a row: streams of (domain, seed), each with its images in order and, a rule each, a text of 1 (right) and 0."""

    def __init__(self):
        self.images = {}
        self.right = collections.defaultdict(dict)

    def add(self, stored: dict) -> None:
        for stream in stored["streams"]:
            key = stream["domain"], stream["seed"]
            if self.images.setdefault(key, stream["images"]) != stream["images"]:
                raise RuntimeError(f"{key}: two runs met other images, or the same in another order; has the data folder changed? Remove --work")
            for rule, right in stream["right"].items():
                self.right[rule][key] = right

    def domains(self) -> list:
        return list(dict.fromkeys(domain for domain, _ in self.images))

    def seeds(self) -> list:
        return sorted({seed for _, seed in self.images})

    def accuracy(self, rule: str, domain: str) -> float:
        right = "".join(right for key, right in self.right[rule].items() if key[0] == domain)
        return 100 * right.count("1") / len(right)

    def mean(self, rule: str) -> float:
        """Over the domains, %."""
        return sum(self.accuracy(rule, domain) for domain in self.domains()) / len(self.domains())

    def difference(self, a: str, b: str, domains: list) -> tuple:
        """Accuracy of a above that of b, mean over domains, in points, and its standard error: each image is a cluster of all times that it was scored. For one
        domain and seed that is the error of McNemar's (1947) paired proportions."""
        shares = collections.Counter()
        scored = collections.Counter()
        for (domain, _), images in self.images.items():
            scored[domain] += len(images)
        for (domain, seed), images in self.images.items():
            if domain in domains:
                weight = 100 / (len(domains) * scored[domain])
                for image, of_a, of_b in zip(images, self.right[a][domain, seed], self.right[b][domain, seed]):
                    shares[image] += weight * (int(of_a) - int(of_b))
        points, count = sum(shares.values()), len(shares)
        squares = sum((share - points / count)**2 for share in shares.values())
        return points, math.sqrt(squares * count / max(count - 1, 1))


class Bench:
    """Runs what is missing in the work folder."""

    def __init__(self, args):
        self.program = str(pathlib.Path(args.ttscale).resolve())
        self.build = file_digest(pathlib.Path(self.program))
        self.work, self.seeds, self.images, self.jobs = args.work, args.seeds, args.images, args.jobs
        self.processes, self.lock = set(), threading.Lock()

    def command(self, model: Model, row: Row) -> list:
        data = model.data if row.domains == "all" else model.clean
        shifts = [flag for shift in STEPS for flag in ("--shift", shift)] if row.domains == "steps" else []
        return [str(model.archive), "--data", str(data), *shifts, *model.flags, "--protocol", row.protocol, "--batch-size", str(row.batch), "--seed",
                ",".join(map(str, model.seeds_of(row, self.seeds))), "--num-samples", str(min(self.images or math.inf, model.images_of(row)))]

    def folder(self, model: Model, row: Row) -> pathlib.Path:
        return self.work / model.name / f"{row.name}-{row.batch}-{digest(self.command(model, row), file_digest(model.archive))}"

    def stored(self, model: Model, row: Row, rules: list) -> Outcome:
        """What there is of these rules."""
        outcome = Outcome()
        for file in sorted(self.folder(model, row).glob("*.outcome.json")):
            found = json.loads(file.read_text(encoding="utf-8"))
            good = [rule for rule in found["rules"] if rule in rules and (not is_auto(rule) or found["build"] == self.build)]
            for stream in found["streams"]:
                stream["right"] = {rule: right for rule, right in stream["right"].items() if rule in good}
            if good:
                outcome.add(found)
        return outcome

    def missing(self, model: Model, row: Row, rules: list) -> list:
        """Lists of rules, one for each run that is needed: the fixed ones together, those of `auto` one by one."""
        there = self.stored(model, row, rules).right
        left = [rule for rule in rules if rule not in there]
        fixed = [rule for rule in left if not is_auto(rule)]
        return [[rule] for rule in left if is_auto(rule)] + ([fixed] if fixed else [])

    def measure(self, model: Model, row: Row, rules: list) -> None:
        folder = self.folder(model, row)
        folder.mkdir(parents=True, exist_ok=True)
        stem = f"{rules[0].replace(':', '_')}-{digest(rules, self.build)}"
        predictions, results, journal = (folder / f"{stem}.{ending}" for ending in ("csv", "results.json", "journal"))
        command = [self.program, "eval", *self.command(model, row), *[flag for rule in rules for flag in ("--rule", rule)], "--threads", "1", "--workers", "1",
                   "--quiet", "--predictions", str(predictions), "--results-file", str(results), "--resume", str(journal)]
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "passive"}
        process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        with self.lock:
            self.processes.add(process)
        errors = process.communicate()[1]
        with self.lock:
            self.processes.discard(process)
        if process.returncode != 0:
            raise RuntimeError(f"{' '.join(command)}\nended with {process.returncode}:\n{errors[-2000:]}")
        streams = condense(predictions)
        check(streams, json.loads(results.read_text(encoding="utf-8")))
        for stream in streams:
            stream["domain"] = "clean" if row.domains == "clean" else stream["domain"]  # a tree of one domain names it otherwise
        whole = folder / f"{stem}.outcome.json"
        part = whole.with_suffix(".part")
        part.write_text(json.dumps({"rules": rules, "build": self.build, "command": command, "streams": streams}), encoding="utf-8")
        part.replace(whole)
        predictions.unlink()
        results.unlink()
        journal.unlink()

    def run(self, cells: list) -> int:
        """Measures what is missing of (model, row, rules); returns how many runs that took."""
        jobs = [(model, row, group) for model, row, rules in cells for group in self.missing(model, row, rules)]
        began, done = time.monotonic(), 0

        def one(job) -> tuple:
            start = time.monotonic()
            self.measure(*job)
            return job, time.monotonic() - start

        with concurrent.futures.ThreadPoolExecutor(self.jobs) as pool:
            futures = [pool.submit(one, job) for job in jobs]
            try:
                for future in concurrent.futures.as_completed(futures):
                    (model, row, rules), seconds = future.result()
                    done += 1
                    what = rules[0] if len(rules) == 1 else f"{len(rules)} rules"
                    print(f"[{done}/{len(jobs)}, {time.monotonic() - began:.0f} s] {model.name} {row.key}: {what}: {seconds:.1f} s", flush=True)
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                with self.lock:
                    for process in self.processes:
                        process.terminate()
                raise
        usage = resource.getrusage(resource.RUSAGE_CHILDREN)
        print(f"{len(jobs)} runs in {time.monotonic() - began:.0f} s, {usage.ru_utime + usage.ru_stime:.0f} s of CPU time in all runs so far", flush=True)
        return len(jobs)


def condense(predictions: pathlib.Path) -> list:
    """Streams of a file of predictions: domain, seed, images in order (the last two parts of their paths, which an image has in all domains), right or not."""
    streams = {}
    with open(predictions, newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            images, right = streams.setdefault((row["domain"], int(row["seed"])), ({}, collections.defaultdict(list)))
            images.setdefault(row["rule"], []).append("/".join(pathlib.PurePath(row["path"]).with_suffix("").parts[-2:]))
            right[row["rule"]].append("1" if row["prediction"] == row["label"] else "0")
    return [{"domain": domain, "seed": seed, "images": next(iter(images.values())), "right": {rule: "".join(values) for rule, values in right.items()}}
            for (domain, seed), (images, right) in streams.items()]


def check(streams: list, results: dict) -> None:
    """The predictions must say what the results of the same run say."""
    cells = {(cell["domain"], cell["seed"], cell["rule"]): cell for cell in results["cells"]}
    for stream in streams:
        source = stream["right"].get("source")
        for rule, right in stream["right"].items():
            cell = cells.pop((stream["domain"], stream["seed"], rule))
            good = len(right) == len(stream["images"]) == cell["images"] and abs(100 * right.count("1") / len(right) - cell["top1"]) < 1e-6
            if source and cell["change"]:
                flips = collections.Counter(zip(source, right))
                good = good and (flips["1", "0"], flips["0", "1"]) == (cell["change"]["broken"], cell["change"]["repaired"])
            if not good:
                raise RuntimeError(f"{stream['domain']}, seed {stream['seed']}, {rule}: predictions and results differ")
    if cells or not results["complete"]:
        raise RuntimeError(f"cells without predictions: {', '.join(map(str, cells))}")


def chance(points: float, error: float) -> str:
    return ", within chance" if points + ERRORS * error >= -ALLOWED - ROUNDING else ""


class Report:
    """A model's outcomes by row, and what they say about its rules."""

    def __init__(self, model: Model, outcomes: dict, rules: list):
        self.model, self.outcomes, self.rules = model, outcomes, rules
        self.fixed = [rule for rule in rules if not is_auto(rule)]
        self.autos = [rule for rule in rules if is_auto(rule)]

    def overall(self, rule: str) -> float:
        return sum(outcome.mean(rule) for outcome in self.outcomes.values()) / len(self.outcomes)

    def best(self, outcome: Outcome) -> str:
        return max(self.fixed, key=outcome.mean)

    def cells(self, rule: str) -> list:
        """(points against source, standard error, row, domain, accuracy of source), worst first."""
        return sorted((*outcome.difference(rule, "source", [domain]), key, domain, outcome.accuracy("source", domain))
                      for key, outcome in self.outcomes.items() for domain in outcome.domains())

    def columns(self) -> list:
        """Rules that share a column: those of a name, but for variants of auto."""
        columns = []
        for rule in self.rules:
            if columns and not is_auto(rule) and columns[-1][0].split(":")[0] == rule.split(":")[0]:
                columns[-1].append(rule)
            else:
                columns.append([rule])
        return columns

    def table(self) -> str:
        head, judged = ["protocol / batch size (seeds)"], self.autos[:1] if "source" in self.fixed else []
        for column in self.columns():
            values = " / ".join(rule.partition("=")[2] for rule in column)
            head.append(f"`{column[0].partition('=')[0]}=` {values}" if len(column) > 1 else f"`{column[0]}`")
        head += [text for rule in judged for text in (f"`{rule}` - best fixed", f"`{rule}` - `source`, worst domain")]
        lines = ["| " + " | ".join(head) + " |", "|---" * len(head) + "|"]
        for key, outcome in self.outcomes.items():
            marks = [text for rule in judged for text in self.marks(key, outcome, rule)]
            lines.append(self.line(f"{key} ({len(outcome.seeds())})", {rule: outcome.mean(rule) for rule in self.rules}, marks))
        means = {rule: self.overall(rule) for rule in self.rules}
        ends = [text for rule in judged for text in (f"{means[rule] - max(means[other] for other in self.fixed):+.1f}", "")]
        lines.append(self.line("**mean**", means, ends))
        if "source" in self.fixed:
            worst = {rule: self.cells(rule)[0][0] for rule in self.rules}
            lines.append(self.line("worst cell - `source`", worst, ["" for _ in ends], signed=True))
        return "\n".join(lines) + "\n"

    def marks(self, key: str, outcome: Outcome, rule: str) -> list:
        points, error = outcome.difference(rule, self.best(outcome), outcome.domains())
        low, low_error, domain = min((*outcome.difference(rule, "source", [domain]), domain) for domain in outcome.domains())
        return [f"{points:+.1f} ± {error:.1f}", f"{low:+.1f} ± {low_error:.1f} {domain}"]

    def line(self, name: str, values: dict, ends: list, signed: bool = False) -> str:
        best = max(values.values())
        cells = [name]
        for column in self.columns():
            texts = [f"{values[rule]:{'+' if signed else ''}.1f}" for rule in column]
            cells.append(" / ".join(f"**{text}**" if values[rule] == best else text for rule, text in zip(column, texts)))
        return "| " + " | ".join(cells + ends) + " |"

    def verdict(self, rule: str) -> list:
        """Lines: target, how it stands, every miss."""
        if not {"source"} < set(self.fixed):
            return [f"{self.model.name}, {rule}: NOT JUDGED: needs source and another fixed rule"]
        lines, misses = [], []
        for key, outcome in self.outcomes.items():
            best = self.best(outcome)
            points, error = outcome.difference(rule, best, outcome.domains())
            if points < -ALLOWED - ROUNDING:
                misses.append((points, f"  MISS (a) {key}: {points:+.2f} ± {error:.2f} against {best} ({outcome.mean(rule):.2f}, {outcome.mean(best):.2f})" +
                               chance(points, error)))
        lines.append(f"(a) within {ALLOWED} point of the best fixed rule in {len(self.outcomes) - len(misses)} of {len(self.outcomes)} rows" +
                     (": HOLDS" if not misses else ": MISSED"))
        lines += [text for _, text in sorted(misses)]
        best = max(self.fixed, key=self.overall)
        ahead = self.overall(rule) - self.overall(best)
        lines.append(f"(a) mean over the rows {self.overall(rule):.2f}, best fixed rule {best} {self.overall(best):.2f}, {ahead:+.2f}: " +
                     ("HOLDS" if ahead > 0 else "MISSED"))
        cells = self.cells(rule)
        below = [cell for cell in cells if cell[0] < -ALLOWED - ROUNDING]
        clear = [cell for cell in below if not chance(*cell[:2])]
        lines.append(f"(b) {len(clear)} of {len(cells)} cells are more than {ALLOWED} point and {ERRORS} standard errors below source: " +
                     ("MISSED" if clear else "HOLDS") + f"; {len(below) - len(clear)} more are below by more than {ALLOWED} within chance")
        lines += [f"  MISS (b) {key} {domain}: {points:+.2f} ± {error:.2f} (source {source:.2f})" for points, error, key, domain, source in clear]
        clean = [cell for cell in cells if is_clean(cell[3])]
        over = [cell for cell in clean if cell[0] < -ALLOWED - ROUNDING]
        if clean:
            mean = sum(cell[0] for cell in clean) / len(clean)
            lines.append(f"(b) clean images: {mean:+.2f} in the mean over {len(clean)} rows, worst {clean[0][0]:+.2f} ± {clean[0][1]:.2f} ({clean[0][2]}); " +
                         f"more than {ALLOWED} below in {len(over)} rows" + (": MISSED" if over else ": HOLDS"))
            lines += [f"  MISS (b) clean in {key}: {points:+.2f} ± {error:.2f}{chance(points, error)}" for points, error, key, _, _ in over]
        return [f"{rule} {line}" if line.startswith("(") else line for line in lines]

    def text(self) -> str:
        images = sorted({len(images) for outcome in self.outcomes.values() for images in outcome.images.values()})
        span = f"{images[0]} to {images[-1]}" if len(images) > 1 else f"{images[0]}"
        lists = [f"{'  ' if line.startswith('  ') else ''}- {line.strip()}" for rule in self.autos for line in self.verdict(rule)]
        domains = max(len(outcome.domains()) for outcome in self.outcomes.values())
        return (f"**{self.model.title}** ({domains} domains at most, {span} images of each a seed; top-1 in %, mean over the "
                f"domains):\n\n{self.table()}\n" + "\n".join(lists) + "\n")


def write_section(file: pathlib.Path, text: str) -> None:
    """Puts the tables between their two lines."""
    head, found_begin, rest = file.read_text(encoding="utf-8").partition(BEGIN + "\n")
    _, found_end, tail = rest.partition(END)
    if not found_begin or not found_end:
        sys.exit(f"FAILED: {file} lacks the lines {BEGIN} and {END}")
    file.write_text(head + BEGIN + "\n" + text + END + tail, encoding="utf-8")


def chosen(items: list, wanted, names) -> list:
    """Those that a list from the command line names by any of their names."""
    if not wanted:
        return items
    unknown = [word for word in wanted if not any(word in names(item) for item in items)]
    if unknown:
        known = dict.fromkeys(name for item in items for name in names(item))
        sys.exit(f"FAILED: expected some of {', '.join(known)}, found {', '.join(unknown)}")
    return [item for item in items if any(word in names(item) for word in wanted)]


def report(args) -> tuple:
    """Measures and returns the reports, and how many runs that took."""
    bench, cells = Bench(args), []
    for model in chosen(models(args.data), args.models, lambda model: [model.name]):
        rows = [row for row in chosen(ROWS, args.protocols, lambda row: [row.name, row.key]) if not model.rows or row.key in model.rows]
        rules = [rule for rule in args.rules if rule not in RULES or not model.rules or is_auto(rule) or rule in model.rules]
        cells += [(model, row, rules) for row in rows]
    runs = bench.run(cells)
    grouped = collections.defaultdict(dict)
    for model, row, rules in cells:
        grouped[model.name][row.key] = (model, rules, bench.stored(model, row, rules))
    reports = []
    for rows in grouped.values():
        model, rules, _ = next(iter(rows.values()))
        reports.append(Report(model, {key: outcome for key, (_, _, outcome) in rows.items()}, rules))
    return reports, runs


def expect(good: bool, what: str) -> None:
    if not good:
        sys.exit(f"FAILED: {what}")
    print(f"ok: {what}", flush=True)


def check_statistics() -> None:
    """Numbers that a hand can work out, and a verdict that must find misses."""
    outcome = Outcome()
    images = [f"a/{i}" for i in range(100)]
    source, auto = "1" * 100, "0" * 10 + "1" * 90
    outcome.add({"streams": [{"domain": "clean", "seed": 0, "images": images, "right": {"source": source, "batch": source, "auto": auto}}]})
    points, error = outcome.difference("auto", "source", ["clean"])
    expect(abs(points + 10) < 1e-9 and abs(error - 100 * math.sqrt((10 - 100 / 100) / 100 / 99)) < 1e-9, "error of one stream is McNemar's")
    outcome.add({"streams": [{"domain": "clean", "seed": 1, "images": images[::-1], "right": {"source": source, "batch": source, "auto": auto[::-1]}}]})
    again = outcome.difference("auto", "source", ["clean"])
    expect(abs(again[0] - points) < 1e-9 and abs(again[1] - error) < 1e-9, "the same images once more make the error no smaller")
    fake = Report(Model("fake", "fake", ROOT, ROOT, ROOT, {}), {"shuffled/16": outcome}, ["source", "batch", "auto"])
    text = "\n".join(fake.verdict("auto"))
    expect(text.count("MISSED") == 4 and "MISS (b) shuffled/16 clean: -10.00" in text and "MISS (a) shuffled/16: -10.00" in text, "the verdict finds misses")


def reduced(args) -> int:
    check_statistics()
    args.models, args.data = ["demo"], pathlib.Path("/nowhere")
    args.protocols = ["shuffled/16", "clean", "dirichlet/16", "mixed/64", "gradual", "recurring", "short/10"]
    args.rules = ["source", "batch", "ema:momentum=0.05", "auto"]
    args.images = 20
    with tempfile.TemporaryDirectory() as folder:
        args.work = pathlib.Path(folder) / "work"
        reports, runs = report(args)
        expect(runs == 2 * len(args.protocols), f"{runs} runs: fixed rules together, auto alone")
        first = reports[0].text()
        expect(all(reports[0].outcomes[row.key].images for row in ROWS if row.key in reports[0].outcomes), "every row has images")
        again, runs = report(args)
        expect(runs == 0 and again[0].text() == first, "what is there is not measured again")
        readme = pathlib.Path(folder) / "README.md"
        readme.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n", encoding="utf-8")
        write_section(readme, first)
        write_section(readme, first)
        expect(readme.read_text(encoding="utf-8") == f"before\n{BEGIN}\n{first}{END}\nafter\n", "the tables come between their lines")
        args.protocols, args.rules = ["mixed/64"], args.rules + ["auto:weight=1"]
        variant, runs = report(args)
        expect(runs == 1 and "`auto:weight=1`" in variant[0].table(), "a variant of auto is one more run and column")
        print(first)
    return 0


def words(text: str) -> list:
    return [word for word in text.split(",") if word]


def rule_words(text: str) -> list:
    """Rules separated by commas, which fields use as well: a word with '=' and without ':' goes on with the rule before it."""
    rules = []
    for word in words(text):
        if rules and "=" in word and ":" not in word:
            rules[-1] += "," + word
        else:
            rules.append(word)
    return rules


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ttscale", required=True, help="the program")
    parser.add_argument("--data", type=pathlib.Path, default=ROOT.parent / "shared" / "data", help="folder with cifar10-dev, imagenet-dev and models")
    parser.add_argument("--work", type=pathlib.Path, default=ROOT / "build" / "bench-rules", help="folder of what was measured (build/bench-rules)")
    parser.add_argument("--models", type=words, help="demo, resnet20, mobilenet, efficientnet (all)")
    parser.add_argument("--protocols", type=words, help=f"names of rows, or names with their batch size: {', '.join(row.key for row in ROWS)} (all)")
    parser.add_argument("--rules", type=rule_words, default=RULES, help="rules; +RULE,... for more than the usual ones")
    parser.add_argument("--only-rules", type=rule_words, help="those of the rules that the run is for")
    parser.add_argument("--seeds", type=lambda text: list(map(int, words(text))), default=[0, 1], help="of the orders (0,1; more are added where images are few)")
    parser.add_argument("--images", type=int, help="at most so many of a domain")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="runs at a time, of one thread each (one a core)")
    parser.add_argument("--write", type=pathlib.Path, metavar="README", help="put the tables between their two lines in this file")
    parser.add_argument("--reduced", action="store_true", help="check the script with few images of the demo")
    args = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that it ends its runs
    if args.rules[0].startswith("+"):
        args.rules = RULES + [args.rules[0][1:], *args.rules[1:]]
    if args.only_rules:
        args.rules = [rule for rule in args.rules if rule in args.only_rules] + [rule for rule in args.only_rules if rule not in args.rules]
    try:
        if args.reduced:
            return reduced(args)
        reports, _ = report(args)
    except RuntimeError as error:
        print(f"FAILED: {error}")
        return 1
    text = "\n".join(each.text() for each in reports)
    print("\n" + text)
    if args.write:
        write_section(args.write, text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
