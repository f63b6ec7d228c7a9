"""The page in a real browser: quick, calm, accessible, and it loads nothing from other servers."""

from __future__ import annotations

import re
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from fer_edge.demo import PORTRAIT
from fer_edge.pause import PauseSwitch
from fer_edge.settings import parse
from fer_edge.sinks.kiosk.i18n import load, shipped
from fer_edge.sinks.kiosk.sink import Kiosk
from fer_edge.sinks.log import Log
from fer_edge.types import EMOTIONS, INVENTED_SOURCE, Box, Observation, Prediction
from PIL import Image

pytestmark = [pytest.mark.slow, pytest.mark.browser, pytest.mark.timeout(120)]
House = Callable[..., Any]
Make = Callable[..., Observation]
Open = Callable[..., Any]
ROOT = Path(__file__).parents[4]
QUICK = 0.3  # seconds from the loop to the eye
# When each change of the page came, in milliseconds of the wall clock: "names" -> time.
WATCH = """() => {
  window.seen = [];
  const look = () => {
    const names = [...document.querySelectorAll('.figure:not(.leaving) .name')].map(name => name.textContent).join();
    if (names !== window.seen.at(-1)?.[0]) window.seen.push([names, performance.timeOrigin + performance.now()]);
  };
  new MutationObserver(look).observe(document.body, {subtree: true, childList: true, characterData: true,
    attributes: true});
  look();
}"""


@pytest.fixture
def running(house: House) -> Any:
    built = house()
    built.sink.state("running")
    built.address = f"http://127.0.0.1:{built.port}"
    return built


@contextmanager
def real_loop(folder: Path, *more: str) -> Iterator[tuple[str, Any]]:
    """`fer-edge run` on the demo clip; its page's address, and its standard output."""
    command = [
        sys.executable,
        "-m",
        "fer_edge",
        "run",
        "--source",
        "demo",
        "--fps",
        "25",
        "--log",
        str(folder / "log.jsonl"),
    ]
    command += ["--only-sink", "console", "--only-sink", "kiosk", "--only-sink", "log", "--set", "kiosk.port=0", *more]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, cwd=ROOT, text=True, **pipes) as child:  # type: ignore[call-overload]
        try:
            note = next(line for line in child.stderr if "kiosk: http" in line)
            yield note.split("kiosk: ")[1].strip(), child.stdout
        finally:
            child.terminate()
            child.stdout.close()
            child.stderr.close()


def follow(lines: Any, until: str) -> list[tuple[str, float]]:
    """The console's lines up to one with `until`: which emotions are shown after each, and when it was printed."""
    faces: dict[str, str] = {}
    found = []
    for line in lines:
        event = re.search(r"face (\d+) (?:came: |now )?(\w+)", line)
        if event:
            faces[event[1]] = load("en")[f"emotion_{event[2]}"].capitalize() if event[2] != "gone" else ""
            faces = {number: name for number, name in faces.items() if name}
            found.append((",".join(faces.values()) or "Nobody here", time.time()))
        if until in line:
            break
    return found


def test_page_shows_what_the_loop_reads(visit: Open, tmp_path: Path) -> None:
    """The demo clip shows on the page as the loop reads it."""
    with real_loop(tmp_path) as (address, lines):
        tab = visit(address)
        first = follow(lines, "face 1 came")
        tab.shows("Happy")
        tab.page.evaluate(WATCH)
        expected = first[-1:] + follow(lines, "face 3 came")
        tab.shows(*expected[-1][0].split(","))
        seen = tab.page.evaluate("window.seen")
    # What the loop read, in its order; the page may have skipped what was over before it could be drawn.
    rest = iter(expected)
    late = [at / 1000 - next(time for read, time in rest if read == name) for name, at in seen]
    assert seen[-1][0] == expected[-1][0]
    assert len(seen) >= 4
    assert statistics.median(late[1:]) < QUICK, late
    here = urlsplit(address).netloc
    assert {urlsplit(url).netloc for url in tab.requests} == {here}


def test_pause_button_releases_the_camera(visit: Open, tmp_path: Path) -> None:
    """Pausing on the page releases the camera."""
    with real_loop(tmp_path) as (address, lines):
        tab = visit(address)
        tab.shows("Happy")
        tab.page.click("#pause")
        assert any("camera is off: paused" in line for line in lines)
        tab.shows("Paused")
        assert tab.page.inner_text("#pause") == "Resume"
        tab.page.click("#pause")
        assert any("camera is on again" in line for line in lines)
        tab.shows("Happy")
        assert tab.page.inner_text("#pause") == "Pause"


def test_change_is_shown_at_once(running: Any, visit: Open, make_observation: Make, with_event: Make) -> None:
    """A change of emotion is seen at once."""
    tab = visit(running.address)
    tab.shows("Nobody here")
    tab.page.evaluate(WATCH)
    emotions = ["happy", "sad", "angry", "surprise", "fear", "disgust", "neutral"] * 3
    shown = []
    for number, emotion in enumerate(emotions):
        shown.append(time.time())
        running.sink.write(with_event(make_observation(number, emotion)))
        tab.shows(emotion.title())
    seen = tab.page.evaluate("window.seen")[1:]
    assert [name for name, _ in seen] == [emotion.title() for emotion in emotions]
    late = [at / 1000 - wrote for (_, at), wrote in zip(seen, shown, strict=True)]
    assert statistics.median(late) < QUICK, late
    tab.page.wait_for_function(
        "() => document.querySelector('.mouth').getAttribute('d').startsWith('M-34 42')"
    )  # neutral


@pytest.mark.parametrize(
    ("state", "name"),
    [("starting", "Starting"), ("running", "Nobody here"), ("paused", "Paused"), ("lost", "No camera")],
)
def test_each_state_has_its_words(state: str, name: str, running: Any, visit: Open) -> None:
    running.sink.state(state)
    tab = visit(running.address)
    tab.shows(name)
    assert tab.page.get_attribute("body", "data-state") == (state if state != "running" else "nobody")


def test_page_reconnects_after_a_restart(visit: Open, make_observation: Make) -> None:
    """It connects again after the server was restarted, and is in the language that this has now."""
    pause_switch = PauseSwitch()
    first = Kiosk(parse({"kiosk": {"port": 0}}), pause_switch)
    first.state("running")
    port = first.port
    tab = visit(f"http://127.0.0.1:{port}/")
    tab.shows("Nobody here")
    first.close()
    tab.shows("Not connected")
    assert tab.page.is_disabled("#pause")
    with closing(Kiosk(parse({"kiosk": {"port": port, "language": "de"}}), pause_switch)) as second:
        second.state("running")
        second.write(make_observation(1, "surprise"))
        tab.page.wait_for_function("() => document.documentElement.lang === 'de'", timeout=30_000)
        tab.shows("Überrascht")
        assert tab.page.is_enabled("#pause")
        assert tab.page.evaluate("performance.getEntriesByType('navigation')[0].type") == "reload"
        tab.page.close()  # before the second one ends, too, and the page looks for a third
    # The browser's own, of the time between.
    tab.complaints = [words for words in tab.complaints if "ERR_" not in words]


def test_hidden_tab_disconnects(running: Any, visit: Open) -> None:
    """A hidden tab disconnects and a seen one comes back."""
    tab = visit(running.address)
    tab.shows("Nobody here")
    state = running.sink._state
    assert state.wake is not None
    hide = """hidden => {
      Object.defineProperty(document, 'hidden', {get: () => hidden, configurable: true});
      document.dispatchEvent(new Event('visibilitychange'));
    }"""
    tab.page.evaluate(hide, True)
    end = time.monotonic() + 10
    while state.wake is not None:
        assert time.monotonic() < end
        tab.page.evaluate("1")
    running.sink.state("lost")
    tab.page.evaluate(hide, False)
    tab.shows("No camera")


def test_the_keyboard_reaches_everything(running: Any, visit: Open) -> None:
    tab = visit(running.address)
    tab.shows("Nobody here")
    reached = []
    for _ in range(2):
        tab.page.keyboard.press("Tab")
        reached.append(tab.page.evaluate("document.activeElement.id || document.activeElement.getAttribute('href')"))
        outline = tab.page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert outline == "solid"
    assert reached == ["/history", "pause"]
    tab.page.keyboard.press("Enter")
    tab.page.wait_for_function("() => document.querySelector('#pause').innerText === 'Resume'")
    assert running.pause_switch.paused
    tab.page.keyboard.press("Space")
    tab.page.wait_for_function("() => document.querySelector('#pause').innerText === 'Pause'")
    assert not running.pause_switch.paused


def test_screen_reader_hears_what_stays(running: Any, visit: Open, make_observation: Make, with_event: Make) -> None:
    """A screen reader hears what stays and no chatter."""
    tab = visit(running.address)
    tab.shows("Nobody here")
    tab.page.evaluate("""() => {
      window.heard = [];
      const region = document.getElementById('spoken');
      new MutationObserver(() => window.heard.push(region.textContent)).observe(region, {childList: true});
    }""")
    for number in range(20):
        emotion = "happy" if number % 2 else "sad"
        running.sink.write(with_event(make_observation(number, emotion)))
        tab.shows(emotion.title())
    running.sink.write(with_event(make_observation(30, "sad", "happy")))
    tab.page.wait_for_function("() => window.heard.at(-1) === '2 people: Sad, Happy'")
    assert len(tab.page.evaluate("window.heard")) <= 3
    assert tab.page.get_attribute("#spoken", "aria-live") == "polite"


def test_who_asks_for_rest_gets_it(running: Any, visit: Open, make_observation: Make, with_event: Make) -> None:
    tab = visit(running.address, reduced_motion="reduce")
    tab.shows("Nobody here")
    running.sink.write(with_event(make_observation(1, "happy")))
    tab.shows("Happy")
    tab.page.evaluate("document.body.style.setProperty('--dim', 0.3)")
    assert tab.page.evaluate("document.getAnimations().length") == 0
    assert tab.page.get_attribute(".figure:not(.leaving) .mouth", "d").startswith("M-56 14")


def test_own_label_has_a_neutral_face(running: Any, visit: Open, make_observation: Make, with_event: Make) -> None:
    """A label of one's own has a neutral face and its name."""
    seen = with_event(make_observation(1, "tired <b>"))
    own = replace(seen.faces[0], prediction=Prediction(("tired <b>", "awake"), (0.8, 0.2)))
    running.sink.write(Observation(seen.frame, (own,), seen.events))
    tab = visit(running.address)
    tab.shows("Tired <b>")
    assert tab.page.get_attribute(".figure:not(.leaving) .mouth", "d").startswith("M-34 42")


@pytest.mark.parametrize(("width", "height"), [(1920, 1080), (800, 480), (480, 320), (390, 844), (1080, 1920)])
@pytest.mark.parametrize("count", [1, 2, 5, 8])
def test_page_fits_every_screen(
    width: int, height: int, count: int, running: Any, visit: Open, make_observation: Make
) -> None:
    """All of it fits on every screen."""
    seen = make_observation(1, *["surprise"] * count)
    running.sink.write(replace(seen, frame=replace(seen.frame, source=INVENTED_SOURCE)))
    tab = visit(running.address, width, height)
    tab.shows(*["Surprise"] * min(count, 6))
    outside = tab.page.evaluate("""() => [...document.querySelectorAll('.face, .name, footer *, #more, #invented')]
      .filter(one => one.getClientRects().length)
      .map(one => [one.tagName + '.' + (one.className.baseVal ?? one.className), one.getBoundingClientRect()])
      .filter(([, box]) => box.left < -1 || box.top < -1 || box.right > innerWidth + 1 || box.bottom > innerHeight + 1)
      .map(([name, box]) => `${name} ${JSON.stringify(box)}`)""")
    assert outside == []
    if count == 1:  # readable from three metres: a 7 inch screen is 86 mm high, and 1 in 30 of the height is 3 mm
        assert tab.page.evaluate("document.querySelector('.name').getBoundingClientRect().height") > height / 15
    footer = tab.page.evaluate("document.querySelector('footer').getBoundingClientRect().height")
    assert footer < height / 4
    assert ("and 2 more" in tab.page.inner_text("main")) == (count == 8)


def test_wide_letters_fit_a_phone(running: Any, visit: Open, make_observation: Make, with_event: Make) -> None:
    """A name of wide letters, as those of Japanese are, is as small as it must be."""
    seen = with_event(make_observation(1, "MMMMMM"))
    own = replace(seen.faces[0], prediction=Prediction(("MMMMMM", "awake"), (0.8, 0.2)))
    running.sink.write(Observation(seen.frame, (own,), seen.events))
    tab = visit(running.address, 390, 844)
    tab.shows("MMMMMM")
    left, right = tab.page.evaluate("""() => {
      const letters = document.createRange();
      letters.selectNodeContents(document.querySelector('.figure:not(.leaving) .name'));
      const { left, right } = letters.getBoundingClientRect();
      return [left, right];
    }""")
    assert left >= 0
    assert 300 < right <= 390


def test_settings_are_cards_on_a_phone(running: Any, visit: Open) -> None:
    """No table is wider than a phone, and each value says what it is; on a screen they are in columns."""
    tab = visit(f"{running.address}/settings", 360, 640)
    tab.page.wait_for_selector("#tables tr")
    wider = "() => [...document.querySelectorAll('.wide')].filter(one => one.scrollWidth > one.clientWidth).length"
    assert tab.page.evaluate(wider) == 0
    over = """() => [...document.querySelectorAll('[data-column] code')].filter(code =>
      code.getBoundingClientRect().right > code.closest('td').getBoundingClientRect().right + 1).length"""
    assert tab.page.evaluate(over) == 0
    said = "getComputedStyle(document.querySelector('[data-column]'), '::before').content"
    assert "value" in tab.page.evaluate(said)
    tab.page.set_viewport_size({"width": 1280, "height": 720})
    assert tab.page.evaluate(said) == "none"


@pytest.mark.parametrize("language", shipped())
def test_words_fit_in_every_language(language: str, house: House, visit: Open, make_observation: Make) -> None:
    """The longest hint and five emotions, on a small display and a phone: nothing is cut off."""
    built = house(language=language, live=True)
    tab = visit(f"http://127.0.0.1:{built.port}/", 480, 320)
    for width, height in ((480, 320), (390, 844)):
        tab.page.set_viewport_size({"width": width, "height": height})
        for state in ("paused", "running"):
            built.sink.state(state)
            if state == "running":
                built.sink.write(make_observation(1, *EMOTIONS[:5]))
            tab.page.wait_for_function("state => document.body.dataset.state === state", arg=state)
            tab.page.wait_for_selector(".figure.leaving", state="detached")
            outside = tab.page.evaluate("""() => [...document.querySelectorAll('.name, .detail, footer *')]
              .filter(one => one.getClientRects().length)
              .map(one => [one.textContent, one.getBoundingClientRect()])
              .filter(([, box]) => box.left < -1 || box.top < -1 || box.right > innerWidth + 1
                || box.bottom > innerHeight + 1)
              .map(([text, box]) => `${text} ${JSON.stringify(box)}`)""")
            assert outside == [], (language, width, state)
    for path in ("/history", "/try", "/live", "/status", "/settings", "/no/such"):
        tab.page.goto(f"http://127.0.0.1:{built.port}{path}", wait_until="networkidle" if path == "/history" else None)
        tab.complaints.clear()  # of the page, and the log, that there is not
        assert tab.page.evaluate("document.documentElement.scrollWidth") <= 391, path


def test_faces_stand_as_in_a_mirror(running: Any, visit: Open, make_observation: Make) -> None:
    """From left to right as people see themselves; who passes another surely changes places, and who sways does not."""

    def put(*middles: int) -> None:
        seen = make_observation(1, "happy", "sad", "surprise")
        faces = tuple(
            replace(face, box=Box(middle - 40, 100, 80, 80)) for face, middle in zip(seen.faces, middles, strict=True)
        )
        frame = replace(seen.frame, grey=np.zeros((480, 640), np.uint8))
        running.sink.write(replace(seen, frame=frame, faces=faces))

    put(100, 300, 500)
    tab = visit(running.address, 1280, 720)
    stands = """expected => [...document.querySelectorAll('.figure:not(.leaving)')]
      .sort((one, other) => one.getBoundingClientRect().left - other.getBoundingClientRect().left)
      .map(figure => figure.querySelector('.name').textContent).join() === expected"""
    for middles, expected in (
        ((100, 300, 500), "Surprise,Sad,Happy"),
        ((310, 290, 500), "Surprise,Sad,Happy"),
        ((450, 290, 500), "Surprise,Happy,Sad"),
        ((600, 290, 100), "Happy,Sad,Surprise"),
    ):
        put(*middles)
        tab.page.wait_for_function(stands, arg=expected)


@pytest.mark.parametrize("language", ["en", "de"])
@pytest.mark.parametrize("path", ["/", "/history", "/live", "/try", "/login", "/status", "/settings"])
def test_axe_finds_nothing(path: str, language: str, house: House, visit: Open, make_observation: Make) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="needs axe, from the extra test")
    built = house(live=True, language=language)
    built.sink.state("running")
    built.sink.write(make_observation(1, "happy", "sad"))
    fill_log(built, make_observation)
    tab = visit(f"http://127.0.0.1:{built.port}{path}", 1280, 720)
    if path == "/history":
        tab.page.wait_for_selector("#rows tr")
    if path == "/settings":
        tab.page.wait_for_selector("#tables tr")
    if path == "/status":
        tab.page.wait_for_selector("#findings li", timeout=60_000)
    results = axe.Axe().run(tab.page)
    assert results.violations_count == 0, results.generate_report()
    assert tab.page.get_attribute("html", "lang") == language


@pytest.mark.parametrize("state", ["starting", "paused", "lost", "running"])
def test_axe_finds_nothing_in_any_state(state: str, running: Any, visit: Open) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="needs axe, from the extra test")
    running.sink.state(state)
    tab = visit(running.address)
    tab.page.wait_for_selector(".figure")
    results = axe.Axe().run(tab.page)
    assert results.violations_count == 0, results.generate_report()


def fill_log(built: Any, make_observation: Make) -> None:
    """Some lines of today, a minute apart, up to now."""
    with closing(Log(replace(built.settings.log, mode="frames"))) as log:
        now = datetime.now().astimezone()
        for minute in range(5):
            seen = make_observation(minute, "happy" if minute < 3 else "sad")
            taken = now - timedelta(minutes=0.1 * (5 - minute))
            log.write(Observation(replace(seen.frame, taken=taken, time=60.0 * minute), seen.faces, ()))


def test_history_is_drawn_from_the_log(running: Any, visit: Open, make_observation: Make) -> None:
    """The history is drawn from the log."""
    fill_log(running, make_observation)
    tab = visit(f"{running.address}/history", 1280, 720)
    tab.page.wait_for_selector("#rows tr")
    rows = [row.inner_text().split() for row in tab.page.query_selector_all("#rows tr")]
    assert [row[:2] for row in rows] == [["Happy", "75%"], ["Sad", "25%"]]
    assert tab.page.locator("#chart rect").count() >= 2
    assert "Happy 18 s" in tab.page.get_attribute("#chart svg", "aria-label")
    tab.page.click("text=Back")
    tab.shows("Nobody here")


def dimmed(tab: Any) -> str:
    """How much darker the first page is."""
    return str(tab.page.evaluate("document.body.style.getPropertyValue('--dim')"))


def test_screen_is_dimmed_while_nobody_is_there(house: House, visit: Open, make_observation: Make) -> None:
    """A face or a touch lights it at once; at night it is darker too. And what it shows moves a little."""
    built = house(dim_seconds=90)
    built.sink.state("running")
    tab = visit("about:blank")
    noon = datetime.now().replace(hour=12)
    tab.page.clock.install(time=noon)
    tab.page.goto(f"http://127.0.0.1:{built.port}/")
    tab.shows("Nobody here")
    assert dimmed(tab) == "0"
    tab.page.clock.run_for(95_000)
    assert dimmed(tab) == "0.7"
    drift = tab.page.evaluate("document.body.style.getPropertyValue('--drift')")
    assert drift
    tab.page.keyboard.press("Shift")
    assert dimmed(tab) == "0"
    tab.page.clock.run_for(95_000)
    assert dimmed(tab) == "0.7"
    assert tab.page.evaluate("document.body.style.getPropertyValue('--drift')") != drift
    built.sink.write(make_observation(1, "happy"))
    tab.shows("Happy")
    assert dimmed(tab) == "0"
    tab.page.clock.set_fixed_time(noon.replace(hour=23))
    tab.page.clock.run_for(31_000)
    assert dimmed(tab) == "0.45"


def test_all_of_the_screen_moves(running: Any, visit: Open, make_observation: Make) -> None:
    """Nothing on it burns in: not the count of those who have no place, nor what says that it is a tour."""
    tab = visit("about:blank")
    tab.page.clock.install()
    tab.page.goto(running.address)
    seen = make_observation(1, *EMOTIONS)
    running.sink.write(Observation(replace(seen.frame, source=INVENTED_SOURCE), seen.faces, ()))
    tab.page.wait_for_selector("#more:not([hidden])")
    tab.page.wait_for_selector("#invented:not([hidden])")
    tab.page.clock.run_for(61_000)
    moves = tab.page.evaluate(
        "['#figures', '#more', '#invented', '.notice', 'nav', '#pause']"
        ".map(name => getComputedStyle(document.querySelector(name)).translate)"
    )
    assert set(moves) == {moves[0]} != {"none"}


def test_pause_counts_down(running: Any, visit: Open) -> None:
    """To its end, where it has one."""
    now = [0.0]
    running.pause_switch._clock = lambda: now[0]
    running.pause_switch.limit_seconds = 120.0
    tab = visit(running.address)
    tab.shows("Nobody here")
    tab.page.click("#pause")
    running.sink.state("paused")  # as the loop says
    for seconds, minutes in ((0.0, 2), (61.0, 1)):
        now[0] = seconds
        tab.page.wait_for_selector(f"text=It is turned on again within {minutes} min")
    now[0] = 120.0
    running.sink.state("running")
    tab.shows("Nobody here")
    assert tab.page.inner_text("#pause") == "Pause"


def test_screen_is_never_dimmed_if_so_set(house: House, visit: Open) -> None:
    built = house(dim_seconds=0)
    built.sink.state("running")
    tab = visit("about:blank")
    tab.page.clock.install(time=datetime.now().replace(hour=23))
    tab.page.goto(f"http://127.0.0.1:{built.port}/")
    tab.shows("Nobody here")
    tab.page.clock.run_for(600_000)
    assert dimmed(tab) == ""


def test_visitor_is_brought_back(running: Any, visit: Open, make_observation: Make) -> None:
    """Who opened the history from the first page leaves it there, unless it is used; who opened it directly stays."""
    fill_log(running, make_observation)
    tab = visit("about:blank")
    tab.page.clock.install()
    tab.page.goto(f"{running.address}/history")
    tab.page.wait_for_selector("#rows tr")
    tab.page.clock.run_for(120_000)
    assert urlsplit(tab.page.url).path == "/history"
    tab.page.goto(running.address)
    tab.page.click("nav a")
    tab.page.wait_for_selector("#rows tr")
    tab.page.clock.run_for(50_000)
    tab.page.keyboard.press("Shift")
    tab.page.clock.run_for(50_000)
    assert urlsplit(tab.page.url).path == "/history"
    tab.page.clock.run_for(11_000)
    tab.page.wait_for_url(f"{running.address}/")


def test_memory_stays_flat(running: Any, visit: Open, make_observation: Make, with_event: Make) -> None:
    """An hour on the first page, with people who come and go."""
    tab = visit("about:blank")
    tab.page.clock.install()
    tab.page.goto(running.address)
    measure = tab.page.context.new_cdp_session(tab.page)
    sizes = []
    for minute in range(0, 60, 3):
        names = [EMOTIONS[(minute + k) % 7] for k in range(minute % 4)]
        running.sink.write(with_event(make_observation(minute, *names)) if names else make_observation(minute))
        tab.shows(*([name.capitalize() for name in names] or ["Nobody here"]))
        tab.page.clock.fast_forward(180_000)
        if minute in (18, 57):
            measure.send("HeapProfiler.collectGarbage")
            sizes.append(measure.send("Runtime.getHeapUsage")["usedSize"])
    assert tab.page.locator(".figure").count() <= 3
    assert sizes[1] < sizes[0] + 500_000, sizes


def test_history_goes_back(running: Any, visit: Open, make_observation: Make) -> None:
    """To the day before, which today shows as a line; a column is read by keys and by a tap, and has a table."""
    noon = datetime.now().astimezone().replace(hour=0, minute=0, second=0) - timedelta(hours=12)
    with closing(Log(replace(running.settings.log, mode="frames"))) as log:
        for second in range(0, 120, 2):
            seen = make_observation(second, "happy" if second < 60 else "sad")
            taken = noon + timedelta(seconds=second)
            log.write(Observation(replace(seen.frame, taken=taken, time=float(second)), seen.faces, ()))
    fill_log(running, make_observation)
    tab = visit(f"{running.address}/history", 390, 844)
    tab.page.wait_for_selector("#chart .ghost")
    assert tab.page.is_disabled("#later")
    assert tab.page.locator("#chart .unwatched").count() >= 1
    with tab.page.expect_response(re.compile(r"history\?day=")):
        tab.page.click("#earlier")
    tab.page.wait_for_url("**/history?day=*")
    day = f"{noon:%Y-%m-%d}"
    assert tab.page.url.endswith(day)
    tab.page.wait_for_function("() => document.querySelector('#figures dd').textContent === '1'")
    assert (tab.page.is_disabled("#earlier"), tab.page.is_disabled("#later")) == (True, False)
    assert tab.page.get_attribute("#table", "href") == f"/api/v1/history.csv?day={day}"
    slider = tab.page.locator("#slider")
    slider.focus()
    tab.page.keyboard.press("Home")  # the first hour that was watched
    words = "12:00: Happy 1 min, Sad 58 s; watched for a part"
    assert (tab.page.inner_text("#reading"), slider.get_attribute("aria-valuetext")) == (words, words)
    tab.page.keyboard.press("ArrowRight")
    assert tab.page.inner_text("#reading") == "12:15: not watched"
    box = slider.bounding_box()
    slider.click(position={"x": box["width"] - 3, "y": 20})
    assert tab.page.inner_text("#reading") == "23:45: not watched"
    assert tab.page.evaluate("[...document.querySelectorAll('#chart text')].every(one => one.getBBox().height > 10)")
    tab.page.set_viewport_size({"width": 1280, "height": 720})
    tab.page.wait_for_function("() => document.querySelector('#chart svg').clientWidth > 800")
    for kind in ("week", "month"):
        tab.page.click(f"#{kind}")
        tab.page.wait_for_url(f"**/history?{kind}=*")
        tab.page.wait_for_selector(f"#{kind}[aria-pressed=true]")
    tab.page.wait_for_function("() => document.querySelector('#table').href.includes('month=')")
    tab.page.goto(f"{running.address}/history?day=2020-02-01")  # not the same as nobody in view
    tab.page.wait_for_function(
        "() => document.querySelector('#message').textContent === 'Nothing was watched in this time.'"
    )


def found_history(begin: datetime, end: datetime, size: int, seconds: dict[datetime, float], **more: Any) -> Any:
    """A history of the API with columns of `size` seconds: when each begins -> how long a happy face was in view."""
    emotion = {"emotion": "happy", "colour": "#f0e442", "seconds": sum(seconds.values()), "share": 1.0}
    columns = [
        {"time": time.isoformat(), "watched_seconds": size, "seconds": {"happy": lasted} if lasted else {}}
        for time, lasted in seconds.items()
    ]
    found = {
        "from": begin.isoformat(),
        "to": end.isoformat(),
        "log_begin": "2020-01-01T00:00:00+00:00",
        "time_zone": "Europe/Berlin",
        "column_seconds": size,
        "watched_seconds": size * len(columns),
        "faces": 1,
        "changes": 0,
        "crowd": 1,
        "torn": 0,
        "emotions": [emotion],
        "columns": columns,
    }
    return found | more


@pytest.fixture
def history_of(running: Any, visit: Open) -> Callable[..., Any]:
    """A function that opens the history page on histories of our own: query -> history."""

    def show(histories: dict[str, Any], query: str, width: int = 800, height: int = 480) -> Any:
        tab = visit("about:blank", width, height)
        tab.page.route(
            "**/api/v1/history?*", lambda route: route.fulfill(json=histories[urlsplit(route.request.url).query])
        )
        tab.page.goto(f"{running.address}/history?{query}")
        tab.page.wait_for_selector("#rows tr")
        return tab

    return show


BERLIN = ZoneInfo("Europe/Berlin")


def test_axis_is_not_cut_off(history_of: Callable[..., Any]) -> None:
    """Its longest label, such as 1 h 30 min, has its room on a phone too; and hours begin at whole ones."""
    begin = datetime(2026, 5, 4, tzinfo=BERLIN)
    busy = {begin + timedelta(hours=17, minutes=15 * n): 5300.0 for n in range(3)}
    found = found_history(begin, begin + timedelta(hours=17, minutes=55, seconds=12), 900, busy)
    for width in (390, 1280):
        page = history_of(
            {"day=2026-05-04": found, "day=2026-05-03": found | {"emotions": []}}, "day=2026-05-04", width
        ).page
        assert page.locator("#chart text[text-anchor=end]").all_text_contents()[-1] == "1 h 30 min"
        assert page.evaluate(
            "() => { const box = document.querySelector('#chart').getBoundingClientRect();"
            " return [...document.querySelectorAll('#chart text')].map(one => one.getBoundingClientRect())"
            ".every(({left, right}) => left >= box.left && right <= box.right); }"
        )
        times = page.locator("#chart text.time").all_text_contents()
        assert times[0] in ("11:00", "12:00")
        assert all(time.endswith(":00") for time in times)


def test_month_has_its_days(history_of: Callable[..., Any]) -> None:
    """Also one in which the clocks go back: no 32nd, and each day under its own name."""
    begin, end = datetime(2025, 10, 1, tzinfo=BERLIN), datetime(2025, 11, 1, tzinfo=BERLIN)
    days = {begin.replace(day=day): 3600.0 for day in range(1, 32)}
    tab = history_of({"month=2025-10": found_history(begin, end, 86_400, days)}, "month=2025-10", 1280)
    slider = tab.page.locator("#slider")
    assert (slider.get_attribute("aria-valuemin"), slider.get_attribute("aria-valuemax")) == ("0", "30")
    assert tab.page.locator("#chart .unwatched").count() == 0
    slider.focus()
    for key, day in (("End", "Fri, October 31"), ("ArrowLeft", "Thu, October 30"), ("Home", "Wed, October 1")):
        tab.page.keyboard.press(key)
        assert tab.page.inner_text("#reading").startswith(f"{day}: Happy 1 h")
    assert tab.page.inner_text("#updated") == ""  # it is over, so nothing is drawn again


def test_day_before_keeps_its_hours(history_of: Callable[..., Any]) -> None:
    """Also over a change of the clocks; it has gaps where nobody watched, and the page says so."""
    begin, end = datetime(2025, 10, 26, tzinfo=BERLIN), datetime(2025, 10, 27, tzinfo=BERLIN)
    noon = begin.replace(hour=12)
    today = found_history(begin, end, 900, {noon: 60.0})
    yesterday = begin.replace(day=25)
    before = found_history(yesterday, begin, 900, {noon.replace(day=25): 120.0, noon.replace(day=25, hour=13): 0.0})
    tab = history_of({"day=2025-10-26": today | {"torn": 2}, "day=2025-10-25": before}, "day=2025-10-26")
    tab.page.wait_for_selector("#chart .ghost")
    assert tab.page.get_attribute("#chart .ghost", "d").count("M") == 2
    assert tab.page.inner_text("#torn") == "Half-written lines, left out: 2"
    slider = tab.page.locator("#slider")
    slider.focus()
    said = []
    for key in ("Home", "ArrowRight", *["ArrowRight"] * 3, "End"):
        tab.page.keyboard.press(key)
        said.append(tab.page.inner_text("#reading"))
    assert said[0] == "12:00: Happy 1 min; the day before 2 min"
    assert said[1] == "12:15: not watched; the day before not watched"
    assert said[4] == "13:00: not watched; the day before 0 s"
    assert said[5].startswith("23:45: ")  # of a day of 25 hours


@pytest.mark.parametrize("seconds", [4, 40, 100, 200, 800])
def test_axis_counts_up_evenly(seconds: int, running: Any, visit: Open, make_observation: Make) -> None:
    """No two lines of the history's axis have the same label, however long the faces were in view."""
    now = datetime.now().astimezone()
    with closing(Log(replace(running.settings.log, mode="frames"))) as log:
        for back in range(seconds, -1, -4):
            seen = make_observation(seconds - back, "happy")
            log.write(Observation(replace(seen.frame, taken=now - timedelta(seconds=back)), seen.faces, ()))
    tab = visit(f"{running.address}/history", 1280, 720)
    tab.page.wait_for_selector("#rows tr")
    labels = tab.page.locator("#chart text[text-anchor=end]").all_text_contents()
    assert labels[0] == "0"
    assert 2 <= len(labels) == len(set(labels))


def test_history_without_a_log(house: House, visit: Open) -> None:
    """Without a log the history says so."""
    built = house(sinks=("kiosk",))
    tab = visit(f"http://127.0.0.1:{built.port}/history")
    tab.page.wait_for_function("() => document.querySelector('#message').textContent.includes('add log to run.sinks')")
    tab.complaints = []  # the browser's own, of the 404


def test_browser_stays_logged_in(house: House, visit: Open, token_file: Path) -> None:
    """A browser logs in and stays so."""
    built = house(token_file=str(token_file))
    built.sink.state("running")
    tab = visit(f"http://127.0.0.1:{built.port}/history")
    assert urlsplit(tab.page.url).path == "/login"
    tab.page.fill("#token", "0123456789abcdef")
    tab.page.keyboard.press("Enter")
    tab.page.wait_for_url("**/history")
    tab.page.goto(f"http://127.0.0.1:{built.port}/")
    tab.shows("Nobody here")
    tab.page.click("#pause")
    tab.page.wait_for_function("() => document.querySelector('#pause').innerText === 'Resume'")
    assert built.pause_switch.paused
    assert tab.page.evaluate("document.cookie") == ""
    tab.complaints = [words for words in tab.complaints if "404" not in words]


def test_the_camera_s_picture_moves(house: House, visit: Open, make_observation: Make) -> None:
    built = house(live=True)
    built.sink.state("running")
    built.sink.write(make_observation(1, "happy", grey=np.full((480, 640), 90, np.uint8)))
    tab = visit(f"http://127.0.0.1:{built.port}/live")
    tab.page.wait_for_function("() => document.querySelector('#picture').width === 640")
    built.sink.state("paused")
    tab.page.wait_for_function("() => document.querySelector('#message').textContent === 'Paused'")
    assert not tab.page.is_visible("#picture")


def test_live_page_draws_what_is_read(house: House, visit: Open, make_observation: Make) -> None:
    """Boxes, names in the page's language, and a bar for each label; the picture has its colours, and goes on."""
    built = house(live=True, language="de")
    built.sink.state("running")
    colour = np.zeros((480, 640, 3), np.uint8)
    colour[:, :, 2] = 200  # red

    def show(number: int, *emotions: str) -> None:
        seen = make_observation(number, *emotions, grey=np.full((480, 640), 60, np.uint8))
        faces = tuple(replace(face, box=Box(64 + 200 * k, 96, 128, 96)) for k, face in enumerate(seen.faces))
        built.sink.write(replace(seen, frame=replace(seen.frame, colour=colour), faces=faces))

    show(1, "happy", "sad")
    tab = visit(f"http://127.0.0.1:{built.port}/live", 1280, 720)
    tab.page.wait_for_selector("#faces .bars li")
    assert [one.split(" ")[0] for one in tab.page.locator("#boxes span").all_text_contents()] == ["Fröhlich", "Traurig"]
    assert tab.page.locator("#faces .bars li").count() == 14
    pixel = tab.page.evaluate("[...document.querySelector('#picture').getContext('2d').getImageData(9, 9, 1, 1).data]")
    assert pixel[0] > 180
    assert max(pixel[1:3]) < 20
    (drawn, _) = tab.page.evaluate(DRAWN_AREAS.replace("#ignored .hatched", "#boxes div"))
    assert drawn == pytest.approx([0.1, 0.2, 0.2, 0.2], abs=0.01)
    show(2, "angry")
    tab.page.wait_for_function("() => document.querySelectorAll('#boxes div').length === 1")
    tab.page.wait_for_function("() => document.querySelector('#faces h2').textContent.startsWith('Wütend')")
    assert not [url for url in tab.requests if "mjpg" in url]


DRAWN_AREAS = """() => {
  const picture = document.querySelector('#picture'), place = picture.getBoundingClientRect();
  const scale = Math.min(place.width / picture.width, place.height / picture.height);
  const width = scale * picture.width, height = scale * picture.height;
  const left = place.x + (place.width - width) / 2, top = place.y + (place.height - height) / 2;
  return [...document.querySelectorAll('#ignored .hatched')].map(area => area.getBoundingClientRect())
    .map(area => [(area.x - left) / width, (area.y - top) / height, area.width / width, area.height / height]);
}"""


@pytest.mark.parametrize(("width", "height"), [(390, 844), (844, 390), (800, 480), (1920, 1080)])
def test_ignored_areas_lie_on_the_picture(
    width: int, height: int, house: House, visit: Open, make_observation: Make
) -> None:
    """The areas of detector.ignore are drawn where they are in the picture, and the page needs no scrolling."""
    areas = [[0.1, 0.2, 0.3, 0.4], [0.6, 0.0, 0.4, 1.0]]
    built = house(live=True, language="de", detector={"ignore": areas})
    built.sink.state("running")
    built.sink.write(make_observation(1, "happy", grey=np.full((480, 640), 90, np.uint8)))
    tab = visit(f"http://127.0.0.1:{built.port}/live", width, height)
    tab.page.wait_for_function("() => document.querySelector('#picture').width === 640")
    tab.page.wait_for_selector("#ignored .hatched")
    for drawn, area in zip(tab.page.evaluate(DRAWN_AREAS), areas, strict=True):
        assert drawn == pytest.approx(area, abs=0.01)
    assert tab.page.inner_text("#legend") == load("de")["live_ignored"]
    assert tab.page.text_content("#ignored .hatched") == load("de")["live_ignored_label"]
    assert tab.page.evaluate("document.documentElement.scrollHeight") <= height
    built.sink.state("paused")
    tab.page.wait_for_function("() => document.querySelector('#message').textContent === 'Pause'")
    assert not tab.page.is_visible("#ignored")
    assert not tab.page.is_visible("#legend")


def test_zone_lies_on_the_picture(house: House, visit: Open, make_observation: Make) -> None:
    """The zone is drawn where it is in the picture, and what lies outside is darker."""
    built = house(live=True, source={"zone": [0.25, 0.1, 0.5, 0.8]})
    built.sink.state("running")
    built.sink.write(make_observation(1, "happy", grey=np.full((480, 640), 90, np.uint8)))
    tab = visit(f"http://127.0.0.1:{built.port}/live")
    tab.page.wait_for_function("() => document.querySelector('#picture').width === 640")
    tab.page.wait_for_selector("#ignored .zone")
    (drawn,) = tab.page.evaluate(DRAWN_AREAS.replace(".hatched", ".zone"))
    assert drawn == pytest.approx([0.25, 0.1, 0.5, 0.8], abs=0.01)
    assert tab.page.inner_text("#zone-legend") == load("en")["live_zone"]
    assert not tab.page.is_visible("#legend")


def test_new_settings_reach_the_live_page(house: House, visit: Open, make_observation: Make) -> None:
    """After a change of detector.ignore an open page draws the new areas, and its picture goes on."""
    built = house(live=True)
    seen = make_observation(1, "happy", grey=np.full((480, 640), 90, np.uint8))
    built.sink.state("running")
    built.sink.write(seen)
    tab = visit(f"http://127.0.0.1:{built.port}/live")
    tab.page.wait_for_function("() => document.querySelector('#picture').width === 640")
    assert not tab.page.is_visible("#legend")
    port = built.port
    built.sink.close()
    again = house(live=True, port=port, detector={"ignore": [[0.5, 0.5, 0.5, 0.5]]})
    again.sink.state("running")
    with tab.page.expect_request(re.compile("live.stream")):
        again.sink.write(seen)
    tab.page.wait_for_selector("#ignored .hatched")
    tab.complaints = [words for words in tab.complaints if "ERR_" not in words]  # of the connection that was closed


@pytest.mark.parametrize(("width", "height"), [(1280, 720), (390, 844), (480, 320)])
def test_own_picture_is_read(width: int, height: int, running: Any, visit: Open, tmp_path: Path) -> None:
    """Chosen, then one without a face, then a file that is no picture; all of it fits, and nothing of it stays."""
    tab = visit(f"{running.address}/try", width, height)
    tab.page.set_input_files("#file", PORTRAIT)
    tab.page.wait_for_selector("#faces li")
    assert tab.page.inner_text("#faces h2").startswith("1: Happy (")
    assert tab.page.locator("#faces .bars li").count() == 7
    boxed = tab.page.evaluate("""() => {
      const all = document.getElementById("picture").getContext("2d").getImageData(0, 0, 512, 512).data;
      const happy = [240, 228, 66];
      return all.filter((_, at) => at % 4 === 0 && happy.every((part, k) => all[at + k] === part)).length;
    }""")
    assert 500 < boxed < 5000
    assert tab.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    Image.new("RGB", (5000, 3000), "white").save(tmp_path / "wall.png")
    tab.page.set_input_files("#photo", tmp_path / "wall.png")
    says = "text => document.getElementById('message').textContent === text"
    tab.page.wait_for_function(says, arg=load("en")["try_nobody"])
    assert tab.page.locator("#faces li").count() == 0
    assert tab.page.evaluate("document.getElementById('picture').width") == 1600  # made smaller before it was sent
    (tmp_path / "notes.txt").write_text("no picture")
    tab.page.set_input_files("#file", tmp_path / "notes.txt")
    tab.page.wait_for_function(says, arg=load("en")["try_unreadable"])
    assert not tab.page.is_visible("#picture")


def test_keyboard_reaches_the_picture(running: Any, visit: Open) -> None:
    """Both inputs are in the order of the tab key, and what has the focus shows it."""
    tab = visit(f"{running.address}/try", 1280, 720)
    reached = []
    for _ in range(3):
        tab.page.keyboard.press("Tab")
        reached.append(tab.page.evaluate("document.activeElement.id || document.activeElement.tagName"))
    assert reached == ["A", "file", "photo"]
    label = "getComputedStyle(document.querySelector('label[for=photo]')).outlineStyle"
    assert tab.page.evaluate(label) == "solid"


def test_dropped_picture_is_read(running: Any, visit: Open) -> None:
    tab = visit(f"{running.address}/try", 1280, 720)
    dropped = """async bytes => {
      const data = new DataTransfer();
      data.items.add(new File([new Uint8Array(bytes)], "portrait.jpg", {type: "image/jpeg"}));
      document.dispatchEvent(new DragEvent("drop", {dataTransfer: data, cancelable: true}));
    }"""
    tab.page.evaluate(dropped, list(PORTRAIT.read_bytes()))
    tab.page.wait_for_selector("#faces li")
