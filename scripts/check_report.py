# SPDX-License-Identifier: MIT
"""Looks at HTML reports with Chromium, as a reader would: wide and narrow, light and dark.

usage: check_report.py [--ttscale BUILD/bin/ttscale [--quick] [--data ../shared/data]] [--samples BUILD/bin/report_samples] [--page FILE ...] [--out FOLDER]
       check_report.py --page FILE --picture FILE.webp

Pages come from evaluations with the program (--ttscale: the bundled demo; its images shifted on the fly, under one protocol after the other; the page that
`ttscale merge` makes; ResNet-20 on ../shared/data, where that is; --quick: few images and the first two), from made-up results (--samples) and from files
(--page). Each is opened at widths of 1280 and
400 pixels in light and dark, with everything unfolded, and fails for: a console error, any request but for the page itself, a page wider than the window,
more than 1 MB, text with a contrast below 4.5:1, labels of a drawing that overlap each other or leave it, an image that does not show. With --out, screenshots stay there. --picture makes one of the top of a page, for a README.
Exit status: 0 if all pages pass, 1 if not, 77 if there is no Chromium.
"""
import argparse
import base64
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[1]
MODELS = ROOT / "models"
WIDTHS = [1280, 400]
SCHEMES = ["light", "dark"]
MOST_BYTES = 1_000_000
PICTURE_WIDTH = 1000
END_OF_MAP = "Math.ceil(document.querySelector('#heat-map').getBoundingClientRect().bottom + 12)"  # the picture shows what stands above

# What a reader would complain about, as a list of sentences. Colours are composited over what lies behind them.
INSPECT = r"""
(() => {
  const complaints = [];
  const once = new Set();
  const complain = (kind, words) => { if (!once.has(kind + words) && complaints.length < 20) { once.add(kind + words); complaints.push(kind + ": " + words); } };
  document.querySelectorAll("details").forEach(d => d.open = true);
  if (document.documentElement.scrollWidth > window.innerWidth) {
    const wide = [...document.querySelectorAll("body *")].filter(e => e.getBoundingClientRect().right > window.innerWidth + 1 && !e.closest(".scroll"));
    complain("wider than the window", document.documentElement.scrollWidth + " px; first: " + (wide[0] ? wide[0].tagName + "." + wide[0].getAttribute("class") : "?"));
  }
  const canvas = document.createElement("canvas").getContext("2d", {willReadFrequently: true});
  const parsed = {};
  const rgba = css => {
    if (!(css in parsed)) {
      canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = "#000"; canvas.fillStyle = css; canvas.fillRect(0, 0, 1, 1);
      parsed[css] = [...canvas.getImageData(0, 0, 1, 1).data].map((v, i) => i == 3 ? v / 255 : v);
    }
    return parsed[css];
  };
  const over = (top, under) => [0, 1, 2].map(i => top[i] * top[3] + under[i] * (1 - top[3])).concat([1]);
  const background = element => {
    const layers = [];
    for (let e = element; e; e = e.parentElement) layers.push(rgba(getComputedStyle(e).backgroundColor));
    return layers.reverse().reduce((under, top) => over(top, under), [255, 255, 255, 1]);
  };
  const luminance = c => { const f = v => { v /= 255; return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; }; return 0.2126 * f(c[0]) + 0.7152 * f(c[1]) + 0.0722 * f(c[2]); };
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  let texts = 0;
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (!walker.currentNode.textContent.trim() || element.closest("title, desc, style") || !element.getClientRects().length) continue;
    texts++;
    const style = getComputedStyle(element);
    const behind = background(element);
    const colour = over(rgba(element.namespaceURI.endsWith("svg") ? style.fill : style.color), behind);
    const [a, b] = [luminance(colour), luminance(behind)].sort((x, y) => y - x);
    const contrast = (a + 0.05) / (b + 0.05);
    if (contrast < 4.5) complain("contrast " + contrast.toFixed(2), element.tagName + "." + element.getAttribute("class") + " \"" + walker.currentNode.textContent.trim().slice(0, 30) + "\"");
    if (parseFloat(style.fontSize) < 10) complain("letters of " + style.fontSize, element.tagName + "." + element.getAttribute("class"));
  }
  if (texts < 10) complain("empty page", texts + " texts");
  document.querySelectorAll("svg").forEach(svg => {
    const frame = svg.getBoundingClientRect();
    const all = [...svg.querySelectorAll("text")];
    all.forEach(t => {
      const r = t.getBoundingClientRect();
      if (r.left < frame.left - 1 || r.right > frame.right + 1 || r.top < frame.top - 1 || r.bottom > frame.bottom + 1) complain("label leaves its drawing", t.textContent + " in " + svg.querySelector("title").textContent);
    });
    const flat = all.filter(t => !t.hasAttribute("transform")).map(t => [t.textContent, t.getBoundingClientRect()]);
    flat.forEach(([words, r], i) => flat.slice(i + 1).forEach(([other, s]) => {
      if (r.left < s.right - 1 && s.left < r.right - 1 && r.top < s.bottom - 3 && s.top < r.bottom - 3) complain("labels overlap", words + " and " + other + " in " + svg.querySelector("title").textContent);
    }));
  });
  document.querySelectorAll("img").forEach(i => { if (!i.complete || i.naturalWidth == 0) complain("image does not show", i.alt); });
  return JSON.stringify(complaints);
})()
"""


class Chromium:
    """A browser that is spoken to through a pair of pipes (DevTools protocol)."""

    def __init__(self, program: str, profile: str):
        to_browser, self._write = os.pipe()
        self._read, from_browser = os.pipe()

        def place_pipes() -> None:  # the protocol wants descriptors 3 and 4
            low, high = os.dup(to_browser), os.dup(from_browser)
            os.dup2(low, 3)
            os.dup2(high, 4)
            os.set_inheritable(3, True)
            os.set_inheritable(4, True)

        self._process = subprocess.Popen(
            [program, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--no-first-run", "--disable-background-networking",
             f"--user-data-dir={profile}", "--remote-debugging-pipe", "about:blank"],
            preexec_fn=place_pipes, close_fds=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.close(to_browser)
        os.close(from_browser)
        self._buffer = b""
        self._number = 0
        self.events = []
        target = next(t for t in self.call("Target.getTargets")["targetInfos"] if t["type"] == "page")
        self._session = self.call("Target.attachToTarget", targetId=target["targetId"], flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.call(domain + ".enable")

    def _message(self) -> dict:
        while b"\0" not in self._buffer:
            chunk = os.read(self._read, 1 << 20)
            if not chunk:
                raise RuntimeError("Chromium ended before it answered")
            self._buffer += chunk
        message, self._buffer = self._buffer.split(b"\0", 1)
        return json.loads(message)

    def call(self, method: str, **parameters) -> dict:
        self._number += 1
        request = {"id": self._number, "method": method, "params": parameters}
        if not method.startswith("Target.") and not method.startswith("Browser."):
            request["sessionId"] = self._session
        os.write(self._write, json.dumps(request).encode() + b"\0")
        while True:
            message = self._message()
            if message.get("id") == self._number:
                if "error" in message:
                    raise RuntimeError(f"{method}: {message['error']['message']}")
                return message["result"]
            self.events.append(message)

    def open(self, page: pathlib.Path, width: int, scheme: str) -> None:
        self.events.clear()
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=False)
        self.call("Page.navigate", url=page.resolve().as_uri())
        while not any(event.get("method") == "Page.loadEventFired" for event in self.events):
            self.events.append(self._message())

    def evaluate(self, script: str) -> str:
        answer = self.call("Runtime.evaluate", expression=script, returnByValue=True)
        if "exceptionDetails" in answer:
            raise RuntimeError(f"the inspection failed: {answer['exceptionDetails']}")
        return answer["result"]["value"]

    def screenshot(self, height: int = 16000, **form) -> bytes:
        size = self.call("Page.getLayoutMetrics")["cssContentSize"]
        clip = {"x": 0, "y": 0, "width": size["width"], "height": min(size["height"], height), "scale": 1}
        return base64.b64decode(self.call("Page.captureScreenshot", captureBeyondViewport=True, clip=clip, **(form or {"format": "png"}))["data"])

    def close(self) -> None:
        self.call("Browser.close")
        self._process.wait(timeout=20)


def complaints_of_events(events: list, page: pathlib.Path) -> list:
    complaints = []
    for event in events:
        parameters = event.get("params", {})
        if event.get("method") == "Runtime.exceptionThrown":
            complaints.append(f"exception: {parameters['exceptionDetails']['text']}")
        elif event.get("method") == "Runtime.consoleAPICalled" and parameters["type"] in ("error", "assert"):
            complaints.append(f"console: {parameters['args']}")
        elif event.get("method") == "Log.entryAdded" and parameters["entry"]["level"] == "error":
            complaints.append(f"log: {parameters['entry']['text']}")
        elif event.get("method") == "Network.requestWillBeSent":
            url = parameters["request"]["url"]
            if url != page.resolve().as_uri() and not url.startswith("data:"):
                complaints.append(f"request: {url}")
    return complaints


def check(browser: Chromium, page: pathlib.Path, out: pathlib.Path) -> list:
    complaints = []
    if page.stat().st_size > MOST_BYTES:
        complaints.append(f"{page.stat().st_size} bytes")
    for width in WIDTHS:
        for scheme in SCHEMES:
            browser.open(page, width, scheme)
            if out is not None:
                (out / f"{page.stem}-{width}-{scheme}.png").write_bytes(browser.screenshot())
            found = json.loads(browser.evaluate(INSPECT)) + complaints_of_events(browser.events, page)
            complaints += [f"{width} px, {scheme}: {words}" for words in found]
    return complaints


def evaluate(program: str, folder: pathlib.Path, name: str, *flags) -> pathlib.Path:
    page = folder / f"{name}.html"
    subprocess.run([program, "eval", *map(str, flags), "--html", str(page), "--results-file", str(folder / f"{name}.json")], check=True, capture_output=True)
    return page


def repeated(flag: str, values: list) -> list:
    return [word for value in values for word in (flag, value)]


def real_pages(program: str, folder: pathlib.Path, shared: pathlib.Path, quick: bool) -> list:
    """Pages as users get them."""
    demo = MODELS / "fashion-resnet.scripted.pt"
    rules = repeated("--rule", ["source", "batch", "prior:count=16", "ema:momentum=0.1"])
    images = ["--num-samples", "60" if quick else "200"]
    shifts = repeated("--shift", ["clean", "gaussian_noise:1,3,5", "fog:1,3,5"])
    protocols = repeated("--protocol", ["gradual", "mixed"] if quick else ["gradual", "mixed", "mixed-correlated", "continual", "correlated", "recurring", "short", "episodic"])
    pages = [evaluate(program, folder, "demo", demo, "--data", MODELS / "fashion-images", *rules, *images),
             evaluate(program, folder, "protocols", demo, "--data", MODELS / "fashion-images" / "clean", *shifts, *rules, *protocols, *images)]
    if quick:
        return pages
    merged = folder / "merged.html"
    subprocess.run([program, "merge", str(folder / "demo.json"), "--html", str(merged)], check=True, capture_output=True)
    pages.append(merged)
    if (shared / "models" / "resnet20-cifar10.traced.pt").exists():
        norm = ["--mean", ".485", ".456", ".406", "--std", ".229", ".224", ".225"]
        pages.append(evaluate(program, folder, "cifar", shared / "models" / "resnet20-cifar10.traced.pt", "--data", shared / "cifar10-dev", *rules[:4],
                              "--batch-size", "1,16,64", *norm, "--num-samples", "100"))
    else:
        print(f"SKIPPED: no {shared}, so there is no page of ResNet-20")
    return pages


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ttscale", help="the program, whose pages are checked")
    parser.add_argument("--data", default=ROOT.parent / "shared" / "data", type=pathlib.Path, help="where ResNet-20 and CIFAR-10 are")
    parser.add_argument("--quick", action="store_true", help="fewer of them")
    parser.add_argument("--samples", help="the program that writes pages of made-up results")
    parser.add_argument("--page", action="append", default=[], type=pathlib.Path, help="a page to check")
    parser.add_argument("--out", type=pathlib.Path, help="folder for screenshots")
    parser.add_argument("--picture", type=pathlib.Path, help="write a picture of the top of the first page here, and check nothing")
    flags = parser.parse_args()
    program = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if program is None:
        print("SKIPPED: no Chromium here (apt-get install chromium); the HTML report was not looked at")
        return 77
    if flags.out is not None:
        flags.out.mkdir(parents=True, exist_ok=True)
    failed = 0
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        folder = pathlib.Path(name)
        pages = list(flags.page)
        if flags.samples:
            subprocess.run([flags.samples, folder / "samples"], check=True)
            pages += sorted((folder / "samples").glob("*.html"))
        if flags.ttscale:
            pages += real_pages(flags.ttscale, folder, flags.data, flags.quick)
        if not pages:
            parser.error("nothing to check: give --ttscale, --samples or --page")
        browser = Chromium(program, str(folder / "profile"))
        if flags.picture is not None:
            browser.open(pages[0], PICTURE_WIDTH, "light")
            flags.picture.write_bytes(browser.screenshot(browser.evaluate(END_OF_MAP), format="webp", quality=85))
            browser.close()
            return 0
        for page in pages:
            complaints = check(browser, page, flags.out)
            failed += bool(complaints)
            print(f"{'FAILED' if complaints else 'ok':6}  {page.name}, {page.stat().st_size} bytes")
            for words in complaints:
                print(f"        {words}")
        browser.close()
    print(f"{len(pages) - failed} of {len(pages)} pages pass at {' and '.join(map(str, WIDTHS))} px, light and dark")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
