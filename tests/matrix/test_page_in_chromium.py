"""The page in a browser: clicks, keys, filters, order, a phone, a dark room, and no JavaScript."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from envfit.matrix.page import page_of
from tests.matrix.chromium import CHROMIUM, Browser
from tests.matrix.small_matrix import small_matrix

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium here")

_SHOWN = "section.driver:not([hidden])"
_FIRST = f"{_SHOWN} tbody tr:first-child td:nth-child(2) > a"


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("page") / "matrix.html"
    path.write_text(page_of(small_matrix()), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    opened = Browser(tmp_path_factory.mktemp("profile"))
    yield opened
    opened.close()


def text(browser: Browser, selector: str) -> str:
    return browser.value(f"document.querySelector({selector!r})?.innerText ?? ''")


def leave(browser: Browser) -> None:
    """Press Escape, and wait until the dialog has closed: the browser does that when it has time."""
    browser.press("Escape")
    end = time.monotonic() + 10
    while browser.value("document.querySelector('dialog').open"):
        assert time.monotonic() < end, "Escape does not close the dialog"
        time.sleep(0.01)


def packages(browser: Browser) -> list[str]:
    return browser.value(
        f"[...document.querySelectorAll('{_SHOWN} tbody tr:not([hidden]) th')].map((one) => one.dataset.name)"
    )


def test_a_click_tells_the_reason_and_escape_goes_back(browser, page):
    browser.open(page)
    browser.click(_FIRST)
    assert text(browser, "#why-title") == "torch on V100"
    assert "driver 580.65.06 (CUDA 13.0)" in text(browser, "#why-where")
    told = text(browser, "#why-text")
    assert "An older release runs: 2.10.0" in told
    assert "None of its GPU code runs on 7.0." in told
    assert "docs: Table 1 <b>bold</b> & more" in told
    assert "535: 2.10.0" in told
    assert "envfit lock torch --gpu V100 --driver 580.65.06 --python 3.11 --glibc 2.28" in told
    leave(browser)
    assert browser.value("document.querySelector('dialog').open") is False
    assert browser.value(f"document.activeElement === document.querySelector('{_FIRST}')") is True


@pytest.mark.parametrize("key", ["Enter", " "])
def test_the_keyboard_reaches_every_cell(browser, page, key):
    browser.open(page)
    browser.value("document.querySelector('" + _SHOWN + " .scroll').focus()")
    for _ in range(5):  # the scrolled region, then the heads of four columns
        browser.press("Tab")
    assert browser.value(f"document.activeElement === document.querySelector('{_FIRST}')") is True
    outline = "getComputedStyle(document.activeElement).outlineStyle"
    assert browser.value(outline) == "solid"
    browser.press("ArrowRight")
    browser.press("ArrowDown")
    browser.press(key)
    assert text(browser, "#why-title") == "flash-attn on H100"
    assert "nvcc is there" in text(browser, "#why-text")
    leave(browser)
    browser.press("ArrowUp")
    assert browser.value("document.activeElement.closest('tr').cells[0].dataset.name") == "torch"


def test_one_driver_is_shown_and_another_or_all_can_be(browser, page):
    browser.open(page)
    shown = f"[...document.querySelectorAll('{_SHOWN} h2')].map((one) => one.textContent.split(' ')[1])"
    assert browser.value(shown) == ["580"]
    browser.click("#drivers label:nth-child(1)")
    assert browser.value(shown) == ["535"]
    browser.press("ArrowRight")
    assert browser.value(shown) == ["580"]
    browser.click("#drivers label:last-child")
    assert browser.value(shown) == ["535", "580", "595"]


def test_packages_and_gpus_are_filtered(browser, page):
    browser.open(page)
    browser.click("#search")
    browser.write("FLASH")
    assert packages(browser) == ["flash-attn"]
    browser.click("summary")
    browser.click("#gpus label:nth-child(1)")
    heads = f"[...document.querySelectorAll('{_SHOWN} thead th:not([hidden])')].map((one) => one.innerText.split('\\n')[0])"
    assert browser.value(heads) == ["Package", "H100", "GB10"]
    assert "1 package, 2 GPUs" in text(browser, "#count")
    browser.click("#no")
    browser.click("#every")
    assert len(browser.value(heads)) == 4


def test_columns_are_sorted_and_say_so(browser, page):
    browser.open(page)
    head = f"{_SHOWN} thead th:nth-child(1)"
    assert packages(browser) == ["torch", "flash-attn"]
    browser.click(f"{head} button")
    assert packages(browser) == ["flash-attn", "torch"]
    assert browser.value(f"document.querySelector('{head}').getAttribute('aria-sort')") == "ascending"
    browser.click(f"{_SHOWN} thead th:nth-child(2) button")
    assert packages(browser) == ["torch", "flash-attn"]  # what runs before what does not
    assert browser.value(f"document.querySelector('{head}').hasAttribute('aria-sort')") is False


@pytest.mark.parametrize("width", [390, 1200])
def test_the_page_is_as_wide_as_its_window(browser, page, width):
    browser.open(page, width=width, height=844)
    assert browser.value("document.documentElement.scrollWidth") <= width
    browser.click(_FIRST)
    box = browser.value(
        "(({ left, right }) => [left, right])(document.querySelector('dialog').getBoundingClientRect())"
    )
    assert box[0] >= 0 and box[1] <= width
    leave(browser)


@pytest.mark.parametrize("dark", [False, True])
def test_text_stands_out_from_its_ground(browser, page, dark):
    browser.open(page, dark=dark)
    pairs = browser.value(
        "[...document.querySelectorAll('" + _SHOWN + " td > a, .legend li')].map((one) => "
        "[getComputedStyle(one).color, getComputedStyle(one).backgroundColor])"
    )
    assert len(pairs) == 11

    def light(colour: str) -> float:
        parts = [int(part) / 255 for part in colour.removeprefix("rgb(").rstrip(")").split(",")]
        red, green, blue = (
            part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
        )
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    for colour, ground in pairs:
        high, low = sorted((light(colour), light(ground)), reverse=True)
        assert (high + 0.05) / (low + 0.05) >= 4.5, (colour, ground)
    assert (light(browser.value("getComputedStyle(document.body).backgroundColor")) < 0.1) is dark


def test_without_javascript_everything_is_there(browser, page):
    browser.open(page, script=False)
    assert browser.value(f"document.querySelectorAll('{_SHOWN}').length") == 3
    assert browser.value("document.querySelector('form').hidden") is True
    assert browser.value("document.getElementById('reasons').offsetHeight") > 0
    browser.click(_FIRST)
    assert browser.value("document.querySelector(':target').innerText").startswith("torch 2.11.0 to 2.15.0")
