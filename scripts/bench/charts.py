"""The two charts. Ours is blue, others grey or orange: apart for everybody, and on paper."""

import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot
from matplotlib.ticker import FuncFormatter, NullFormatter, NullLocator

from parts import DENSE
from raw import rounded

OURS, OTHERS, JAX = "#0072b2", "#a9a9a9", "#d55e00"
pyplot.rcParams.update({
    "font.size": 13, "axes.titlesize": 14, "axes.titleweight": "bold", "axes.spines.top": False,
    "axes.spines.right": False,
})


def bars(axes, places, title, values, digits):
    """Horizontal bars in the first of so many places, best first, each with its number; whiskers from the
    lowest to the highest round."""
    values = sorted(values.items(), key=lambda item: item[1].median())
    # One round that something disturbed must not squash all bars: its whisker is cut.
    limit = 1.25 * max((numbers.median() for _, numbers in values), default=1)
    for place, (contender, numbers) in enumerate(values):
        middle = numbers.median()
        spread = [[middle - min(numbers)], [min(max(numbers), limit) - middle]]
        color = OURS if contender.startswith("bn-runner") else OTHERS
        axes.barh(place, middle, 0.72, color=color, xerr=spread, error_kw={"elinewidth": 1.2, "capsize": 3})
        axes.annotate(
            rounded(middle, digits), (min(max(numbers), limit), place), xytext=(6, 0),
            textcoords="offset points", va="center",
        )
    names = [contender.replace(", 32 steps", ",\n32 steps") for contender, _ in values]
    axes.set_yticks(range(len(values)), names, linespacing=0.9)
    for label in axes.get_yticklabels():
        if label.get_text().startswith("bn-runner"):
            label.set(color=OURS, fontweight="bold")
    axes.set_ylim(places - 0.5, -0.5)
    axes.set_title(title, loc="left")
    shown = max((min(max(numbers), limit) for _, numbers in values), default=1)
    axes.set_xlim(0, 1.18 * shown)
    axes.spines["left"].set_visible(False)
    axes.tick_params(axis="y", length=0)


def performance(raw, titles, path):
    panels = []
    for network in DENSE:
        values = {one: raw.epoch("epoch", one, network) for one in raw.contenders("epoch")}
        panels.append((f"{titles[network]}: seconds per epoch", values, 2))
    jobs = []
    if "job" in raw.parts():
        for title, key, digits in (("seconds", "seconds", 1), ("megabytes", "peak_mb", 0)):
            values = {
                one: raw.numbers("job", one, lambda record: record[key]) for one in raw.contenders("job")
            }
            jobs.append((f"Whole job: {title}", values, digits))
    panels += jobs[:1]
    # The one with the fewest bars in a row with one that has few.
    if "pair" in raw.parts():
        values = {one: raw.epoch("pair", one, "bn_after") for one in raw.contenders("pair")}
        panels.append(("BN after, a trial per core: seconds per epoch", values, 2))
    panels += jobs[1:]
    panels = [
        (title, {one: numbers for one, numbers in values.items() if numbers}, digits)
        for title, values, digits in panels
    ]
    # Two columns, panels as high as they have bars.
    rows = [panels[i : i + 2] for i in range(0, len(panels), 2)]
    places = [max(len(values) for _, values, _ in row) for row in rows]
    heights = [most + 1.5 for most in places]
    figure, axes = pyplot.subplots(
        len(rows), 2, figsize=(15, 0.42 * sum(heights)), layout="constrained", squeeze=False,
        height_ratios=heights,
    )
    for own, row, most in zip(axes, rows, places):
        for one, panel in zip(own, row):
            bars(one, most, *panel)
        for one in own[len(row):]:
            one.set_visible(False)
    figure.savefig(path, dpi=110)
    return path


AXES = {"width": "units in each of two layers", "depth": "layers of 100 units", "batch": "rows in a batch"}


def plain(value, _):
    return f"{value:,.0f}" if value >= 1 else f"{value:g}"


def cost_against_size(points, path):
    figure, panels = pyplot.subplots(1, 3, figsize=(15, 5.2), layout="constrained", sharey=True)
    styles = {"bn-runner": (OURS, "o", "-"), "JAX": (JAX, "s", "--")}
    for axes, (axis, label) in zip(panels, AXES.items()):
        own = [point for point in points if point[0] == axis]
        for contender, (color, marker, line) in styles.items():
            rows = [(size, numbers) for _, size, who, numbers in own if who == contender]
            if not rows:
                continue
            sizes = [size for size, _ in rows]
            middles = [1000 * numbers.median() for _, numbers in rows]
            lows, highs = ([1000 * f(numbers) for _, numbers in rows] for f in (min, max))
            axes.fill_between(sizes, lows, highs, color=color, alpha=0.18, linewidth=0)
            axes.plot(sizes, middles, line, marker=marker, color=color, label=contender, linewidth=2.2,
                      markersize=8)
        axes.set(xscale="log", yscale="log", xlabel=label, title=axis.capitalize())
        axes.set_xticks(sorted({size for _, size, _, _ in own}))
        axes.xaxis.set_major_formatter(FuncFormatter(plain))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.grid(alpha=0.35)
    panels[0].set_ylabel("milliseconds per 1,000 training rows")
    low, high = panels[0].get_ylim()
    ticks = [m * 10**e for e in range(-1, 6) for m in (1, 2, 5)]
    panels[0].set_yticks([tick for tick in ticks if low <= tick <= high])
    panels[0].yaxis.set_major_formatter(FuncFormatter(plain))
    panels[0].yaxis.set_minor_formatter(NullFormatter())
    panels[0].legend(frameon=False)
    figure.savefig(path, dpi=110)
    return path
