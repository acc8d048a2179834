"""Measures bn-runner and its peers in turn, round after round, and writes a page and two charts.

Called by bench.sh, which has made an environment for each peer. Every measurement goes to
measurements.jsonl as soon as it is made; the page is made from that file alone.
"""

import argparse
import datetime
import json
import os
import signal
import sys
import time

import machine
import page
from measure import ROOT, measure
from parts import PARTS, cases
from raw import Raw, steady


def arguments():
    parser = argparse.ArgumentParser(prog="bash scripts/bench.sh")
    parser.add_argument("--runner", required=True, help=argparse.SUPPRESS)
    parser.add_argument("--work", required=True, help=argparse.SUPPRESS)
    parser.add_argument("--rounds", type=int, required=True, help=argparse.SUPPRESS)
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS, metavar="PART",
                        help=f"measure these anew, of {', '.join(PARTS)}")
    parser.add_argument("--quick", action="store_true", help="few rows: does all of it run?")
    parser.add_argument("--tables-only", action="store_true",
                        help="write page and charts from what was measured before")
    parser.add_argument("--docs", default=os.path.join(ROOT, "docs"), help="folder for the page")
    return parser.parse_args()


def in_short(record):
    if "failed" in record:
        return f"FAILED: {record['failed']}"
    said = [f"{record['seconds']:.3g} s in all", f"{record['peak_mb']:.0f} MB"]
    last = {line["network"]: line["val_accuracy"] for line in record.get("epochs", ())}
    for network, seconds in steady(record).items():
        said.append(f"{network} {seconds:.3g} s per epoch, validates at {last[network]:.3f}")
    said += [f"others used {record['others']:.0%} of the machine"] * (record["others"] > 0.05)
    return "; ".join(said)


def main():
    given = arguments()
    path = os.path.join(given.work, "measurements.jsonl")
    if not given.tables_only:
        run = {
            "run": datetime.datetime.now().isoformat(timespec="seconds"),
            "quick": given.quick,
            "rounds": given.rounds,
            "machine": machine.describe(given),
        }
        begun = time.monotonic()
        with open(path, "a") as file:
            for turn in range(1, given.rounds + 1):
                for case in cases(given.only, given.quick):
                    if turn > case.rounds:
                        continue
                    # To and fro, so that a machine that slows down slows everybody down.
                    contenders = case.contenders if turn % 2 else reversed(case.contenders)
                    for contender in contenders:
                        record = {**run, "round": turn, **measure(given, case, contender)}
                        print(json.dumps(record), file=file, flush=True)
                        minutes = (time.monotonic() - begun) / 60
                        print(f"[{minutes:4.1f} min, round {turn}/{given.rounds}] {case.part}: "
                              f"{case.key}: {contender.title()}: {in_short(record)}", flush=True)
    page.write(Raw(path), given.docs)


# Ends the way Ctrl-C does: whoever is being measured is ended, too.
signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
main()
