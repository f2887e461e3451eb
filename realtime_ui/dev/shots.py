"""Screenshots and an accessibility check of the screens, from a running server (see dev/mock.mjs).

`python dev/shots.py URL FOLDER [NAME …]`: every screen, or the named ones, in sizes, themes and
languages, with what axe finds. Needs playwright and Chromium.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

SIZES = {"wall": (1920, 1080), "tablet": (820, 1180), "phone": (390, 844)}
AXE = Path(__file__).parents[1] / "node_modules" / "axe-core" / "axe.min.js"
SITE = os.environ.get("GEMBA_SHOT_SITE", "hangzhou")
MACHINE = os.environ.get("GEMBA_SHOT_MACHINE", f"{SITE}/press/stamping-1/M-01")
ORDER = os.environ.get("GEMBA_SHOT_ORDER", "SO-100487")
TOKEN = os.environ.get("GEMBA_SHOT_TOKEN", "demo")
SCREENS = {
    "login": "/login",
    "floor": f"/floor/{SITE}",
    "wallview": f"/floor/{SITE}?wall=1",
    "orders": "/orders",
    "order": f"/orders/{ORDER}",
    "plan": "/plan",
    "plan-order": f"/plan?rows=order&colour=lateness&order={ORDER}",
    "plan-table": "/plan?form=table",
    "plan-why": f"/plan?why={ORDER}",
    "plan-compare": "/plan/compare?ids=114,115",
    "plan-history": "/plan/history",
    "plan-version": f"/plan/history/{os.environ.get('GEMBA_SHOT_PLAN', '114')}",
    "terminal": f"/terminal/{MACHINE}",
    "letters": "/dead-letters",
    "tracking": f"/t/{TOKEN}",
    "tracking-invalid": "/t/no-such-link",
    "empty": "/orders?search=no%20such%20order",
}


def main() -> None:
    url, folder, *names = sys.argv[1:]
    Path(folder).mkdir(parents=True, exist_ok=True)
    found = 0
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path="/usr/bin/chromium", args=["--no-sandbox", "--disable-gpu"]
        )
        for size, (width, height) in SIZES.items():
            for theme, language in (("hall", "en"), ("office", "zh-CN")):
                if size == "tablet" and theme == "hall":
                    language = "zh-CN"
                context = browser.new_context(viewport={"width": width, "height": height})
                context.add_init_script(
                    f"localStorage.setItem('gemba.theme','{theme}');"
                    f"localStorage.setItem('gemba.language','{language}')"
                )
                page = context.new_page()
                page.on("console", lambda m: m.type == "error" and print("console:", m.text[:300]))
                page.on("pageerror", lambda e: print("page error:", e))
                name = os.environ.get("GEMBA_SHOT_USER", "admin")
                word = os.environ.get("GEMBA_SHOT_PASSWORD", "x")
                page.goto(f"{url}/login")
                page.fill("input[name=name]", name)
                page.fill("input[name=password]", word)
                page.click("button[type=submit]")
                page.wait_for_url("**/floor/**")
                for screen, path in SCREENS.items():
                    if names and screen not in names:
                        continue
                    page.goto(url + path)
                    page.wait_for_timeout(1500)
                    page.screenshot(path=f"{folder}/{screen}-{size}-{theme}.png")
                    overflow = page.evaluate(
                        "document.documentElement.scrollWidth - document.documentElement.clientWidth"
                    )
                    if overflow > 0:
                        print(f"{screen} {size}: {overflow} px too wide")
                    page.evaluate(AXE.read_text())
                    result = page.evaluate("axe.run({runOnly:['wcag2a','wcag2aa','wcag21aa','wcag22aa']})")
                    for violation in result["violations"]:
                        found += 1
                        nodes = violation["nodes"]
                        print(f"{screen} {size} {theme}: {violation['id']} ×{len(nodes)}: "
                              f"{nodes[0]['html'][:160]} {nodes[0].get('failureSummary', '')[:300]}")
                context.close()
        browser.close()
    print(f"{found} findings")


if __name__ == "__main__":
    main()
