"""A headless Chromium, told what to open over its debugging protocol.

Keep out: what a page should look like.
"""

import asyncio
import base64
import json
import shutil
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import websockets

BINARY = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-default-apps", "--disable-extensions", "--hide-scrollbars",
    "--remote-debugging-port=0", "--remote-allow-origins=*", "--disable-dev-shm-usage",
)  # fmt: skip


@dataclass
class Visit:
    """What happened while a page was open."""

    requests: list[str] = field(default_factory=list)  # every URL asked for, data: and the page itself left out
    errors: list[str] = field(default_factory=list)  # console errors, exceptions, violations of the page's policy
    texts: dict[str, str] = field(default_factory=dict)  # visible text by language
    widths: dict[str, tuple[int, int]] = field(default_factory=dict)  # screen -> (width shown, width needed)


SCREENS = {"phone": (390, 844), "laptop": (1366, 768)}  # CSS pixels
LANGUAGES = ("zh", "en")


@contextmanager
def _browser(profile: Path) -> Iterator[str]:
    """A browser with an empty profile; gives the address of its one page's debugging socket."""
    if BINARY is None:
        raise FileNotFoundError("no Chromium: apt-get install chromium, or leave out the tests marked `browser`")
    browser = subprocess.Popen(
        [BINARY, *FLAGS, f"--user-data-dir={profile}", "about:blank"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        port_file = profile / "DevToolsActivePort"
        deadline = time.monotonic() + 60
        while not (port_file.exists() and port_file.read_text().strip()) and time.monotonic() < deadline:
            time.sleep(0.2)
        port = int(port_file.read_text().splitlines()[0])
        with urlopen(f"http://127.0.0.1:{port}/json") as answer:
            target = next(t for t in json.load(answer) if t["type"] == "page")
        yield str(target["webSocketDebuggerUrl"])
    finally:
        browser.terminate()
        browser.wait(timeout=30)


def visit(page: Path, shots: Path, profile: Path) -> Visit:
    """Open the report on every screen in every language, with screenshots `<screen>_<language>.png` in `shots`."""
    shots.mkdir(parents=True, exist_ok=True)
    with _browser(profile) as socket:
        return asyncio.run(_visit(socket, page.resolve().as_uri(), shots))


def look(
    address: str,
    shot: Path,
    profile: Path,
    steps: Sequence[tuple[float, str]],
    size: tuple[int, int],
    is_whole: bool = True,
) -> Visit:
    """Open an address, run scripts after waits of so many seconds, take one screenshot.

    `texts["page"]` is what the page showed in the end. `is_whole`: the whole page, not only what the window shows.
    """
    with _browser(profile) as socket:
        return asyncio.run(_look(socket, address, shot, steps, size, is_whole))


class _Page:
    """One page over its debugging socket; everything it reports meanwhile goes into `seen`."""

    def __init__(self, channel: Any, address: str):
        self._channel = channel
        self._address = address
        self._count = 0
        self.seen = Visit()

    async def call(self, method: str, **params: Any) -> dict[str, Any]:
        self._count += 1
        mine = self._count
        await self._channel.send(json.dumps({"id": mine, "method": method, "params": params}))
        while True:
            message = json.loads(await asyncio.wait_for(self._channel.recv(), 60))
            if message.get("id") == mine:
                found: dict[str, Any] = message.get("result", {})
                return found
            _note(self.seen, message, self._address)

    async def open(self, width: int, height: int, mobile: bool) -> None:
        for domain in ("Page", "Network", "Runtime", "Log"):
            await self.call(f"{domain}.enable")
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": mobile}
        await self.call("Emulation.setDeviceMetricsOverride", **metrics)
        await self.call("Page.navigate", url=self._address)

    async def shoot(self, path: Path, is_whole: bool = True) -> None:
        shot = await self.call("Page.captureScreenshot", format="png", captureBeyondViewport=is_whole)
        path.write_bytes(base64.b64decode(shot["data"]))


async def _look(
    socket: str, address: str, shot: Path, steps: Sequence[tuple[float, str]], size: tuple[int, int], is_whole: bool
) -> Visit:
    async with websockets.connect(socket, max_size=None) as channel:
        page = _Page(channel, address)
        await page.open(*size, mobile=False)
        for seconds, script in steps:
            await asyncio.sleep(seconds)
            result = await page.call("Runtime.evaluate", expression=script)
            page.seen.texts["page"] = str(result.get("result", {}).get("value", ""))
        await page.shoot(shot, is_whole)
    return page.seen


async def _visit(socket: str, address: str, shots: Path) -> Visit:
    async with websockets.connect(socket, max_size=None) as channel:
        page = _Page(channel, address)
        for screen, (width, height) in SCREENS.items():
            await page.open(width, height, mobile=screen == "phone")
            await asyncio.sleep(1.5)
            for language in LANGUAGES:
                script = f"document.getElementById('choose-{language}').click(); document.body.innerText"
                result = await page.call("Runtime.evaluate", expression=script)
                page.seen.texts[language] = result["result"]["value"]
                measured = await page.call("Page.getLayoutMetrics")
                page.seen.widths[f"{screen}_{language}"] = (width, int(measured["cssContentSize"]["width"]))
                await page.shoot(shots / f"{screen}_{language}.png")
        await page.call("Runtime.evaluate", expression="1")
    return page.seen


def _note(seen: Visit, message: dict[str, Any], address: str) -> None:
    method, params = message.get("method"), message.get("params", {})
    if method == "Network.requestWillBeSent":
        url = params["request"]["url"]
        if url != address and not url.startswith("data:"):
            seen.requests.append(url)
    elif method == "Runtime.exceptionThrown":
        seen.errors.append(params["exceptionDetails"]["text"])
    elif method == "Runtime.consoleAPICalled" and params["type"] == "error":
        seen.errors.append("console.error")
    elif method == "Log.entryAdded" and params["entry"]["level"] == "error":
        seen.errors.append(params["entry"]["text"])
