"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const root = document.documentElement;
  const $ = (selector, from = document) => from.querySelector(selector);
  const all = (selector, from = document) => [...from.querySelectorAll(selector)];
  const remember = {
    get() { try { return localStorage.getItem("bn-runner-theme"); } catch { return null; } },
    set(value) { try { localStorage.setItem("bn-runner-theme", value); } catch { /* a file may not */ } },
  };

  // ---- Light and dark -------------------------------------------------------------------------
  const system = matchMedia("(prefers-color-scheme: dark)");
  const charts = [];
  const isDark = () => root.dataset.theme === "dark";
  function setTheme(name) {
    root.dataset.theme = name;
    const button = $("#theme");
    button.textContent = name === "dark" ? "Light" : "Dark";
    button.setAttribute("aria-label", `Switch to ${name === "dark" ? "light" : "dark"} colours`);
    charts.forEach((chart) => { chart.legend(); chart.draw(); });
  }
  $("#theme").hidden = false;
  $("#theme").addEventListener("click", () => {
    setTheme(isDark() ? "light" : "dark");
    remember.set(root.dataset.theme);
  });
  system.addEventListener("change", () => { if (!remember.get()) setTheme(system.matches ? "dark" : "light"); });

  // ---- Sorting --------------------------------------------------------------------------------
  function sortable(table) {
    const body = table.tBodies[0];
    const head = [...table.tHead.rows[0].cells];
    head.forEach((cell, column) => {
      const button = document.createElement("button");
      button.type = "button";
      button.append(...cell.childNodes);
      cell.append(button);
      cell.setAttribute("aria-sort", cell.getAttribute("aria-sort") || "none");
      button.addEventListener("click", () => {
        const before = cell.getAttribute("aria-sort");
        // Numbers begin with the largest, names with A.
        const first = cell.classList.contains("number") ? "descending" : "ascending";
        const other = first === "ascending" ? "descending" : "ascending";
        const order = before === first ? other : first;
        head.forEach((one) => one.setAttribute("aria-sort", "none"));
        cell.setAttribute("aria-sort", order);
        const key = (row) => {
          const value = row.cells[column].dataset.value ?? row.cells[column].textContent.trim();
          const number = Number(value);
          return value === "" ? null : Number.isNaN(number) ? value : number;
        };
        const sign = order === "ascending" ? 1 : -1;
        const rows = [...body.rows].map((row) => [key(row), row]);
        rows.sort(([a], [b]) => {
          if (a === null || b === null) return (a === null) - (b === null);
          if (typeof a === "number" && typeof b === "number") return sign * (a - b);
          return sign * String(a).localeCompare(String(b), "en", { numeric: true });
        });
        body.append(...rows.map(([, row]) => row));
      });
    });
  }
  all("table.sortable").forEach(sortable);

  // ---- Choosing one of several ----------------------------------------------------------------
  all("select[data-shows]").forEach((select) => {
    const show = () => all("[data-choice]", document.getElementById(select.dataset.shows)).forEach((part) => {
      part.hidden = part.dataset.choice !== select.value;
    });
    select.addEventListener("change", show);
    show();
  });

  // ---- plotly, unpacked when the page is there ------------------------------------------------
  let unpacked;
  const plotly = () => unpacked ??= (async () => {
    const packed = document.getElementById("plotly");
    const bytes = Uint8Array.from(atob(packed.textContent.trim()), (c) => c.charCodeAt(0));
    packed.remove();
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    const script = document.createElement("script");
    script.textContent = await new Response(stream).text();
    document.head.append(script);
    return window.Plotly;
  })();

  // ---- Curves ---------------------------------------------------------------------------------
  const SYMBOLS = ["circle", "square", "triangle-up", "diamond", "triangle-down", "x"];
  const SHAPES = [
    "M-3.4 0a3.4 3.4 0 1 0 6.8 0a3.4 3.4 0 1 0-6.8 0", "M-3-3h6v6h-6z", "M0-4L3.6 2.8H-3.6z",
    "M0-4.4L4.4 0 0 4.4-4.4 0z", "M0 4L3.6-2.8H-3.6z", "M-3-4L0-1 3-4 4-3 1 0 4 3 3 4 0 1-3 4-4 3-1 0-4-3z",
  ];
  const SHOWN_AT_FIRST = 8;
  const ALL_UP_TO = 12;
  const colour = (index) => data.palette[isDark() ? "dark" : "light"][index % data.palette.light.length];
  const variable = (name) => getComputedStyle(root).getPropertyValue(name).trim();
  const faint = (hex, alpha) => {
    const channel = (at) => parseInt(hex.slice(at, at + 2), 16);
    return `rgba(${channel(1)},${channel(3)},${channel(5)},${alpha})`;
  };
  // plotly for a chart, once it is seen. Nothing where it cannot be unpacked, which the chart then
  // says, and where a later change is drawn in place of this one.
  const libraryFor = async (chart, otherwise) => {
    if (!chart.seen) return null;
    const drawing = chart.drawing = {};
    let library;
    try {
      library = await plotly();
    } catch {
      chart.plot.replaceChildren(element("p", otherwise));
      return null;
    }
    if (drawing !== chart.drawing) return null;
    if (!chart.plot.classList.contains("js-plotly-plot")) chart.plot.replaceChildren();
    return library;
  };

  // plotly reads a little HTML and its own placeholders in names; here both are text.
  const plain = (text) => text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;").replace(/%\{/g, "%&#123;");
  const element = (tag, text, attributes = {}) => {
    const made = document.createElement(tag);
    if (text !== undefined) made.textContent = text;
    Object.entries(attributes).forEach(([name, value]) => made.setAttribute(name, value));
    return made;
  };

  // A case in a chart's legend, which shows and hides it.
  function caseSwitch(chart, index) {
    const label = element("label");
    const input = element("input", undefined, { type: "checkbox", "data-case": index });
    input.checked = chart.visible.has(index);
    input.addEventListener("change", () => {
      if (input.checked) chart.visible.add(index); else chart.visible.delete(index);
      chart.draw();
    });
    const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    svg.setAttribute("width", "26");
    svg.setAttribute("height", "12");
    svg.setAttribute("viewBox", "-13 -6 26 12");
    svg.setAttribute("aria-hidden", "true");
    const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
    path.setAttribute("d", `M-13-.8H13V.8H-13z${SHAPES[index % SHAPES.length]}`);
    path.setAttribute("fill", colour(index));
    svg.append(path);
    label.append(input, svg, element("bdi", chart.experiment.cases[index].label));
    return label;
  }

  // What all charts look like around their lines.
  const axisLook = () => ({
    gridcolor: variable("--line"), linecolor: variable("--strong"), zeroline: false, automargin: true,
    tickfont: { color: variable("--quiet") }, showline: true, ticks: "",
  });
  const chartLook = () => ({
    paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", showlegend: false,
    font: { family: getComputedStyle(document.body).fontFamily, size: 13, color: variable("--ink") },
    margin: { l: 8, r: 12, t: 10, b: 8 },
    modebar: { bgcolor: "rgba(0,0,0,0)", color: variable("--strong"), activecolor: variable("--link") },
    hoverlabel: { bgcolor: variable("--paper"), bordercolor: variable("--strong"), font: { color: variable("--ink") }, namelength: -1 },
  });
  const chartSwitches = (filename) => ({
    responsive: true, displaylogo: false, displayModeBar: matchMedia("(hover: hover)").matches ? "hover" : false,
    modeBarButtonsToRemove: ["select2d", "lasso2d", "autoScale2d", "resetScale2d"],
    toImageButtonOptions: { format: "svg", filename },
  });

  // Exponential moving average, corrected for its start, as TensorBoard has it.
  function smoothed(values, weight) {
    if (!weight) return values;
    let mean = 0;
    let sum = 0;
    return values.map((value) => {
      if (value === null) return null;
      mean = mean * weight + value * (1 - weight);
      sum = sum * weight + (1 - weight);
      return mean / sum;
    });
  }

  class Curves {
    constructor(section, experiment) {
      this.experiment = experiment;
      this.section = section;
      this.plot = $(".plot", section);
      this.state = { metric: experiment.first, x: "epoch", log: false, bands: true, smooth: 0 };
      const ranked = experiment.ranked;
      this.visible = new Set(ranked.length > ALL_UP_TO ? ranked.slice(0, SHOWN_AT_FIRST) : ranked);
      const select = $("[name=metric]", section);
      experiment.metrics.forEach((metric) => {
        const option = element("option", metric.title, { value: metric.name });
        option.selected = metric.name === experiment.first;
        select.append(option);
      });
      const on = (name, change) => all(`[name="${name}"]`, section).forEach((input) => {
        input.addEventListener("input", () => { change(input); this.draw(); });
      });
      on("metric", (input) => { this.state.metric = input.value; });
      on(`x-${experiment.id}`, (input) => { this.state.x = input.value; });
      on("log", (input) => { this.state.log = input.checked; });
      on("bands", (input) => { this.state.bands = input.checked; });
      on("smooth", (input) => {
        this.state.smooth = Number(input.value);
        $("output", section).textContent = this.state.smooth.toFixed(2);
      });
      const choose = (name, cases) => $(`[data-choose=${name}]`, section).addEventListener("click", () => {
        this.visible = new Set(cases);
        this.legend();
        this.draw();
      });
      choose("all", ranked);
      choose("none", []);
      choose("best", ranked.slice(0, SHOWN_AT_FIRST));
      $("[data-choose=best]", section).hidden = ranked.length <= SHOWN_AT_FIRST;
      $("[data-choose=reset]", section).addEventListener("click", () => this.draw(true));
      $("[data-values]", section).addEventListener("toggle", () => this.values());
      const filter = $("[name=filter]", section);
      filter.closest("label").hidden = ranked.length <= ALL_UP_TO;
      filter.addEventListener("input", () => this.legend());
      this.legend();
    }

    // The legend is made of checkboxes, so that it works without a mouse.
    legend() {
      const box = $(".legend", this.section);
      const wanted = $("[name=filter]", this.section).value.toLowerCase();
      const focused = document.activeElement?.dataset?.case;
      box.replaceChildren(...this.experiment.ranked
        .filter((index) => this.experiment.cases[index].label.toLowerCase().includes(wanted))
        .map((index) => caseSwitch(this, index)));
      if (focused !== undefined) $(`[data-case="${focused}"]`, box)?.focus();
    }

    traces() {
      const { metric, x, log, bands, smooth } = this.state;
      const traces = [];
      for (const index of this.experiment.ranked) {
        const one = this.experiment.cases[index];
        const numbers = one.metrics[metric];
        if (!this.visible.has(index) || !numbers) continue;
        const at = x === "epoch" ? one.epochs : one.seconds;
        const mean = smoothed(numbers.mean, smooth);
        const std = numbers.std;
        const known = mean.map((value, i) => i).filter((i) => mean[i] !== null);
        const paint = colour(index);
        if (bands && std && known.length > 1) {
          const floor = (low, i) => log ? Math.max(low, mean[i] / 10) : low;
          const up = known.map((i) => mean[i] + (std[i] ?? 0));
          const down = known.map((i) => floor(mean[i] - (std[i] ?? 0), i)).reverse();
          const there = known.map((i) => at[i]);
          traces.push({
            x: [...there, ...[...there].reverse()], y: [...up, ...down], type: "scatter", mode: "lines",
            fill: "toself", fillcolor: faint(paint, isDark() ? 0.22 : 0.15), line: { width: 0 }, hoverinfo: "skip",
          });
        }
        if (smooth) {
          traces.push({
            x: at, y: numbers.mean, type: "scatter", mode: "lines", hoverinfo: "skip",
            line: { color: faint(paint, 0.35), width: 1 },
          });
        }
        traces.push({
          x: at, y: mean, type: "scatter", mode: "lines+markers", name: plain(one.label),
          line: { color: paint, width: 2 }, connectgaps: true,
          marker: { color: paint, size: 7, symbol: SYMBOLS[index % SYMBOLS.length], maxdisplayed: 16 },
          customdata: mean.map((_, i) => [std?.[i] == null ? "" : ` ± ${std[i].toPrecision(2)}`, one.n[i], one.epochs[i]]),
          hovertemplate: "%{y:.4~g}%{customdata[0]}  n = %{customdata[1]}"
            + (x === "epoch" ? "" : "  epoch %{customdata[2]}") + "<extra>%{fullData.name}</extra>",
        });
      }
      return traces;
    }

    layout(reset) {
      const { metric, x, log } = this.state;
      const about = this.experiment.metrics.find((one) => one.name === metric);
      const axis = axisLook();
      if (reset) this.resets = (this.resets ?? 0) + 1;
      const epochs = Math.max(1, ...this.experiment.cases.map((one) => one.epochs.at(-1) ?? 1));
      return {
        ...chartLook(),
        hovermode: x === "epoch" && this.visible.size <= ALL_UP_TO ? "x unified" : "closest",
        // Where the pointer is between two epochs, the nearer one counts.
        hoverdistance: x === "epoch" && this.visible.size <= ALL_UP_TO ? -1 : 30,
        xaxis: { ...axis, title: { text: x === "epoch" ? "epoch" : "training time (seconds)", standoff: 8 },
          ...(x === "epoch" && epochs <= 12 ? { dtick: 1 } : {}) },
        yaxis: { ...axis, title: { text: about.title, standoff: 8 }, type: log ? "log" : "linear",
          tickformat: about.share && !log ? ".2~f" : "" },
        uirevision: [metric, x, log, this.resets].join(),
      };
    }

    async draw(reset = false) {
      const library = await libraryFor(this, "This browser cannot unpack the interactive curves. The same curves are in learning_curves.png beside this file.");
      if (!library) return;
      await library.react(this.plot, this.traces(), this.layout(reset), chartSwitches(`${this.experiment.id}_${this.state.metric}`));
      const title = this.experiment.metrics.find((one) => one.name === this.state.metric).title;
      this.plot.setAttribute("aria-label", `${title} of ${this.visible.size} cases over ${this.state.x === "epoch" ? "epochs" : "seconds"}; the values are in the table below`);
      this.values();
    }

    // The same curves as a table.
    values() {
      const details = $("[data-values]", this.section);
      if (!details.open) return;
      const cases = this.experiment.ranked.filter((index) => this.visible.has(index) && this.experiment.cases[index].metrics[this.state.metric]);
      const epochs = [...new Set(cases.flatMap((index) => this.experiment.cases[index].epochs))].sort((a, b) => a - b);
      const table = element("table", undefined, { class: "small" });
      const head = table.createTHead().insertRow();
      head.append(element("th", "epoch", { scope: "col", class: "number" }));
      cases.forEach((index) => head.append(element("th", this.experiment.cases[index].label, { scope: "col", class: "number" })));
      const body = table.createTBody();
      for (const epoch of epochs) {
        const row = body.insertRow();
        row.append(element("th", String(epoch), { scope: "row", class: "number" }));
        for (const index of cases) {
          const one = this.experiment.cases[index];
          const i = one.epochs.indexOf(epoch);
          const value = i < 0 ? null : one.metrics[this.state.metric].mean[i];
          row.append(element("td", value === null ? "" : String(value), { class: "number" }));
        }
      }
      $(".scroll", details).replaceChildren(table);
    }
  }

  // ---- Layers by depth ------------------------------------------------------------------------
  class Layers {
    constructor(section, experiment) {
      this.section = section;
      this.experiment = experiment;
      this.layers = experiment.layers;
      this.plot = $(".plot", section);
      const about = this.about(this.layers.first);
      this.state = { metric: this.layers.first, epoch: this.layers.epochs.length - 1, log: about.log };
      this.visible = new Set(this.layers.cases.slice(0, SHOWN_AT_FIRST).map((one) => one.case));
      const select = $("[name=metric]", section);
      this.layers.metrics.forEach((metric) => {
        const option = element("option", metric.title, { value: metric.name });
        option.selected = metric.name === this.layers.first;
        select.append(option);
      });
      const log = $("[name=log]", section);
      const epoch = $("[name=epoch]", section);
      log.checked = about.log;
      epoch.max = this.state.epoch;
      epoch.value = this.state.epoch;
      epoch.closest("label").hidden = this.layers.epochs.length < 2;
      select.addEventListener("input", () => {
        this.state.metric = select.value;
        this.state.log = log.checked = this.about(select.value).log;
        this.draw();
      });
      log.addEventListener("input", () => { this.state.log = log.checked; this.draw(); });
      epoch.addEventListener("input", () => { this.state.epoch = Number(epoch.value); this.draw(); });
      $("[data-values]", section).addEventListener("toggle", () => this.values());
      this.legend();
    }

    about(name) { return this.layers.metrics.find((metric) => metric.name === name); }

    legend() {
      const box = $(".legend", this.section);
      const focused = document.activeElement?.dataset?.case;
      const had = box.contains(document.activeElement);
      box.replaceChildren(...this.layers.cases.map((one) => caseSwitch(this, one.case)));
      if (had) $(`[data-case="${focused}"]`, box)?.focus();
    }

    // The cases that are shown and have a line here.
    lines() {
      return this.layers.cases
        .filter((one) => this.visible.has(one.case))
        .map((one) => ({ ...one, line: one.metrics[this.state.metric]?.[this.state.epoch] }))
        .filter((one) => one.line);
    }

    // The same range at all epochs, so that one sees what changes.
    range() {
      const { metric, log } = this.state;
      const lines = this.layers.cases.filter((one) => this.visible.has(one.case)).flatMap((one) => one.metrics[metric] ?? []);
      const means = lines.filter((line) => line).flatMap((line) => line.mean).filter((mean) => mean !== null && (!log || mean > 0));
      if (!means.length) return {};
      const scale = log ? Math.log10 : (value) => value;
      const low = scale(Math.min(...means));
      const high = scale(Math.max(...means));
      const room = (high - low) * 0.06 || Math.abs(high) * 0.1 || 1;
      return { range: [low - room, high + room] };
    }

    async draw() {
      const library = await libraryFor(this, "This browser cannot unpack the interactive chart. gradient_norm.png beside this file has the same.");
      if (!library) return;
      const { metric, epoch, log } = this.state;
      const title = this.about(metric).title;
      const number = this.layers.epochs[epoch];
      $("output", this.section).textContent = number;
      const traces = this.lines().map((one) => ({
        x: one.line.depth, y: one.line.mean, type: "scatter", mode: "lines+markers",
        name: plain(this.experiment.cases[one.case].label),
        line: { color: colour(one.case), width: 2 },
        marker: { color: colour(one.case), size: 7, symbol: SYMBOLS[one.case % SYMBOLS.length] },
        customdata: one.line.mean.map((_, i) => [one.line.std?.[i] == null ? "" : ` ± ${one.line.std[i].toPrecision(2)}`, one.n]),
        hovertemplate: "%{y:.3~g}%{customdata[0]}  n = %{customdata[1]}<extra>%{fullData.name}</extra>",
      }));
      const axis = axisLook();
      await library.react(this.plot, traces, {
        ...chartLook(),
        hovermode: "x unified",
        hoverdistance: -1,
        xaxis: { ...axis, title: { text: "depth", standoff: 8 }, tickformat: "d", dtick: Math.ceil(Math.max(1, ...traces.map((one) => one.x.length)) / 15) },
        yaxis: { ...axis, title: { text: title, standoff: 8 }, type: log ? "log" : "linear", ...(log ? { exponentformat: "power" } : {}), ...this.range() },
        uirevision: [metric, log].join(),
      }, chartSwitches(`${this.experiment.id}_${metric}_${number}`));
      this.plot.setAttribute("aria-label", `${title} of ${traces.length} cases by depth after epoch ${number}; the values are in the table below`);
      this.values();
    }

    values() {
      const details = $("[data-values]", this.section);
      if (!details.open) return;
      const lines = this.lines();
      const depths = [...new Set(lines.flatMap((one) => one.line.depth))].sort((a, b) => a - b);
      const table = element("table", undefined, { class: "small" });
      const head = table.createTHead().insertRow();
      head.append(element("th", "depth", { scope: "col", class: "number" }));
      lines.forEach((one) => head.append(element("th", this.experiment.cases[one.case].label, { scope: "col", class: "number" })));
      const body = table.createTBody();
      for (const depth of depths) {
        const row = body.insertRow();
        row.append(element("th", String(depth), { scope: "row", class: "number" }));
        for (const one of lines) {
          const value = one.line.mean[one.line.depth.indexOf(depth)] ?? null;
          row.append(element("td", value === null ? "" : String(value), { class: "number" }));
        }
      }
      $(".scroll", details).replaceChildren(table);
    }
  }

  setTheme(remember.get() ?? (system.matches ? "dark" : "light"));
  data.experiments.forEach((experiment) => {
    const section = document.getElementById(`curves-${experiment.id}`);
    if (section) charts.push(new Curves(section, experiment));
    const layers = document.getElementById(`layers-${experiment.id}`);
    if (layers) charts.push(new Layers(layers, experiment));
  });
  const observer = new IntersectionObserver((entries) => entries.forEach((entry) => {
    const chart = charts.find((one) => one.plot === entry.target);
    if (entry.isIntersecting && !chart.seen) {
      chart.seen = true;
      chart.draw();
    }
  }), { rootMargin: "300px" });
  charts.forEach((chart) => observer.observe(chart.plot));
  if (charts.length) (window.requestIdleCallback ?? setTimeout)(() => plotly().catch(() => {}));

  // ---- Paper has no clicks --------------------------------------------------------------------
  let opened = [];
  addEventListener("beforeprint", () => {
    opened = all("details:not([open])").filter((one) => !one.matches("[data-values], .bulky"));
    opened.forEach((one) => { one.open = true; });
  });
  addEventListener("afterprint", () => opened.forEach((one) => { one.open = false; }));
})();
