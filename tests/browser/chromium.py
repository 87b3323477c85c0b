"""A headless Chromium, told what to open over its debugging protocol.

Keep out: what a page should look like.
"""

import asyncio
import base64
import json
import shutil
import subprocess
import time
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


SCREENS = {"phone": (390, 844), "desktop": (1280, 900)}  # CSS pixels
LANGUAGES = ("zh", "en")


def visit(page: Path, shots: Path, profile: Path) -> Visit:
    """Open a page on every screen in every language, with screenshots `<screen>_<language>.png` in `shots`."""
    if BINARY is None:
        raise FileNotFoundError("no Chromium: apt-get install chromium, or leave out the tests marked `browser`")
    shots.mkdir(parents=True, exist_ok=True)
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
        return asyncio.run(_visit(target["webSocketDebuggerUrl"], page.resolve().as_uri(), shots))
    finally:
        browser.terminate()
        browser.wait(timeout=30)


async def _visit(socket: str, address: str, shots: Path) -> Visit:
    seen = Visit()
    async with websockets.connect(socket, max_size=None) as channel:
        count = 0

        async def call(method: str, **params: Any) -> dict[str, Any]:
            nonlocal count
            count += 1
            mine = count
            await channel.send(json.dumps({"id": mine, "method": method, "params": params}))
            while True:
                message = json.loads(await asyncio.wait_for(channel.recv(), 60))
                if message.get("id") == mine:
                    return message.get("result", {})
                _note(seen, message, address)

        for domain in ("Page", "Network", "Runtime", "Log"):
            await call(f"{domain}.enable")
        for screen, (width, height) in SCREENS.items():
            await call(
                "Emulation.setDeviceMetricsOverride",
                width=width, height=height, deviceScaleFactor=1, mobile=screen == "phone",
            )  # fmt: skip
            await call("Page.navigate", url=address)
            await asyncio.sleep(1.5)
            for language in LANGUAGES:
                script = f"document.getElementById('choose-{language}').click(); document.body.innerText"
                result = await call("Runtime.evaluate", expression=script)
                seen.texts[language] = result["result"]["value"]
                size = await call("Page.getLayoutMetrics")
                seen.widths[f"{screen}_{language}"] = (width, int(size["cssContentSize"]["width"]))
                shot = await call("Page.captureScreenshot", format="png", captureBeyondViewport=True)
                (shots / f"{screen}_{language}.png").write_bytes(base64.b64decode(shot["data"]))
        await call("Runtime.evaluate", expression="1")
    return seen


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
