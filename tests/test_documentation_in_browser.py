"""The built documentation in a real browser, wide and narrow: `make docs` builds and runs this.

It needs the pages in `docs/_build/html`, a Chromium (Debian's package `chromium`), and playwright's
Python package, which the extra `docs` installs.
"""

import functools
import http.server
import threading
from pathlib import Path
from urllib.parse import unquote, urldefrag, urljoin, urlparse

import pytest
from browser_cases import chromium

HTML = Path(__file__).parents[1] / "docs" / "_build" / "html"
WIDTHS = {"desktop": (1280, 900), "phone": (390, 844)}

# Pictures below the fold load when they are scrolled to
LOAD = """() => Promise.all([...document.images].map(image => {
    image.loading = 'eager';
    return image.decode().catch(() => null);
}))"""
LOOK = """() => ({
    width: document.documentElement.scrollWidth,
    broken: [...document.images].filter(i => !i.complete || !i.naturalWidth).map(i => i.src),
    links: [...document.links].map(a => a.href),
    names: [...document.querySelectorAll('[id]')].map(e => e.id),
    empty: document.querySelector('h1') === null,
})"""


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def address():
    if not (HTML / "index.html").exists():
        pytest.skip(f"no pages in {HTML}: run make docs")
    handler = functools.partial(Quiet, directory=HTML)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@pytest.fixture(scope="module")
def browser(address):
    with chromium() as found:
        yield found


def look_at_all(browser, address):
    """Return what is seen of each page at each width, and what went wrong on the way."""
    wrong, seen = [], {}
    page = browser.new_page()
    page.on("console", lambda m: m.type == "error" and wrong.append(f"{page.url}: {m.text}"))
    page.on("pageerror", lambda error: wrong.append(f"{page.url}: {error}"))

    def say_failed(request):
        left = request.failure == "net::ERR_ABORTED" and request.url.endswith("/favicon.svg")
        if not left:  # with its page, before it came
            wrong.append(f"{page.url}: no {request.url} ({request.failure})")

    page.on("requestfailed", say_failed)
    for path in sorted(HTML.rglob("*.html")):
        url = address + str(path.relative_to(HTML))
        page.goto(url, wait_until="load")
        page.evaluate(LOAD)
        for name, (width, height) in WIDTHS.items():
            page.set_viewport_size({"width": width, "height": height})
            seen[url, name] = page.evaluate(LOOK)
    page.close()
    return seen, wrong


def test_every_page_in_a_browser(browser, address):
    seen, wrong = look_at_all(browser, address)
    assert len(seen) > 80 * len(WIDTHS)
    assert not wrong
    for (url, name), found in seen.items():
        assert not found["broken"], (url, name)
        assert not found["empty"] or url.endswith("search.html"), url
        assert found["width"] <= WIDTHS[name][0], f"{url} scrolls sideways on a {name}"
    targets = {url: set(found["names"]) for (url, _), found in seen.items()}
    for (url, _), found in seen.items():
        for link in set(found["links"]):
            check_link(urljoin(url, link), url, address, targets)


def check_link(link, url, address, targets):
    """Links into the documentation lead to a file, and to a place in it if they name one."""
    if not link.startswith(address):
        assert urlparse(link).scheme in ("https", "http", "mailto"), f"{url}: {link}"
        assert "127.0.0.1" not in link
        return
    whole, anchor = urldefrag(link)
    whole = whole.partition("?")[0]
    path = HTML / unquote(whole.removeprefix(address))
    assert path.exists(), f"{url}: {link}"
    if anchor and whole in targets:
        assert unquote(anchor) in targets[whole], f"{url}: {link}"
