"""docs/performance.md, from what was measured."""

import os

import charts
from parts import DENSE, sizes
from raw import Numbers

NETWORK_TITLES = {"no_bn": "No BN", "bn_after": "BN after", "bn_before": "BN before", "bn": "BN"}
COMMAND = "bash scripts/bench.sh"


def table(head, rows):
    yield "| " + " | ".join(head) + " |"
    yield "| --- |" + " ---: |" * (len(head) - 1)
    for row in rows:
        yield "| " + " | ".join(row) + " |"
    yield ""


def times(numbers, reference):
    """How many times as much as bn-runner that is."""
    return f"{numbers.median() / reference.median():.2f} ×" if numbers and reference else "–"


def work(raw, part, case=None):
    return raw.of(part, case)[0]["work"]


def rows_of(work):
    training = work["train_limit"] or 60000 - work["validation"]
    return f"{training:,} rows, {work['validation']:,} to validate, batches of {work['batch']}"


def of_epochs(raw, part, networks=("bn_after",), title="s per epoch", case=None):
    """A table of seconds per epoch: contenders down, networks across."""
    head = [""]
    for network in networks:
        head += [NETWORK_TITLES[network] if len(networks) > 1 else title, "to bn-runner"]
    rows = []
    for contender in raw.contenders(part, case):
        cells = [contender]
        for network in networks:
            numbers = raw.epoch(part, contender, network, case)
            cells += [numbers.cell(), times(numbers, raw.epoch(part, "bn-runner", network, case))]
        rows.append(cells)
    return table(head, rows)


def of_job(raw, contender, key):
    """`seconds` or `peak_mb` of the whole job."""
    return raw.numbers("job", contender, lambda record: record[key])


def of_check(raw):
    """Milliseconds of `bn-runner check`."""
    return raw.numbers("start", "bn-runner", lambda record: 1000 * record["seconds"], "check")


def of_first_step(raw, contender):
    """Seconds from process start until the first step is done."""
    return raw.numbers("start", contender, lambda record: record.get("first"), "first")


def glance(raw):
    """What was aimed at when this was begun, and what came of it."""

    def best(numbers):
        return min(filter(None, numbers), key=Numbers.median, default=Numbers())

    def epochs(part, who, network="bn_after"):
        # Keras as people write it; of the others, whatever is fastest.
        named = [one for one in raw.contenders(part) if one.startswith(who) and "32 steps" not in one]
        return best(raw.epoch(part, one, network) for one in named)

    rows = []

    def row(title, own, other, aim):
        if own and other:
            ratio = own.median() / other.median()
            met = "yes" if ratio <= aim else "no"
            rows.append([title, own.cell(2), other.cell(2), f"{ratio:.2f}", f"≤ {aim:g}", met])

    for network in DENSE:
        title = f"an epoch, {NETWORK_TITLES[network]}"
        own = raw.epoch("epoch", "bn-runner", network)
        for who, aim in (("JAX", 0.9), ("PyTorch", 1), ("Keras on TensorFlow", 0.2), ("Keras on JAX", 1)):
            # The two aims that are sharper than being ahead were set for one network.
            aim = aim if network == "bn_after" else 1
            row(f"{title}, to {who}", own, epochs("epoch", who, network), aim)
    if "pair" in raw.parts():
        own = raw.epoch("pair", "bn-runner", "bn_after")
        row("a trial per core, to JAX", own, epochs("pair", "JAX"), 0.8)
    if "job" in raw.parts():
        own = of_job(raw, "bn-runner", "seconds")
        row("the whole job, to JAX", own, of_job(raw, "JAX", "seconds"), 0.5)
        keras = "Keras on TensorFlow"
        row(f"the whole job, to {keras}", own, of_job(raw, keras, "seconds"), 0.1)
    for part, title in (("batch", "batches of 256"), ("wide", "layers of 1,024")):
        if part in raw.parts():
            row(f"an epoch, {title}, to JAX", raw.epoch(part, "bn-runner", "bn_after"), epochs(part, "JAX"), 1)
    if "conv" in raw.parts():
        for network in ("no_bn", "bn"):
            for who in ("PyTorch", "Keras on JAX", "Keras on TensorFlow"):
                title = f"an epoch, convolutions, {NETWORK_TITLES[network]}, to {who}"
                own = raw.epoch("conv", "bn-runner", network)
                row(title, own, epochs("conv", who, network), 1)
    yield "## At a glance"
    yield ""
    yield (
        "What was aimed at when this program was begun, and what it comes to. Seconds; the ratio is "
        "bn-runner's to the other's, of whose variants below the fastest counts (of Keras, the plain one)."
    )
    yield ""
    yield from table(["", "bn-runner", "the other", "ratio", "aim", "met"], rows)
    alone = []
    if "job" in raw.parts():
        peak = of_job(raw, "bn-runner", "peak_mb")
        alone.append(f"the whole job's peak of memory {peak.cell(0)} MB (aim: 300)")
    if "start" in raw.parts():
        alone += [
            f"`check` of all files {of_check(raw).cell(0)} ms (aim: 50)",
            f"from process start to the first step {of_first_step(raw, 'bn-runner').cell()} s (aim: 0.5)",
        ]
    if alone:
        yield f"And what needs no comparison: {'; '.join(alone)}."
        yield ""


def epoch(raw):
    one = work(raw, "epoch", "networks")
    yield "## One epoch"
    yield ""
    yield (
        f"The networks of `experiments/batch_norm.yaml` (300 and 100 units), SGD, {rows_of(one)}; seconds "
        f"per epoch, validation and both metrics on the host included. One process that has all cores "
        "to itself, unless one core is named."
    )
    yield ""
    yield from of_epochs(raw, "epoch", DENSE)
    yield (
        f"That all of them train the same: validation accuracy after epoch {one['epochs']}. Furthest from "
        f"bn-runner's is one that differs by {furthest(raw):.3f}."
    )
    yield ""
    rows = []
    for contender in raw.contenders("epoch"):
        accuracies = (raw.accuracy("epoch", contender, network) for network in DENSE)
        rows.append([contender, *(numbers.cell(3) for numbers in accuracies)])
    yield from table(["", *(NETWORK_TITLES[network] for network in DENSE)], rows)


def furthest(raw):
    """The largest difference in accuracy to bn-runner on the same network."""
    accuracies = {
        (contender, network): raw.accuracy("epoch", contender, network)
        for contender in raw.contenders("epoch") for network in DENSE
    }
    return max(
        (
            abs(numbers.median() - accuracies["bn-runner", network].median())
            for (_, network), numbers in accuracies.items()
            if numbers and accuracies["bn-runner", network]
        ),
        default=0,
    )


def pair(raw):
    copies = raw.of("pair")[0]["machine"]["cores"]
    yield f"## {copies} trials at once"
    yield ""
    yield (
        f"BN after, {rows_of(work(raw, 'pair'))}: {copies} trials in one `bn-runner run -j {copies}`, "
        f"against {copies} processes, each pinned to a core of its own. Seconds of wall time for an "
        f"epoch of all of them."
    )
    yield ""
    yield from of_epochs(raw, "pair")


def job(raw):
    yield "## The whole job"
    yield ""
    yield (
        f"From process start to charts on disk: three networks × {work(raw, 'job')['epochs']} epochs, "
        f"{rows_of(work(raw, 'job'))}. The peers' scripts end with a CSV file and a PNG of the curves; "
        "bn-runner also keeps checkpoints, tests each network, and writes its tables and its page. Memory "
        "is the highest of the process and all that it starts, resident."
    )
    yield ""
    ours = [of_job(raw, "bn-runner", key) for key in ("seconds", "peak_mb")]
    rows = []
    for contender in raw.contenders("job"):
        cells = [contender]
        for key, own in zip(("seconds", "peak_mb"), ours):
            numbers = of_job(raw, contender, key)
            cells += [numbers.cell(0 if key == "peak_mb" else 1), times(numbers, own)]
        rows.append(cells)
    yield from table(["", "seconds", "to bn-runner", "peak of memory, MB", "to bn-runner"], rows)


def batch(raw):
    yield f"## Batches of {work(raw, 'batch')['batch']}"
    yield ""
    yield f"BN after, {rows_of(work(raw, 'batch'))}."
    yield ""
    yield from of_epochs(raw, "batch")


def wide(raw):
    one = work(raw, "wide")
    yield "## Layers of " + " and ".join(f"{width:,}" for width in one["hidden"])
    yield ""
    yield f"BN after, {rows_of(one)}."
    yield ""
    yield from of_epochs(raw, "wide")


def start(raw):
    check = of_check(raw)
    files = raw.of("start", "check")[0].get("files", "no")
    yield "## Start"
    yield ""
    yield (
        f"`bn-runner check` on the {files} files in `experiments/`: {check.cell(1)} ms, process start "
        "to end. Below, from process start until the first step is done: data found, read "
        "and split, the network built and whatever is compiled, one batch of 32 trained on, 5,000 rows "
        "validated."
    )
    yield ""
    rows, own = [], of_first_step(raw, "bn-runner")
    for contender in raw.contenders("start", "first"):
        numbers = of_first_step(raw, contender)
        rows.append([contender, numbers.cell(), times(numbers, own)])
    yield from table(["", "seconds", "to bn-runner"], rows)


def conv(raw):
    yield "## Convolutions"
    yield ""
    yield (
        f"The two networks of `experiments/convnet.yaml`, SGD with momentum, {rows_of(work(raw, 'conv'))}; "
        "seconds per epoch."
    )
    yield ""
    yield from of_epochs(raw, "conv", ("no_bn", "bn"))


def per_thousand(raw, contender, key, work):
    """Seconds per 1,000 rows that are trained on."""
    numbers = raw.epoch("size", contender, "bn_after", key)
    done = {record["case"]: record["work"]["train_limit"] for record in raw.of("size")}
    return Numbers(1000 * seconds / done[key] for seconds in numbers)


def points(raw):
    """Axis, size, contender and seconds per 1,000 rows of all that was measured."""
    for axis, size, own in sizes():
        for contender in raw.contenders("size"):
            numbers = per_thousand(raw, contender, f"{axis} {size}", own)
            if numbers:
                yield axis, size, contender, numbers


def size(raw):
    some, batches = work(raw, "size", "width 100"), work(raw, "size", "batch 8")
    yield "## Cost against size"
    yield ""
    yield (
        "BN after; two layers of some width, some number of layers of 100, and the network above in "
        "batches of some size. Milliseconds per 1,000 rows that are trained on, once compiled: a steady "
        "epoch "
        f"of {some['train_limit']:,} rows ({batches['train_limit']:,} where the batch changes) with "
        f"{some['validation']:,} to validate."
    )
    yield ""
    measured = {(axis, size, contender): numbers for axis, size, contender, numbers in points(raw)}
    rows, contenders = [], raw.contenders("size")
    for axis, size in dict.fromkeys(key[:2] for key in measured):
        cells = [f"{axis} {size:,}"]
        for contender in contenders:
            numbers = measured.get((axis, size, contender), Numbers())
            cells.append(Numbers(1000 * seconds for seconds in numbers).cell(1))
        own, other = (measured.get((axis, size, one), Numbers()) for one in ("bn-runner", "JAX"))
        rows.append([*cells, times(other, own)])
    yield from table(["", *contenders, "JAX to bn-runner"], rows)
    yield "![Milliseconds per 1,000 rows against width, depth and batch](images/cost_against_size.png)"
    yield ""


SECTIONS = {
    "epoch": epoch, "pair": pair, "job": job, "batch": batch, "wide": wide, "start": start,
    "conv": conv, "size": size,
}


def others_used(raw):
    """The share of the machine that others used while somebody was measured: median and highest."""
    shares = sorted(record["others"] for record in raw.records if "others" in record) or [0.0]
    return shares[len(shares) // 2], shares[-1]


def opening(raw):
    newest = max(raw.records, key=lambda record: record["run"])
    here, rounds = newest["machine"], sorted({record["rounds"] for record in raw.records})
    counted = " or ".join(map(str, rounds)) + (" rounds" if rounds != [1] else " round")
    days = sorted({record["run"][:10] for record in raw.records})
    yield "# Performance"
    yield ""
    if any(record["quick"] for record in raw.records):
        yield "**Measured with `--quick`, on a few rows: this shows that it runs. These are no numbers.**"
        yield ""
    if others_used(raw)[0] > 0.1:
        yield "**Others used this machine meanwhile (see the end): quote no number from here.**"
        yield ""
    yield (
        f"bn-runner {here['runner']} beside hand-written JAX, PyTorch and Keras on one machine, in turn, "
        f"by `{COMMAND}` ({' to '.join(dict.fromkeys((days[0], days[-1])))}). Cells are the median of "
        f"{counted} and, in brackets, the lowest and the highest round. "
        "“To bn-runner” is how many times bn-runner's number that is: above 1 is slower."
    )
    yield ""
    cpu = ", ".join(filter(None, (here["cpu"], here["family"], here["vectors"])))
    yield (
        f"Machine: {here['cores']} cores ({cpu}), {here['memory_gb']} GB, {here['system']}. Versions: "
        + ", ".join(f"{name} {version}" for name, version in here["versions"].items())
        + f"; Python {here['python']}."
    )
    yield ""
    if "epoch" in raw.parts():
        yield "![Bars of the tables below](images/performance.png)"
        yield ""


def method(raw):
    cores = raw.records[-1]["machine"]["cores"]
    median, most = others_used(raw)
    yield "## How it is measured"
    yield ""
    yield (
        "- Everybody reads the same files, trains on the same rows in a new order each epoch, starts from "
        "the same distribution of weights, and has Keras' batch normalization (momentum 0.99, epsilon "
        "0.001). An epoch is training and validation, with loss and accuracy of both on the host."
    )
    yield (
        "- A round's seconds per epoch are the median of its epochs but the first, in which JAX, Keras and "
        "`torch.compile` compile. What bn-runner does between epochs, such as its checkpoint, is in the "
        "whole job and not in these."
    )
    yield (
        "- Contenders take turns within a round, in one order and then in the other; those that take minutes "
        f"are left out of later rounds (cells without brackets, or fewer rounds in them). All have {cores} "
        "threads; “one core” is one thread, pinned."
    )
    yield (
        "- JAX is one jitted `lax.scan` per epoch with its state donated, the data on the device. Where it "
        "stands for more than one variant (pixels as bytes and four steps unrolled; as floats and "
        "none), the better one counts, cell by cell. PyTorch is eager with a fused SGD, data in memory, "
        "batches by index; its wheel from PyPI. Keras is `fit` as people write it; “32 steps a call” is "
        "`steps_per_execution=32` and validation in batches of 1,000."
    )
    yield (
        f"- While somebody was measured, others used {median:.0%} of the machine (median; {most:.0%} at the "
        "most). PyTorch's threads wait busily for each other: on a machine that is not quiet they lose far "
        "more than anybody else's."
    )
    yield (
        f"- To repeat it: `cargo build --release`, then `{COMMAND}`. The programs of the peers are in "
        "`scripts/peers/`."
    )
    yield ""
    failures = {(f["part"], f["case"], f["contender"], f["failed"].splitlines()[-1]) for f in raw.failures()}
    if failures:
        yield "What failed:"
        yield ""
        for part, case, contender, why in sorted(failures):
            yield f"- {part}, {case}, {contender}: `{why}`"
        yield ""


def write(raw, docs):
    images = os.path.join(docs, "images")
    os.makedirs(images, exist_ok=True)
    lines = list(opening(raw))
    if "epoch" in raw.parts():
        lines += glance(raw)
    for part, section in SECTIONS.items():
        if part in raw.parts():
            lines += section(raw)
    lines += method(raw)
    path = os.path.join(docs, "performance.md")
    with open(path, "w") as file:
        file.write("\n".join(lines).rstrip() + "\n")
    wrote = [path]
    if "epoch" in raw.parts():
        wrote.append(charts.performance(raw, NETWORK_TITLES, os.path.join(images, "performance.png")))
    if "size" in raw.parts():
        path = os.path.join(images, "cost_against_size.png")
        wrote.append(charts.cost_against_size(list(points(raw)), path))
    print("\n".join(f"wrote {path}" for path in wrote))
