"""Which versions a specifier admits, held against asking each of them."""

from hypothesis import example, given, settings
from hypothesis import strategies as st
from packaging.specifiers import Specifier, SpecifierSet
from packaging.version import Version

from envfit.selection.candidates import Candidates
from envfit.selection.ordering import admitted

NUMBERS = st.integers(0, 3)
RELEASES = st.lists(NUMBERS, min_size=1, max_size=3).map(lambda parts: ".".join(map(str, parts)))
VERSIONS = st.builds(
    lambda epoch, release, pre, post, dev, local: f"{epoch}{release}{pre}{post}{dev}{local}",
    st.sampled_from(["", "", "", "1!"]),
    RELEASES,
    st.sampled_from(["", "", "", "a1", "rc2"]),
    st.sampled_from(["", "", ".post1"]),
    st.sampled_from(["", "", ".dev3"]),
    st.sampled_from(["", "", "+cu126", "+1"]),
)


@st.composite
def clauses(draw):
    operator = draw(st.sampled_from(["==", "!=", "<", "<=", ">", ">=", "~=", "==.*", "!=.*", "==="]))
    if operator.endswith(".*"):
        return f"{operator[:2]}{draw(RELEASES)}.*"
    version = Version(draw(VERSIONS))
    if operator == "~=":
        release = version.release if len(version.release) > 1 else (*version.release, 1)
        return f"~={'.'.join(map(str, release))}"
    text = str(version) if operator in ("==", "!=", "===") else version.public
    return f"{operator}{text}"


SPECIFIERS = st.lists(clauses(), max_size=3).map(lambda parts: SpecifierSet(",".join(parts)))
MANY = st.lists(VERSIONS, max_size=25, unique_by=Version)


@settings(max_examples=1500, deadline=None)
@given(MANY, SPECIFIERS)
@example(["1.8a1", "1.8", "1.8.post1"], SpecifierSet("<1.8.post1"))
@example(["1.7", "1.7.post1", "1.8"], SpecifierSet(">1.7a1"))
def test_all_that_a_specifier_contains_and_nothing_else(texts, specifier):
    versions = sorted(map(Version, texts))
    found = admitted(specifier, versions.__getitem__, len(versions))
    contained = sum(
        1 << place for place, one in enumerate(versions) if specifier.contains(one, prereleases=True)
    )
    assert found == contained


@settings(max_examples=300, deadline=None)
@given(MANY, SPECIFIERS, st.randoms(use_true_random=False))
def test_candidates_in_any_order(texts, specifier, random):
    versions = list(map(Version, texts))
    random.shuffle(versions)
    candidates = Candidates.fixed("a", versions)
    expected = {place for place, one in enumerate(versions) if specifier.contains(one, prereleases=True)}
    assert set(candidates.satisfying(specifier)) == expected
    descending = sorted(versions, reverse=True)
    backwards = Candidates("a", list(map(str, descending)), [None] * len(descending))
    expected = {place for place, one in enumerate(descending) if specifier.contains(one, prereleases=True)}
    assert set(backwards.satisfying(specifier)) == expected


def test_few_of_many_versions_are_compared():
    asked = set()

    def version_at(place):
        asked.add(place)
        return Version(f"1.{place}")

    found = admitted(SpecifierSet(">=1.200,!=1.300,<1.400,~=1.1"), version_at, 1000)
    assert found == sum(1 << place for place in range(200, 400) if place != 300)
    assert len(asked) < 60


def test_every_operator_of_packaging_is_known():
    known = {"===", "==", "!=", "<", "<=", ">", ">=", "~="}
    assert set(Specifier._operators) == known
