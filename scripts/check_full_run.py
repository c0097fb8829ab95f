# SPDX-License-Identifier: MIT
"""Checks that an evaluation that is killed twice ends with the bytes of one that was left alone, and says how long it takes.

usage: check_full_run.py --ttscale BUILD/bin/ttscale [--quick] [--seed N] [--out FOLDER]

The bundled model meets the bundled clean images under all 19 kinds of corruption at severities 1 to 5, made on the fly, with four rules and three protocols:
one command, first undisturbed, then killed (SIGKILL) at two places and given again. The places are drawn from --seed: a number of finished domains and a
delay after it, so that the kill falls inside a domain. Compared byte for byte: results (JSON), predictions, page, the table on stdout, the journal, and the
CSV and Markdown files that `ttscale merge` makes of the results. --quick: two kinds, few images. With --out, the files stay there.
Exit status: 0 if all are the same, 1 if not, 77 where the check cannot run.
"""
import argparse
import os
import pathlib
import random
import resource
import signal
import subprocess
import sys
import tempfile
import time

MODELS = pathlib.Path(__file__).resolve().parents[1] / "models"
RULES = ["source", "batch", "prior:count=16", "ema:momentum=0.1"]
PROTOCOLS = ["reset-each-domain", "continual", "correlated"]
RUN_FILES = ["results.json", "predictions.csv", "report.html", "run.journal", "table.txt"]
MERGED_FILES = ["merged.json", "merged.csv", "merged.md"]
KILLS = [(0.1, 0.45), (0.55, 0.9)]  # shares of the finished domains between which a kill is drawn
TRIES = 5  # a machine that stalls may let a run end before it is killed


def command_of(program: str, quick: bool) -> list:
    """Output names are relative: both runs give the same command in folders of their own."""
    command = [program, "eval", str(MODELS / "fashion-resnet.scripted.pt"), "--data", str(MODELS / "fashion-images" / "clean"), "--shift", "clean"]
    command += ["--shift", "gaussian_noise:1,3", "--shift", "contrast:1,3", "--num-samples", "100", "--batch-size", "16"] if quick else ["--shift", "all:1,2,3,4,5"]
    for rule in RULES:
        command += ["--rule", rule]
    for protocol in PROTOCOLS:
        command += ["--protocol", protocol]
    return command + ["--results-file", "results.json", "--predictions", "predictions.csv", "--html", "report.html", "--resume", "run.journal"]


def start(command: list, folder: pathlib.Path) -> subprocess.Popen:
    with open(folder / "table.txt", "wb") as table, open(folder / "log.txt", "ab") as log:
        return subprocess.Popen(command, cwd=folder, stdout=table, stderr=log)


def check_end(process: subprocess.Popen, folder: pathlib.Path) -> None:
    if process.wait() != 0:
        last = (folder / "log.txt").read_text(encoding="utf-8", errors="replace").splitlines()[-5:]
        raise RuntimeError(f"ttscale ended with {process.returncode}:\n" + "\n".join(last))


def cpu_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def finished(journal: pathlib.Path) -> int:
    """Checkpoints on the disk; the first line is the header."""
    return max(journal.read_bytes().count(b"\n") - 1, 0) if journal.exists() else 0


def run_and_kill(command: list, folder: pathlib.Path, after: int, delay: float) -> bool:
    """Kills the run `delay` seconds after so many checkpoints; false if it had ended by then."""
    process = start(command, folder)
    journal = folder / "run.journal"
    size, count = -1, 0
    while process.poll() is None and count < after:
        time.sleep(0.01)
        if journal.exists() and journal.stat().st_size != size:  # it is long, and seldom grows
            size, count = journal.stat().st_size, finished(journal)
    time.sleep(delay)
    process.send_signal(signal.SIGKILL)
    process.wait()
    return process.returncode == -signal.SIGKILL


def disturbed(command: list, folder: pathlib.Path, places: int, domain_seconds: float, draw: random.Random) -> bool:
    """Kills twice, lets the third start end. False if a run ended too early to be killed."""
    for low, high in KILLS:
        after = max(int(places * draw.uniform(low, high)), 1)
        if not run_and_kill(command, folder, after, draw.uniform(0, domain_seconds)):
            return False
        if (folder / "results.json").exists():
            raise RuntimeError("a killed run left a results file")
        print(f"killed with {finished(folder / 'run.journal')} of {places} checkpoints on the disk, "
              f"{(folder / 'predictions.csv').stat().st_size} bytes of predictions", flush=True)
    before = (folder / "run.journal").read_bytes()
    check_end(start(command, folder), folder)
    kept = before[:before.rfind(b"\n") + 1]
    if not (folder / "run.journal").read_bytes().startswith(kept):
        raise RuntimeError("the last run did not go on from the journal")
    return True


def merge(program: str, folder: pathlib.Path) -> None:
    for name in MERGED_FILES:
        subprocess.run([program, "merge", "results.json", "--results-file", name], cwd=folder, check=True, capture_output=True)


def compare(alone: pathlib.Path, killed: pathlib.Path) -> int:
    different = 0
    for name in RUN_FILES + MERGED_FILES:
        a, b = (alone / name).read_bytes(), (killed / name).read_bytes()
        same = a == b and bool(a)
        different += not same
        print(f"{'same' if same else 'DIFFERENT':9}  {name}, {len(a)} bytes" + ("" if same else f" against {len(b)}"))
    return different


def check(program: str, quick: bool, seed: int, folder: pathlib.Path) -> int:
    command = command_of(program, quick)
    draw = random.Random(seed)
    alone = folder / "undisturbed"
    alone.mkdir(parents=True)
    began, cpu = time.monotonic(), cpu_seconds()
    check_end(start(command, alone), alone)
    wall, cpu = time.monotonic() - began, cpu_seconds() - cpu
    places = finished(alone / "run.journal")
    print(f"undisturbed: {wall:.1f} s of wall time, {cpu:.1f} s of CPU time ({cpu / 2:.1f} s on each of two cores), {places} checkpoints", flush=True)
    for attempt in range(TRIES):
        killed = folder / f"killed-{attempt}"
        killed.mkdir()
        began = time.monotonic()
        if disturbed(command, killed, places, wall / places, draw):
            print(f"killed twice: {time.monotonic() - began:.1f} s of wall time in three starts")
            merge(program, alone)
            merge(program, killed)
            different = compare(alone, killed)
            print("the same bytes" if different == 0 else f"FAILED: {different} files differ")
            return 1 if different else 0
        print("a run ended before it was killed; once more", flush=True)
    print(f"FAILED: no run could be killed in {TRIES} tries")
    return 1


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ttscale", required=True, help="the program")
    parser.add_argument("--quick", action="store_true", help="two kinds of corruption, few images")
    parser.add_argument("--seed", type=int, default=1, help="of the places at which the run is killed")
    parser.add_argument("--out", type=pathlib.Path, help="new folder for all files")
    flags = parser.parse_args()
    if not hasattr(signal, "SIGKILL") or os.name != "posix":
        print("SKIPPED: no SIGKILL here; resuming was not checked")
        return 77
    program = str(pathlib.Path(flags.ttscale).resolve())
    with tempfile.TemporaryDirectory() as name:
        return check(program, flags.quick, flags.seed, flags.out or pathlib.Path(name) / "run")


if __name__ == "__main__":
    sys.exit(main())
