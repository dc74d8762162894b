"""The page of a report: what it says, that nobody's text can become markup, and how it looks in a real browser."""

import base64
import re
import sys
from dataclasses import dataclass
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.errors import MissingCapability
from harness.parity.report.html import _template, render
from tests.browser import browser_or_skip, page
from tests.parity import sample_documents as sample

SAMPLES = {
    "clean": sample.clean,
    "findings": sample.findings_of_every_kind,
    "without-docker": sample.without_docker,
    "failing": sample.failing,
    "hostile": sample.hostile,
}


class Elements(HTMLParser):
    """Every element with its attributes, and the text between tags."""

    def __init__(self, content: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str]]] = []
        self.text = ""
        self.feed(content)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text += data

    def named(self, *tags: str) -> list[dict[str, str]]:
        return [attributes for tag, attributes in self.found if tag in tags]

    @property
    def words(self) -> str:
        return " ".join(self.text.split())


def heading(document) -> str:
    (title,) = re.findall(r"<h1>.*</svg>(.*)</h1>", render(document))
    return title


class TestTheVerdict:
    def test_of_a_clean_run_says_ready(self):
        assert heading(sample.clean()) == "Ready for SageMaker"

    def test_counts_what_has_to_be_decided(self):
        assert heading(sample.findings_of_every_kind()) == "4 differences need your decision"

    def test_of_one_difference_is_in_the_singular(self):
        one = sample.finding(1, "umask", "local", "umask", "0o022", "0o077", "unexplained")
        assert heading(sample.document([sample.target("local")], [one])) == "1 difference needs your decision"

    def test_of_known_differences_alone_is_good(self):
        known = sample.finding(1, "umask", "local", "umask", "0o022", "0o077", "known", Why="It is so.")
        assert heading(sample.document([sample.target("local")], [known])) == "Nothing unexpected"

    def test_names_the_targets_that_could_not_run(self):
        assert "container and localmode could not run here." in Elements(render(sample.without_docker())).words

    def test_does_not_take_a_stand_in_for_aws(self):
        assert "a stand-in for AWS on this machine, not AWS itself" in Elements(render(sample.clean())).words

    def test_does_not_praise_a_job_that_fails_everywhere(self):
        reason = "AlgorithmError: ExecuteUserScriptError:\nExitCode 1"
        failed = [sample.target(name, JobStatus="Failed", FailureReason=reason) for name in ("local", "container")]
        content = render(sample.document(failed, []))
        assert heading(sample.document(failed, [])) == "The job fails on every target alike"
        assert heading(sample.document(failed[:1], [])) == "The job fails"
        assert 'class="verdict differs"' in content

    def test_does_not_praise_what_never_ran(self):
        nowhere = sample.target("local", State="unavailable", Reason="no Python")
        assert heading(sample.document([nowhere], [])) == "Nothing could be compared"


class TestTheMatrix:
    def test_says_which_target_the_others_were_held_against(self):
        assert "the targets are compared with container." in Elements(render(sample.clean())).words

    def test_of_one_target_names_no_other(self):
        assert "the targets are compared with each other." in Elements(render(sample.without_docker())).words

    def test_does_not_call_it_agreeing_that_a_job_fails_alike(self):
        cells = re.findall(r'<td role="cell" class="fails[^"]*"><a href="#log">.*?</a>', render(sample.failing()))
        assert ["fails alike" in each for each in cells] == [True, True, True]
        assert "agrees" not in "".join(cells)

    @pytest.mark.parametrize(("status", "word"), [("Failed", "fails"), ("Stopped", "stopped")])
    def test_of_one_target_says_how_its_job_ends(self, status, word):
        ended = sample.target("local", JobStatus=status, FailureReason=None)
        assert f'<span class="word">{word}</span>' in render(sample.document([ended], []))


class TestTheRuns:
    @pytest.mark.parametrize(("other", "marked"), [(0.96670000000000011, False), (0.9668, True)])
    def test_have_their_metrics_marked_where_these_differ_by_more_than_rounding(self, other, marked):
        metrics = [{"accuracy": value} for value in (0.9667, other)]
        targets = [
            sample.target(name, Metrics=each) for name, each in zip(("local", "container"), metrics, strict=True)
        ]
        found = Elements(render(sample.document(targets, []))).found
        rows = [members for tag, members in found if tag == "tr" and members.get("class") == "differs"]
        assert len(rows) == marked


class TestTheLog:
    def test_is_shown_once_for_the_targets_whose_jobs_say_the_same(self):
        words = Elements(render(sample.failing())).words
        assert words.count("ValueError: Input X contains NaN.") == 1
        assert "local, container and remote algo-1 | Traceback" in words

    def test_is_shown_for_each_target_whose_job_says_something_else(self):
        document = sample.failing()
        document["Targets"][1]["LogTail"] = "algo-1 | MemoryError"
        words = Elements(render(document)).words
        assert "local and remote algo-1 | Traceback" in words
        assert "container algo-1 | MemoryError" in words

    def test_of_a_job_that_completes_is_not_shown(self):
        assert "The last lines" not in render(sample.clean())


class TestAFinding:
    def test_of_several_targets_is_shown_once_and_linked_from_each(self):
        content = render(sample.findings_of_every_kind())
        elements = Elements(content)
        assert elements.words.count("In input_fn: np.atleast_2d.") == 1
        assert {"F8", "F9", "F10"} <= {each.get("id") for each in elements.named("a")}

    def test_that_is_known_stands_below_its_cause_with_the_others_of_that_cause(self):
        one = {"Why": "local mode gives containers a terminal.", "Breaks": "Bars.", "Remedy": "Ask isatty."}
        found = [
            sample.finding(number, "terminal", "localmode", where, False, True, "known", **{**one, **said})
            for number, (where, said) in enumerate([("stdin", {}), ("stdout", {}), ("TERM", {"Why": "Another."})], 1)
        ]
        document = sample.document([sample.target("local"), sample.target("localmode")], found)
        elements = Elements(render(document))
        assert len([each for each in elements.named("details") if each.get("class") == "finding"]) == 2
        assert elements.words.count("2 differences · localmode") == elements.words.count("Ask isatty. stdin") == 1
        found[1]["Remedy"] = "Ask stdout."
        words = Elements(render(document)).words
        assert (words.count("Ask isatty."), words.count("Ask stdout.")) == (2, 1), "TERM has the first one too"

    def test_is_the_goal_of_every_link_to_it(self):
        elements = Elements(render(sample.findings_of_every_kind()))
        links = {each["href"].removeprefix("#") for each in elements.named("a") if "href" in each}
        ids = {attributes["id"] for _, attributes in elements.found if "id" in attributes}
        assert len(links) > 5
        assert links <= ids

    @pytest.mark.parametrize("member", ["Why", "Breaks", "Remedy"])
    def test_says_what_the_document_says_about_it(self, member):
        document = sample.findings_of_every_kind()
        words = Elements(render(document)).words
        said = [each[member] for each in document["Findings"] if each[member]]
        assert said
        assert all(text in words for text in said)

    def test_of_two_runs_names_the_runs(self):
        words = Elements(render(sample.findings_of_every_kind())).words
        assert words.count("First run") == words.count("Second run on local") == 1

    def test_that_no_target_has_is_of_any_target(self):
        stale = sample.finding(1, "umask", "*", "umask", "a difference to accept", None, "stale-acceptance")
        assert "Seen on any target" in Elements(render(sample.document([sample.target("local")], [stale]))).words


class TestSafety:
    @pytest.mark.parametrize("name", SAMPLES)
    def test_a_page_has_no_script_and_asks_for_nothing(self, name):
        elements = Elements(render(SAMPLES[name]()))
        assert not elements.named("script", "iframe", "object", "embed", "form", "base")
        for tag, attributes in elements.found:
            assert not [each for each in attributes if each.startswith("on")], tag
            for url in ("src", "href", "srcset", "action", "data", "poster"):
                assert attributes.get(url, "#").startswith(("#", "data:")), attributes

    def test_a_page_forbids_by_itself_what_it_does_not_need(self):
        (policy,) = [each for each in Elements(render(sample.clean())).named("meta") if "http-equiv" in each]
        assert policy["content"] == "default-src 'none'; img-src data:; style-src 'unsafe-inline'"

    def test_a_picture_is_an_image_and_never_part_of_the_page(self):
        content = render(sample.hostile())
        assert "onload" not in content
        sources = [each["src"] for each in Elements(content).named("img")]
        assert [base64.b64decode(each.partition(",")[2])[:4] for each in sources] == [b"<svg", b"<svg"]

    def test_what_is_no_picture_is_named_instead(self):
        assert Elements(render(sample.hostile())).words.count("This is no picture that can be shown.") == 2

    @pytest.mark.slow
    @settings(max_examples=30)
    @given(st.text(st.characters(), max_size=60), st.text(st.characters(), max_size=60))
    def test_no_text_changes_the_structure_of_the_page(self, where, value):
        def tags(where, value):
            finding = sample.finding(
                1, "umask", "local", f"w{where}", None, f"v{value}", "unexplained", Why=f"y{value}"
            )
            made = sample.document(
                [sample.target("local", FailureReason=f"r{where}")], [finding], EntryPoint=f"e{where}"
            )
            content = render(made)
            content.encode()
            return [tag for tag, attributes in Elements(content).found if attributes.get("class") != "sign"]

        assert tags(where, value) == tags("", "")

    def test_the_same_document_gives_the_same_page(self):
        assert render(sample.findings_of_every_kind()) == render(sample.findings_of_every_kind())


def test_says_what_to_install_where_the_templating_library_is_missing(monkeypatch):
    _template.cache_clear()
    monkeypatch.setitem(sys.modules, "jinja2", None)
    with pytest.raises(MissingCapability, match=r"sagemaker-harness\[report\]"):
        render(sample.clean())


VIEWS = {
    f"{name}-{width}-{scheme}": (name, width, scheme)
    for name in SAMPLES
    for width in (1280, 390)
    for scheme in ("light", "dark")
    if name in {"findings", "hostile", "failing"} or (width, scheme) in {(1280, "light"), (390, "dark")}
}

SPILLING = """[...document.querySelectorAll('body *')].filter(e => !e.closest('.hidden, svg')
    && e.getBoundingClientRect().right > innerWidth + 1).map(e => e.outerHTML.slice(0, 200))"""
CRAMPED = """[...document.querySelectorAll('.matrix td .word')].filter(e =>
    e.getBoundingClientRect().right > e.closest('td').getBoundingClientRect().right + 1).map(e => e.innerText)"""
FAINT = """(() => {
    const linear = v => v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4;
    const light = c => { const [r, g, b] = c.map(v => linear(v / 255));
                         return .2126 * r + .7152 * g + .0722 * b; };
    const parts = c => c.match(/[\\d.]+/g).map(Number);
    const behind = e => { for (; e; e = e.parentElement) { const c = parts(getComputedStyle(e).backgroundColor);
                          if (c.length < 4 || c[3] === 1) return c.slice(0, 3); } return [255, 255, 255]; };
    const texts = [...document.querySelectorAll('body *')].filter(e => e.checkVisibility() && !e.closest('svg')
        && [...e.childNodes].some(n => n.nodeType === 3 && n.data.trim()));
    return texts.map(e => { const [a, b] = [light(parts(getComputedStyle(e).color).slice(0, 3)), light(behind(e))];
        return [(Math.max(a, b) + .05) / (Math.min(a, b) + .05), e.outerHTML.slice(0, 120)];
    }).filter(([c]) => c < 4.5);
})()"""
DARK = {"name": "prefers-color-scheme", "value": "dark"}
FOLDED_IN_PRINT = "[...document.querySelectorAll('.finding .sides')].filter(e => !e.checkVisibility()).length"


SQUEEZED = """[...document.querySelectorAll('th[scope=row], td, dd, pre')].filter(e => e.checkVisibility()
    && e.getBoundingClientRect().width < 72).map(e => e.outerHTML.slice(0, 120))"""


@dataclass(frozen=True)
class Look:
    """What a browser made of a page."""

    widths: tuple[int, int]
    title: str
    verdict_ends: float
    spilling: list[str]
    cramped: list[str]
    squeezed: list[str]
    faint: list[list[object]]
    requests: list[str]
    complaints: list[str]
    paper: tuple[int, int, int]
    verdict_colours: frozenset[tuple[int, int, int]]
    picture_colours: frozenset[tuple[int, int, int]]
    findings: int
    folded_in_print: int
    printed_on: tuple[int, int, int]


@pytest.fixture(scope="session")
def looks(once, tmp_path_factory):
    """Every sample in every view, all looked at with one browser, which has ended before the first test begins."""
    executable = browser_or_skip()
    return once("looks", lambda: every_look(executable, tmp_path_factory.mktemp("pages")))


def every_look(executable, folder):
    seen = {}
    with page(executable, folder / "profile") as tab:
        for view, (name, width, scheme) in VIEWS.items():
            file = folder / f"{name}.html"
            file.write_text(render(SAMPLES[name]()), "utf-8")
            requests, complaints = len(tab.requests), len(tab.complaints)
            tab.show(file, width=width, height=844, dark=scheme == "dark")
            tab.value("document.querySelectorAll('details').forEach(e => { e.open = true })")
            paper = tab.colours("footer")
            has_pictures = tab.value("document.images.length")
            measured = {
                "widths": tuple(tab.value("[document.scrollingElement.scrollWidth, innerWidth]")),
                "title": tab.value("document.title"),
                "verdict_ends": tab.value("document.querySelector('.lead').getBoundingClientRect().bottom"),
                "spilling": tab.value(SPILLING),
                "cramped": tab.value(CRAMPED),
                "squeezed": tab.value(SQUEEZED),
                "faint": tab.value(FAINT),
                "paper": paper.most_common(1)[0][0],
                "verdict_colours": frozenset(tab.colours("h1 .mark")),
                "picture_colours": frozenset(tab.colours(".pictures img") if has_pictures else ()),
                "findings": tab.value("document.querySelectorAll('.finding').length"),
            }
            tab.value("document.querySelectorAll('details').forEach(e => { e.open = false })")
            tab.call("Emulation.setEmulatedMedia", media="print", features=[DARK])
            measured["faint"] += tab.value(FAINT)
            measured["printed_on"] = tab.colours("footer").most_common(1)[0][0]
            measured["folded_in_print"] = tab.value(FOLDED_IN_PRINT)
            tab.call("Emulation.setEmulatedMedia", media="")
            seen[view] = Look(
                **measured,
                requests=[each for each in tab.requests[requests:] if each != file.as_uri()],
                complaints=tab.complaints[complaints:],
            )
    return seen


@pytest.mark.slow
@pytest.mark.parametrize("view", VIEWS)
class TestInABrowser:
    def test_nothing_is_wider_than_the_screen(self, looks, view):
        width, screen = looks[view].widths
        assert width <= screen == VIEWS[view][1]
        assert looks[view].spilling == []

    def test_every_word_of_the_matrix_fits_its_cell(self, looks, view):
        assert looks[view].cramped == []

    def test_no_column_is_too_narrow_to_be_read(self, looks, view):
        assert looks[view].squeezed == []

    def test_the_verdict_is_read_without_scrolling(self, looks, view):
        assert 0 < looks[view].verdict_ends < 844

    def test_all_text_stands_out_from_what_is_behind_it(self, looks, view):
        assert looks[view].faint == []

    def test_nothing_but_the_page_itself_is_asked_for(self, looks, view):
        assert [each for each in looks[view].requests if not each.startswith("data:")] == []

    def test_the_browser_has_nothing_to_complain_of(self, looks, view):
        assert looks[view].complaints == []

    def test_no_text_of_a_stranger_has_become_a_script(self, looks, view):
        assert looks[view].title.startswith(
            ("Ready for SageMaker: ", "4 differences", "5 differences", "The job fails on every target alike: ")
        )

    def test_the_paper_is_as_light_or_dark_as_the_reader_wants_it(self, looks, view):
        dark = VIEWS[view][2] == "dark"
        assert (sum(looks[view].paper) < 3 * 60) if dark else (sum(looks[view].paper) > 3 * 240)

    def test_the_verdict_has_a_mark_in_its_colour(self, looks, view):
        good = VIEWS[view][0] in {"clean", "without-docker"}
        strongest = max(looks[view].verdict_colours, key=lambda colour: max(colour) - min(colour))
        assert strongest.index(max(strongest)) == (1 if good else 0)

    def test_pictures_are_painted(self, looks, view):
        planted = {"hostile": (255, 0, 170)}.get(VIEWS[view][0], (31, 82, 145))
        assert planted in looks[view].picture_colours

    def test_print_is_on_white_paper_whatever_the_screen_is(self, looks, view):
        assert looks[view].printed_on == (255, 255, 255)

    def test_print_unfolds_every_finding(self, looks, view):
        findings = {"findings": 9, "hostile": 6}
        assert looks[view].findings == findings.get(VIEWS[view][0], 0)
        assert looks[view].folded_in_print == 0
