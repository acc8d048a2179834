"""What is measured, by whom: parts, which have cases, which have contenders."""

import os
from dataclasses import asdict, dataclass, field, replace

CORES = len(os.sched_getaffinity(0))
DENSE = ("no_bn", "bn_after", "bn_before")


@dataclass(frozen=True)
class Work:
    """What everybody is to train; the names are those of `scripts/peers/shared.py`."""

    networks: tuple = DENSE
    hidden: tuple = (300, 100)
    convolutions: bool = False
    epochs: int = 3
    batch: int = 32
    learning_rate: float = 0.001
    momentum: float = 0.0
    train_limit: int | None = None
    validation: int = 5000

    def as_json(self):
        return asdict(self)

    def rows(self):
        return self.train_limit or 60000 - self.validation


@dataclass(frozen=True)
class Contender:
    """A way to do the work. `script` is None for bn-runner."""

    name: str
    script: str | None = None
    environment: str | None = None
    options: dict = field(default_factory=dict, hash=False)
    variables: dict = field(default_factory=dict, hash=False)
    threads: int = CORES
    # At the same time, each on a core of its own if there are several.
    copies: int = 1

    def title(self):
        if self.copies > 1 and self.script:
            return f"{self.name}, {self.copies} processes"
        return self.name if self.threads == CORES else f"{self.name}, one core"

    def alone(self):
        return replace(self, threads=1)


OURS = Contender("bn-runner")
# The first takes longer to compile and is faster afterwards, more often than not.
JAX = Contender("JAX", "jax", "jax", {"bytes": True, "unroll": 4})
JAX_PLAIN = Contender("JAX", "jax", "jax", {"bytes": False, "unroll": 1})
TORCH = Contender("PyTorch", "torch", "torch")
TORCH_COMPILED = Contender("PyTorch, compiled", "torch", "torch", {"compile": True})
KERAS_JAX = Contender("Keras on JAX", "keras", "jax", variables={"KERAS_BACKEND": "jax"})
TENSORFLOW = {"KERAS_BACKEND": "tensorflow"}
KERAS = Contender("Keras on TensorFlow", "keras", "tensorflow", variables=TENSORFLOW)
KERAS_TUNED = replace(
    KERAS, name="Keras on TensorFlow, 32 steps a call", options={"steps_per_execution": 32}
)


@dataclass(frozen=True)
class Case:
    """`kind` is how it is measured: by `epochs`, as a whole `job`, up to the `first` step, or `check`.
    What takes minutes and is far from the others is measured in the first `rounds` alone."""

    part: str
    key: str
    work: Work
    contenders: tuple
    kind: str = "epochs"
    rounds: int = 1000


AFTER = Work(networks=("bn_after",))
# Where size is what changes: a tenth of the rows.
SOME = replace(AFTER, train_limit=5500, validation=1000)
WIDTHS = (100, 300, 1000, 2000)
DEPTHS = (1, 3, 10, 20)
BATCHES = (8, 32, 128, 1024)


def sizes():
    """Each size with its axis, the number on it, and the work."""
    for width in WIDTHS:
        yield "width", width, replace(SOME, hidden=(width, width))
    for depth in DEPTHS:
        yield "depth", depth, replace(SOME, hidden=(100,) * depth)
    for batch in BATCHES:
        yield "batch", batch, replace(SOME, batch=batch, train_limit=11000)


def all_cases():
    both_jax = (JAX, JAX_PLAIN)
    alone = tuple(one.alone() for one in (OURS, JAX_PLAIN, TORCH))
    conv = Work(("no_bn", "bn"), convolutions=True, learning_rate=0.02, momentum=0.9, train_limit=5500)
    yield Case("epoch", "networks", Work(), (OURS, *both_jax, TORCH, KERAS_JAX, KERAS, *alone))
    # These take long to compile or are not how people write it: one network tells enough.
    yield Case("epoch", "variants", AFTER, (TORCH_COMPILED, KERAS_TUNED), rounds=2)
    pair = tuple(
        replace(one.alone() if one.script else one, copies=CORES) for one in (OURS, *both_jax)
    )
    yield Case("pair", "pair", AFTER, pair)
    job = Work(epochs=10)
    yield Case("job", "job", job, (OURS, *both_jax), "job")
    yield Case("job", "slow", job, (TORCH, KERAS), "job", rounds=1)
    yield Case("batch", "batch", replace(AFTER, batch=256), (OURS, *both_jax, TORCH))
    wide = replace(AFTER, hidden=(1024, 1024), train_limit=11000, validation=1000)
    yield Case("wide", "wide", wide, (OURS, *both_jax, TORCH))
    yield Case("start", "check", Work(), (OURS,), "check")
    first = replace(AFTER, epochs=1, train_limit=32)
    yield Case("start", "first", first, (OURS, JAX_PLAIN, TORCH, KERAS_JAX, KERAS), "first")
    yield Case("conv", "conv", conv, (OURS, TORCH, KERAS_JAX, KERAS))
    for axis, size, work in sizes():
        yield Case("size", f"{axis} {size}", work, (OURS, JAX_PLAIN), rounds=2)


PARTS = tuple(dict.fromkeys(case.part for case in all_cases()))


def cases(only, quick):
    """The cases of some parts; the quick ones show that everything runs, and nothing else."""
    chosen = [case for case in all_cases() if case.part in only]
    if not quick:
        return chosen
    return [
        replace(
            case,
            work=replace(
                case.work, epochs=min(case.work.epochs, 3), train_limit=min(case.work.rows(), 1050)
            ),
        )
        for case in chosen
    ]
