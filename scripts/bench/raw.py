"""What was measured, and the few numbers that the page takes from it."""

import json
import statistics
from collections import defaultdict


def steady(record):
    """Of each network, the median of its epochs but the first, in which others compile."""
    of = defaultdict(list)
    for line in record.get("epochs", ()):
        if line["epoch"] > 1:
            of[line["network"]].append(line["seconds"])
    return {network: statistics.median(values) for network, values in of.items()}


class Numbers(list):
    """One number from each round."""

    def median(self):
        return statistics.median(self)

    def cell(self, digits=2):
        """`0.52 (0.51–0.55)`: the median, the lowest and the highest."""
        if not self:
            return "–"
        middle, low, high = (rounded(x, digits) for x in (self.median(), min(self), max(self)))
        return middle if low == high else f"{middle} ({low}–{high})"


def rounded(number, digits):
    """At least three digits that count, and no more decimals than asked for unless it is small."""
    if number >= 100:
        return f"{number:,.0f}"
    return f"{number:.{digits}f}" if number >= 0.1 else f"{number:.{digits + 1}f}"


class Raw:
    """The records of the latest run of each part."""

    def __init__(self, path):
        with open(path) as file:
            records = [json.loads(line) for line in file]
        latest = {record["part"]: record["run"] for record in records}
        self.records = [record for record in records if latest[record["part"]] == record["run"]]

    def parts(self):
        return list(dict.fromkeys(record["part"] for record in self.records))

    def of(self, part, case=None):
        return [
            record for record in self.records
            if record["part"] == part and case in (None, record["case"])
        ]

    def contenders(self, part, case=None):
        return list(dict.fromkeys(record["contender"] for record in self.of(part, case)))

    def failures(self):
        return [record for record in self.records if "failed" in record]

    def numbers(self, part, contender, number, case=None):
        """`number` makes one of a record, or None. Of a contender with several sets of options,
        those of the best."""
        by_options = defaultdict(Numbers)
        for record in self.of(part, case):
            if record["contender"] == contender and "failed" not in record:
                value = number(record)
                if value is not None:
                    by_options[json.dumps(record["options"])].append(value)
        return min(by_options.values(), key=Numbers.median, default=Numbers())

    def epoch(self, part, contender, network, case=None):
        return self.numbers(part, contender, lambda record: steady(record).get(network), case)

    def accuracy(self, part, contender, network, case=None):
        """Validation accuracy after the last epoch."""

        def last(record):
            own = [line for line in record.get("epochs", ()) if line["network"] == network]
            return max(own, key=lambda line: line["epoch"])["val_accuracy"] if own else None

        return self.numbers(part, contender, last, case)
