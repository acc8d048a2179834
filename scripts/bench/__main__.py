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
from measure import ROOT, describe, measure
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
    parser.add_argument("--go-on", action="store_true",
                        help="finish the latest run, as it was begun, in place of a new one")
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


def beginning(given):
    """What all records of a run have in common."""
    return {
        "run": datetime.datetime.now().isoformat(timespec="seconds"),
        "only": given.only,
        "quick": given.quick,
        "rounds": given.rounds,
        "machine": machine.describe(given),
    }


def measure_all(given, path):
    run, done = beginning(given), set()
    if given.go_on:
        with open(path) as file:
            records = [json.loads(line) for line in file]
        run = {key: records[-1][key] for key in run}
        done = {identity(record) for record in records if record["run"] == run["run"]}
    begun, rounds = time.monotonic(), run["rounds"]
    with open(path, "a") as file:
        for turn in range(1, rounds + 1):
            for case in cases(run["only"], run["quick"]):
                # To and fro, so that a machine that slows down slows everybody down.
                contenders = case.contenders if turn % 2 else case.contenders[::-1]
                for contender in contenders if turn <= case.rounds else ():
                    about = {**run, "round": turn, **describe(case, contender)}
                    if identity(about) in done:
                        continue
                    record = {**about, **measure(given, case, contender)}
                    print(json.dumps(record), file=file, flush=True)
                    minutes = (time.monotonic() - begun) / 60
                    print(f"[{minutes:4.1f} min, round {turn}/{rounds}] {case.part}: {case.key}: "
                          f"{contender.title()}: {in_short(record)}", flush=True)


def identity(record):
    keys = ("round", "part", "case", "contender", "options")
    return json.dumps([record[key] for key in keys])


def main():
    given = arguments()
    path = os.path.join(given.work, "measurements.jsonl")
    if not given.tables_only:
        try:
            measure_all(given, path)
        except (KeyboardInterrupt, SystemExit):
            print("interrupted; the same command with --go-on measures the rest", file=sys.stderr)
            raise
    page.write(Raw(path), given.docs)


# Ends the way Ctrl-C does: whoever is being measured is ended, too.
signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
main()
