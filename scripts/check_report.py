#!/usr/bin/env python3
"""Looks at a report.html in a real browser: does it draw, sort and switch, and does it stay silent?

    apt-get install chromium          # any Chromium or Chrome does
    python3 -m venv venv && venv/bin/pip install websocket-client
    bn-runner report results -o report.html
    venv/bin/python scripts/check_report.py report.html --pictures pictures/

Nothing is changed and nothing is fetched: a page that asks for anything fails the check. Ends with 1
if something is wrong. `--pictures` keeps screenshots, wide and as on a phone, light and dark, and
the page as it would be printed.
"""

import argparse
import base64
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

import websocket

PHONE = 390


class Browser:
    """A headless Chromium, spoken to in its DevTools protocol."""

    def __init__(self, program):
        self.folder = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        self.process = subprocess.Popen(
            [program, "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-extensions",
             "--disable-background-networking", "--remote-debugging-port=0", "--remote-allow-origins=*",
             f"--user-data-dir={self.folder.name}", "about:blank"],
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        for line in self.process.stderr:
            if "DevTools listening on " in line:
                address = line.split("listening on ")[1].strip()
                break
        self.socket = websocket.create_connection(address, timeout=60)
        self.number = 0
        self.session = None
        self.events = []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def call(self, method, **parameters):
        self.number += 1
        message = {"id": self.number, "method": method, "params": parameters}
        if self.session:
            message["sessionId"] = self.session
        self.socket.send(json.dumps(message))
        while True:
            answer = json.loads(self.socket.recv())
            if answer.get("id") == self.number:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']}")
                return answer["result"]
            self.events.append(answer)

    def run(self, script):
        """The value of a script, awaited."""
        result = self.call("Runtime.evaluate", expression=f"(async () => {{ {script} }})()", awaitPromise=True,
                           returnByValue=True, userGesture=True)
        if "exceptionDetails" in result:
            raise RuntimeError(json.dumps(result["exceptionDetails"])[:800])
        return result["result"].get("value")

    def open(self, path, width, dark):
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=2 if width < 600 else 1,
                  mobile=width < 600)
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}])
        self.call("Page.navigate", url=path.resolve().as_uri())
        self.wait("document.readyState === 'complete'")

    def wait(self, condition, seconds=20):
        end = time.time() + seconds
        while time.time() < end:
            if self.run(f"return !!({condition});"):
                return True
            time.sleep(0.05)
        return False

    def key(self, name, code):
        for kind in ("keyDown", "keyUp"):
            text = {"text": "\r"} if name == "Enter" and kind == "keyDown" else {"text": " "} if name == " " and kind == "keyDown" else {}
            self.call("Input.dispatchKeyEvent", type=kind, key=name, code=name, windowsVirtualKeyCode=code, **text)

    def picture(self, file, whole=True):
        size = self.call("Page.getLayoutMetrics")["cssContentSize"]
        clip = {"x": 0, "y": 0, "width": size["width"], "height": min(size["height"], 7000), "scale": 1}
        shot = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=whole, **({"clip": clip} if whole else {}))
        file.write_bytes(base64.b64decode(shot["data"]))

    def complaints(self):
        """What the page said on its console, what it violated, what it asked the network for."""
        self.run("return 1;")
        found = []
        for event in self.events:
            method, details = event.get("method"), event.get("params", {})
            if method == "Runtime.exceptionThrown":
                found.append("exception: " + json.dumps(details["exceptionDetails"])[:400])
            elif method == "Runtime.consoleAPICalled" and details["type"] in ("error", "warning", "assert"):
                found.append(f"console.{details['type']}: " + json.dumps(details["args"])[:400])
            elif method == "Log.entryAdded" and details["entry"]["level"] in ("error", "warning"):
                found.append(f"log: {details['entry']['text'][:400]}")
            elif method == "Network.requestWillBeSent":
                url = details["request"]["url"]
                if not url.startswith(("file:", "data:", "blob:", "about:")):
                    found.append(f"asked for {url}")
        return found

    def close(self):
        self.process.terminate()
        self.process.wait(10)
        self.folder.cleanup()


class Check:
    def __init__(self):
        self.failed = 0

    def __call__(self, holds, what):
        print(("ok    " if holds else "WRONG ") + what)
        self.failed += not holds


DRAWN = "[...document.querySelectorAll('.plot')].filter((p) => p.querySelector('.scatterlayer .trace path.js-line')).length"


def draw_all(browser):
    """Scrolls through the page, as charts are drawn when they come into sight."""
    browser.run("""
        for (const plot of document.querySelectorAll('.plot')) {
            plot.scrollIntoView({ behavior: 'instant', block: 'center' });
            const end = Date.now() + 15000;
            while (!plot.querySelector('.scatterlayer .trace') && Date.now() < end) await new Promise((r) => setTimeout(r, 30));
        }
        window.scrollTo({ top: 0, behavior: 'instant' });
    """)


def look(browser, path, check):
    start = time.time()
    browser.open(path, 1280, dark=False)
    check(browser.wait("document.querySelector('h1')"), f"the page opens, in {time.time() - start:.2f} s with the browser's own time")
    paint = browser.run("await new Promise((r) => setTimeout(r, 300)); return performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? -1;")
    check(0 <= paint < 2000, f"something is to be seen after {paint:.0f} ms")
    plots = browser.run("return document.querySelectorAll('.plot').length;")
    draw_all(browser)
    drawn = browser.run(f"return {DRAWN};")
    check(drawn == plots, f"curves are drawn: {drawn} of {plots}")
    check(browser.run("return document.querySelectorAll('#plotly').length === 0 && document.querySelectorAll('script').length <= 3;"), "plotly is unpacked once")

    sortable = browser.run("return document.querySelectorAll('table.sortable').length;")
    if sortable:
        # Every column of the first table, by keyboard alone.
        state = """
            const table = document.querySelector('.experiment table.sortable');
            const heads = [...table.tHead.rows[0].cells];
            const rows = () => [...table.tBodies[0].rows];
        """
        columns = browser.run(state + "return heads.length;")
        for column in range(columns):
            browser.run(state + f"heads[{column}].querySelector('button').focus();")
            orders = []
            for _ in range(2):
                browser.key("Enter", 13)
                orders.append(browser.run(state + f"""
                    const values = rows().map((row) => row.cells[{column}].dataset.value ?? row.cells[{column}].textContent.trim()).filter((v) => v !== '');
                    const numbers = values.map(Number);
                    const compare = numbers.some(Number.isNaN) ? (a, b) => String(a).localeCompare(String(b), 'en', {{ numeric: true }}) : (a, b) => a - b;
                    const list = numbers.some(Number.isNaN) ? values : numbers;
                    const sign = heads[{column}].getAttribute('aria-sort') === 'ascending' ? 1 : -1;
                    return {{ sort: heads[{column}].getAttribute('aria-sort'),
                              others: heads.filter((h) => h.getAttribute('aria-sort') !== 'none').length,
                              sorted: list.every((v, i) => i === 0 || sign * compare(list[i - 1], v) <= 0) }};
                """))
            fine = all(o["sorted"] and o["others"] == 1 for o in orders) and {o["sort"] for o in orders} == {"ascending", "descending"}
            check(fine, f"column {column + 1} sorts both ways by keyboard, and says so (aria-sort)")

    if plots:
        first = "const box = document.querySelector('[id^=curves-]'); const plot = box.querySelector('.plot'); const lines = () => plot.data.filter((t) => t.name).length; const settle = () => new Promise((r) => setTimeout(r, 250));"
        before = browser.run(first + "return lines();")
        browser.run(first + """
            const labels = [...box.querySelectorAll('.legend label')].filter((l) => l.querySelector(':checked'));
            // Not every case has the numbers that are drawn.
            const names = plot.data.filter((t) => t.name).map((t) => new DOMParser().parseFromString(t.name, 'text/html').body.textContent);
            labels.find((l) => names.includes(l.textContent)).querySelector('input').focus();
        """)
        browser.key(" ", 32)
        after = browser.run(first + "await settle(); return lines();")
        check(after == before - 1, f"a case is switched off by keyboard: {before} → {after} lines")
        focus = browser.run("return document.activeElement.matches('.legend input');")
        check(focus, "the focus stays where it was")
        browser.key(" ", 32)
        changes = browser.run(first + """
            const press = async (selector, change) => {
                const input = box.querySelector(selector);
                change(input);
                input.dispatchEvent(new Event('input', { bubbles: true }));
                await settle();
            };
            const found = {};
            found.epoch = plot.layout.xaxis.title.text;
            await press('[value=seconds]', (i) => { i.checked = true; });
            found.seconds = plot.layout.xaxis.title.text;
            await press('[value=epoch]', (i) => { i.checked = true; });
            await press('[name=log]', (i) => { i.checked = true; });
            found.log = plot.layout.yaxis.type;
            await press('[name=log]', (i) => { i.checked = false; });
            const bands = () => plot.data.filter((t) => t.fill === 'toself').length;
            found.bands = bands();
            await press('[name=bands]', (i) => { i.checked = false; });
            found.without = bands();
            await press('[name=bands]', (i) => { i.checked = true; });
            const last = () => plot.data.filter((t) => t.name).map((t) => t.y.slice(0, 3).join()).join();
            const rough = last();
            await press('[name=smooth]', (i) => { i.value = 0.8; });
            found.smooth = rough !== last() || plot.data.every((t) => t.x.length < 2);
            await press('[name=smooth]', (i) => { i.value = 0; });
            const select = box.querySelector('[name=metric]');
            found.metrics = [];
            for (const option of [...select.options].map((o) => o.value)) {
                await press('[name=metric]', (i) => { i.value = option; });
                found.metrics.push([option, plot.layout.yaxis.title.text, lines()]);
            }
            await press('[name=metric]', (i) => { i.value = found.metrics[0][0]; });
            const details = box.querySelector('[data-values]');
            details.open = true;
            await settle();
            found.table = details.querySelectorAll('tbody tr').length;
            details.open = false;
            box.querySelector('[data-choose=none]').click();
            await settle();
            found.none = lines();
            box.querySelector('[data-choose=all]').click();
            await settle();
            found.all = lines();
            return found;
        """)
        check(changes["epoch"] == "epoch" and "seconds" in changes["seconds"], "the axis switches between epochs and seconds")
        check(changes["log"] == "log", "the scale switches to logarithmic")
        check(changes["without"] == 0, f"bands switch off ({changes['bands']} before)")
        check(changes["smooth"], "smoothing changes the lines")
        check(len({m[1] for m in changes["metrics"]}) == len(changes["metrics"]) and all(m[2] for m in changes["metrics"]),
              "every metric is drawn: " + ", ".join(m[0] for m in changes["metrics"]))
        check(changes["table"] > 0, f"the values are there as a table of {changes['table']} rows")
        check(changes["none"] == 0 and changes["all"] >= before, "none and all")
        hover = browser.run(first + """
            plot.scrollIntoView({ behavior: 'instant', block: 'center' });
            await settle();
            const { xaxis, yaxis } = plot._fullLayout;
            const line = plot.data.find((t) => t.name);
            const middle = Math.floor(line.x.length / 2);
            const box_ = plot.getBoundingClientRect();
            return [box_.left + xaxis._offset + xaxis.d2p(line.x[middle]), box_.top + yaxis._offset + yaxis.d2p(line.y[middle])];
        """)
        for step in range(3):
            browser.call("Input.dispatchMouseEvent", type="mouseMoved", x=hover[0] + step, y=hover[1])
        shown = browser.wait("document.querySelector('.hoverlayer text')", 3)
        check(shown, "pointing at the curves tells their values")

    if browser.run("return document.querySelectorAll('[id^=layers-]').length;"):
        layers = browser.run("""
            const box = document.querySelector('[id^=layers-]');
            const plot = box.querySelector('.plot');
            const settle = () => new Promise((r) => setTimeout(r, 250));
            const set = async (name, change) => {
                const input = box.querySelector(`[name=${name}]`);
                change(input);
                input.dispatchEvent(new Event('input', { bubbles: true }));
                await settle();
            };
            const numbers = () => JSON.stringify(plot.data.map((t) => t.y));
            const found = { metrics: [], log: plot.layout.yaxis.type, lines: plot.data.length };
            const last = numbers();
            const range = String(plot.layout.yaxis.range);
            await set('epoch', (i) => { i.value = 0; });
            found.moved = numbers() !== last || box.querySelector('[name=epoch]').max === '0';
            found.range = String(plot.layout.yaxis.range) === range;
            await set('log', (i) => { i.checked = !i.checked; });
            found.other = plot.layout.yaxis.type;
            for (const option of [...box.querySelector('[name=metric]').options].map((o) => o.value)) {
                await set('metric', (i) => { i.value = option; });
                found.metrics.push([option, plot.layout.yaxis.title.text, plot.data.length]);
            }
            box.querySelector('.legend input').click();
            await settle();
            found.off = box.querySelectorAll('.legend :checked').length;
            found.cases = box.querySelectorAll('.legend input').length;
            box.querySelector('.legend input').click();
            box.querySelector('[data-values]').open = true;
            await settle();
            found.table = box.querySelectorAll('[data-values] tbody tr').length;
            box.querySelector('[data-values]').open = false;
            return found;
        """)
        check(layers["moved"] and layers["range"], "the layers' chart goes through the epochs, on one scale")
        check({layers["log"], layers["other"]} == {"log", "linear"}, "its scale switches")
        check(len({m[1] for m in layers["metrics"]}) == len(layers["metrics"]) and all(m[2] for m in layers["metrics"]),
              "every number of layers is drawn: " + ", ".join(m[0] for m in layers["metrics"]))
        check(layers["off"] == layers["cases"] - 1 and layers["table"] > 0, "its cases switch off, and there is a table")

    names = browser.run("return document.querySelectorAll('img:not([src^=\"data:image/png;base64,\"])').length + document.querySelectorAll('main script, main iframe, main b:not(.range b), main [onerror]').length;")
    check(names == 0, "nothing but the page's own markup is in it")
    wrong = browser.run("""
        const button = document.getElementById('theme');
        const ground = () => getComputedStyle(document.body).backgroundColor;
        const light = ground();
        button.click();
        const dark = ground();
        const ink = getComputedStyle(document.body).color;
        await new Promise((r) => setTimeout(r, 300));
        const font = document.querySelector('.plot.js-plotly-plot')?.layout?.font?.color;
        button.click();
        return { light, dark, ink, font };
    """)
    check(wrong["light"] != wrong["dark"], f"the switch makes it dark: {wrong['light']} → {wrong['dark']}")
    unlabelled = browser.run("""
        return [...document.querySelectorAll('input, select, button')].filter((one) => !one.hidden && one.offsetParent
            && !(one.labels?.length) && !one.getAttribute('aria-label') && !one.textContent.trim() && !one.title).length;
    """)
    check(unlabelled == 0, "every switch has a label")


def phone(browser, path, check):
    # The switch was remembered; who has never touched it gets what the system says.
    browser.run("localStorage.clear();")
    browser.open(path, PHONE, dark=True)
    draw_all(browser)
    width = browser.run("return document.documentElement.scrollWidth;")
    check(width <= PHONE, f"on a phone nothing sticks out to the side: {width} of {PHONE} pixels")
    dark = browser.run("return getComputedStyle(document.body).backgroundColor;")
    check(dark == "rgb(21, 23, 27)", f"a dark system gets dark colours: {dark}")
    small = browser.run("""
        const texts = [...document.querySelectorAll('p, td, th, dd, dt, label, summary, button')].filter((e) => e.offsetParent);
        return Math.min(...texts.map((e) => parseFloat(getComputedStyle(e).fontSize)));
    """)
    check(small >= 11, f"the smallest text has {small} pixels")


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("report", type=pathlib.Path)
    arguments.add_argument("--pictures", type=pathlib.Path)
    arguments.add_argument("--browser", default=shutil.which("chromium") or shutil.which("google-chrome") or "chromium")
    options = arguments.parse_args()
    check = Check()
    browser = Browser(options.browser)
    try:
        look(browser, options.report, check)
        phone(browser, options.report, check)
        complaints = browser.complaints()
        check(not complaints, "no error, no warning, nothing asked for" + "".join(f"\n        {c}" for c in complaints[:10]))
        if options.pictures:
            options.pictures.mkdir(parents=True, exist_ok=True)
            for width, dark in ((1280, False), (1280, True), (PHONE, False), (PHONE, True)):
                browser.open(options.report, width, dark)
                draw_all(browser)
                time.sleep(0.3)
                browser.picture(options.pictures / f"{width}_{'dark' if dark else 'light'}.png")
            browser.open(options.report, 1000, False)
            draw_all(browser)
            pdf = browser.call("Page.printToPDF", printBackground=True)
            (options.pictures / "printed.pdf").write_bytes(base64.b64decode(pdf["data"]))
    finally:
        browser.close()
    print("all is well" if not check.failed else f"{check.failed} wrong")
    return 1 if check.failed else 0


if __name__ == "__main__":
    sys.exit(main())
