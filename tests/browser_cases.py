"""A real browser for pages that this project writes: skips where there is none."""

import shutil
from contextlib import contextmanager

import pytest

# No name leads anywhere: what a page fetches from elsewhere fails, as it would without a network.
# Requests that playwright intercepts instead take twice as long, since nothing is cached.
ARGUMENTS = ["--no-sandbox", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"]


@contextmanager
def chromium():
    """Start the Chromium that is installed, without a network, driven by playwright's package."""
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        pytest.skip("no Chromium: apt install chromium")
    playwright = pytest.importorskip("playwright.sync_api", reason="no playwright: extra docs")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=program, args=ARGUMENTS)
        yield browser
        browser.close()
