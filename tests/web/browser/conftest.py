"""A browser without a window, and the page of all runs in it; tests skip where there is none."""

from __future__ import annotations

import shutil
import threading
from contextlib import suppress

import pytest

from tensorar.workflows.explore import Shelf


@pytest.fixture(scope="session")
def url(runs):
    """The address of the page of all runs."""
    from tensorar_web.server import PageServer

    server = PageServer(Shelf(runs, "cpu"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    yield server.url
    server.stop()
    thread.join(10)


@pytest.fixture(scope="session")
def browser():
    """A browser without a window."""
    pytest.importorskip("selenium", reason="needs selenium: pip install tensorar[test]")
    driver, chromium = shutil.which("chromedriver"), shutil.which("chromium")
    if not (driver and chromium):
        pytest.skip("needs chromium and chromedriver")
    from selenium import webdriver
    from selenium.common.exceptions import WebDriverException

    options = webdriver.ChromeOptions()
    for argument in ("headless=new", "no-sandbox", "disable-dev-shm-usage", "window-size=1200,1000"):
        options.add_argument(f"--{argument}")
    options.binary_location = chromium
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    made = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    yield made
    with suppress(WebDriverException):
        made.quit()


@pytest.fixture
def visit(browser, url):
    """Open the page of a run; at the end, its console must be empty."""
    from tests.web.browser.page import Page

    pages = []

    def of(run):
        pages.append(Page(browser, url, run))
        return pages[-1]

    yield of
    for page in pages:
        page.close()
