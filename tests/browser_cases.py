"""A real browser for pages that this project writes: skips where there is none."""

import shutil
from contextlib import contextmanager

import pytest


@contextmanager
def chromium():
    """Start the Chromium that is installed, driven by playwright's Python package."""
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        pytest.skip("no Chromium: apt install chromium")
    playwright = pytest.importorskip("playwright.sync_api", reason="no playwright: extra docs")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield browser
        browser.close()
