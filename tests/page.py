# SPDX-License-Identifier: Apache-2.0
"""Tests a report's HTML page in Chromium: page.py HTML DIRECTORY.

Prints its observations as JSON, and writes screenshots at desktop and phone width to the directory.
"""

import json
import os
import shutil
import sys

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import sync_playwright

page_file, folder = sys.argv[1:]
chromium = next(filter(None, map(shutil.which, ["chromium", "google-chrome", "chromium-browser"])), None)
if chromium is None:
    sys.exit("Chromium is not installed: `make test` installs it on Debian, install it yourself elsewhere")
ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]
saw = {"console": [], "requests": []}
with sync_playwright() as playwright:
    browser = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.on("console", lambda message: saw["console"].append(message.text))
    page.on("pageerror", lambda error: saw["console"].append(str(error)))
    page.on("request", lambda request: saw["requests"].append(request.url))
    page.goto("file://" + os.path.abspath(page_file))
    saw["title"] = page.title()
    saw["rows"] = page.locator("tbody tr[data-text]").count()
    saw["cells"] = {
        row.locator("th").inner_text(): row.locator("td .state").all_inner_texts()
        for row in page.locator("#matrix tbody tr").all()
    }
    saw["open_before"] = page.locator("details[open]").count()
    page.screenshot(path=f"{folder}/desktop.png")

    # A click on a cell opens its details.
    cell = page.locator("#matrix a.drift").first
    saw["clicked"] = cell.get_attribute("href")
    cell.click()
    opened = page.locator("details[open]")
    saw["opened"] = opened.get_attribute("id")
    saw["shown"] = opened.inner_text()

    # The same with the keyboard only.
    page.goto("file://" + os.path.abspath(page_file))
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.matches('#matrix a.drift')"):
            break
    page.keyboard.press("Enter")
    saw["opened_by_keyboard"] = page.locator("details[open]").get_attribute("id")
    saw["focus"] = page.evaluate("document.activeElement.tagName")

    # Search shows only the rows that match.
    page.keyboard.press("/")
    page.keyboard.type("block_public_policy")
    saw["rows_found"] = page.locator("#matrix tbody tr:visible th").all_inner_texts()
    saw["said_found"] = page.locator("#found").inner_text()
    page.locator("#search").fill("")

    before = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.locator("#theme").click()
    saw["theme_changes"] = before != page.evaluate("getComputedStyle(document.body).backgroundColor")
    saw["accessibility"] = {}
    for theme in ["dark", "light"]:
        violations = Axe().run(page).response["violations"]
        saw["accessibility"][theme] = [f"{it['id']}: {it['nodes'][0]['html']}" for it in violations]
        page.locator("#theme").click()

    page.set_viewport_size({"width": 390, "height": 844})
    page.goto("file://" + os.path.abspath(page_file) + saw["clicked"])
    saw["sideways"] = page.evaluate("document.documentElement.scrollWidth > innerWidth")
    page.screenshot(path=f"{folder}/phone.png")
    page.emulate_media(media="print")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    saw["closed_in_print"] = page.locator("details:not([open])").count()

    # Without JavaScript the page has the same contents.
    plain = browser.new_context(java_script_enabled=False).new_page()
    plain.goto("file://" + os.path.abspath(page_file) + saw["clicked"])
    saw["without_script"] = plain.locator("details" + saw["clicked"]).count()
    browser.close()
print(json.dumps(saw))
