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


def look_at_all(browser, address, size):
    """Return what is seen of each page, and what went wrong on the way."""
    wrong, seen = [], {}
    page = browser.new_page(viewport={"width": size[0], "height": size[1]})
    page.on("console", lambda m: m.type == "error" and wrong.append(f"{page.url}: {m.text}"))
    page.on("pageerror", lambda error: wrong.append(f"{page.url}: {error}"))
    page.on("requestfailed", lambda request: wrong.append(f"{page.url}: no {request.url}"))
    outside = lambda url: not url.startswith((address, "data:"))  # noqa: E731
    page.route(outside, lambda route: route.abort())  # without a network all is there
    for path in sorted(HTML.rglob("*.html")):
        url = address + str(path.relative_to(HTML))
        page.goto(url, wait_until="load")
        # pictures below the fold load when they are scrolled to
        page.evaluate("document.querySelectorAll('img').forEach(i => i.loading = 'eager')")
        page.wait_for_load_state("networkidle") if "<img" in path.read_text() else None
        seen[url] = page.evaluate(LOOK)
    page.close()
    return seen, wrong


@pytest.mark.parametrize("width", WIDTHS)
def test_every_page_in_a_browser(browser, address, width):
    size = WIDTHS[width]
    seen, wrong = look_at_all(browser, address, size)
    assert len(seen) > 80
    assert not wrong
    for url, found in seen.items():
        assert not found["broken"], url
        assert not found["empty"] or url.endswith("search.html"), url
        assert found["width"] <= size[0], f"{url} scrolls sideways"
    targets = {url: set(found["names"]) for url, found in seen.items()}
    for url, found in seen.items():
        for link in found["links"]:
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
