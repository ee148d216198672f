"""Part specs round-trip through text; malformed ones are reported in one line."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tensorar import PartSpec, SpecError

names = st.from_regex(r"[A-Za-z_][\w-]*", fullmatch=True)
keys = st.from_regex(r"[A-Za-z_]\w*", fullmatch=True)
# a text with both kinds of quotes cannot be written
texts = st.text().filter(lambda text: not ('"' in text and "'" in text))
values = st.booleans() | st.integers() | st.floats(allow_nan=False) | texts
specs = st.builds(PartSpec, names, st.dictionaries(keys, values, max_size=4))


def _typed(spec):
    return spec.name, [(key, type(value), value) for key, value in spec.options.items()]


@given(specs)
def test_a_spec_round_trips(spec):
    assert _typed(PartSpec.parse(str(spec))) == _typed(spec)
    assert PartSpec.parse(spec) is spec


@given(texts)
def test_words_that_look_like_something_else_stay_words(text):
    for word in (text, "true", "false", "none", "1", "1e5", "nan", "inf", " padded ", "", "a,b", "k=v", "1_000"):
        assert PartSpec.parse(str(PartSpec("p", {"k": word}))).options["k"] == word


@given(st.text(alphabet="ab:=,\"' 1.\n-_tfn"))
def test_any_text_is_a_spec_or_reported_in_one_line(text):
    try:
        spec = PartSpec.parse(text)
    except SpecError as error:
        assert "\n" not in str(error)
        assert repr(text) in str(error)
    else:
        assert repr(PartSpec.parse(str(spec))) == repr(spec)


@pytest.mark.parametrize(
    ("text", "options"),
    [
        ("p", {}),
        (" p ", {}),
        ("p:a=1", {"a": 1}),
        ("p: a = 1 , b = two words ", {"a": 1, "b": "two words"}),
        ("p:a=-1,b=0.001,c=0.5", {"a": -1, "b": 1e-3, "c": 0.5}),
        # as numbers these would not be written again as they were: an option that wants a number takes them, too
        ("p:a=007,b=2024_01,c=1e-3", {"a": "007", "b": "2024_01", "c": "1e-3"}),
        ("p:a=true,b=false,c=True", {"a": True, "b": False, "c": "True"}),
        ("""p:a="x, y=z",b='say "a"'""", {"a": "x, y=z", "b": 'say "a"'}),
        ('p:a="1"', {"a": "1"}),
        ("p:a=none", {"a": "none"}),
        ("p:path=/tmp/a-b.txt", {"path": "/tmp/a-b.txt"}),
    ],
)
def test_parsed_options(text, options):
    spec = PartSpec.parse(text)
    assert (spec.name, spec.options) == ("p", options)


MALFORMED = ["", " ", ":", "p:", "p: ", "p:a", "p:a=", "p:=1", "p:a=1,", "p:,a=1", "p:a=1,,b=2", "p:a=1,a=2", "p:1a=2"]
UNQUOTED = ["1p", "p q", 'p:a="1', "p:a='1", 'p:a="1"2', 'p:a="1" b=2', "p=1", "p.q", "p:a-b=1", "p\n:a", "-p"]


@pytest.mark.parametrize("text", [*MALFORMED, *UNQUOTED])
def test_malformed_specs_are_reported_in_one_line(text):
    with pytest.raises(SpecError, match="name or name:key=value") as error:
        PartSpec.parse(text)
    assert "\n" not in str(error.value)
    assert repr(text) in str(error.value)
