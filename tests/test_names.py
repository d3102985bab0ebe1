"""Learners by name: one grammar on the command line, in TOML and in Python."""

from __future__ import annotations

import json
from typing import ClassVar

import any_learner
import pytest
from any_learner import LEARNERS, Wordy
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import Field

import nogd
from nogd.bench.cell import settings_of
from nogd.errors import InvalidSetting, UnknownName, UserError
from nogd.learners.adam import Adam
from nogd.learners.grid_search import GridSearch
from nogd.learners.hybrid import Hybrid
from nogd.learners.random_search import RandomSearch
from nogd.learners.sgd import Sgd
from nogd.plugins.manager import PluginSettings, configured
from nogd.training.names import as_learner, build, make, parse_setting, written


@pytest.mark.parametrize(
    ("text", "learner"),
    [
        ("adam", Adam()),
        (" adam , lr=0.5", Adam(lr=0.5)),
        ("adam,lr=1e+3", Adam(lr=1000)),
        ("adam,lr=1e-3,rows=4,plateau=true", Adam(lr=0.001, rows=4, plateau=True)),
        ("adam,plateau=False,rows=none", Adam()),
        ("grid-search,bias-points=7", GridSearch(bias_points=7)),
        ("grid-search,bias_points=7", GridSearch(bias_points=7)),
        ("nogd/sgd,momentum=0.5", Sgd(momentum=0.5)),
        ("hybrid,first=random-search,split=0.1", Hybrid(first="random-search", split=0.1)),
        ("adam,lr=1e+3+sgd", nogd.Sequence(parts=(Adam(lr=1000), Sgd()))),
        ("grid-search+adam", nogd.Sequence(parts=(GridSearch(), Adam()))),
        ("grid-search + adam, lr=1", nogd.Sequence(parts=(GridSearch(), Adam(lr=1)))),
        (
            "grid-search,share=0.2+adam,lr=0.5",
            nogd.Sequence(parts=(GridSearch(), Adam(lr=0.5)), shares=(0.2, 1.0)),
        ),
        ("sgd,share=1+adam,share=3", nogd.Sequence(parts=(Sgd(), Adam()), shares=(1, 3))),
    ],
)
def test_what_a_name_stands_for(text, learner):
    assert build(text) == learner


def test_settings_beside_a_name():
    assert build("adam,lr=0.5", {"rows": 3}) == Adam(lr=0.5, rows=3)
    assert build("adam,lr=0.5", {"lr": 0.25}) == Adam(lr=0.25)
    assert build(RandomSearch, {"population": 3}) == RandomSearch(population=3)
    assert build(Adam(lr=3)) == Adam(lr=3)


@pytest.mark.parametrize(
    ("text", "learner"),
    [
        ("hybrid(random-search)", Hybrid(first=RandomSearch())),
        (
            "hybrid( random-search , population=3 ; sgd),split=0.1",
            Hybrid(first=RandomSearch(population=3), second=Sgd(), split=0.1),
        ),
        ("hybrid,first='adam,lr=0.5'", Hybrid(first=Adam(lr=0.5))),
        (
            "hybrid(hybrid(sgd; sgd+adam); adam,lr=1)+sgd",
            nogd.Sequence(
                parts=(
                    Hybrid(
                        first=Hybrid(first=Sgd(), second=nogd.Sequence(parts=(Sgd(), Adam()))),
                        second=Adam(lr=1),
                    ),
                    Sgd(),
                )
            ),
        ),
        ("(adam)", nogd.Sequence(parts=(Adam(),))),
        (
            "(adam+sgd),share=2+adam",
            nogd.Sequence(parts=(nogd.Sequence(parts=(Adam(), Sgd())), Adam()), shares=(2, 1)),
        ),
    ],
)
def test_learners_within_learners(text, learner):
    assert build(text) == learner
    assert build(str(learner)) == learner


@pytest.mark.any_version
@settings(deadline=None, derandomize=True, max_examples=250)
@given(learner=LEARNERS)
def test_every_learner_is_written_as_it_is_read(learner):
    with configured(PluginSettings((any_learner.__file__,))):
        assert build(str(learner)) == learner
        assert written(learner) == str(learner)
        assert (
            as_learner({"name": learner.name, "settings": json.loads(json.dumps(settings_of(learner)))})
            == learner
        )


@pytest.mark.parametrize("text", ["none", "NONE", "'none'"])
def test_a_word_that_is_none_of_pythons(text):
    name, value = parse_setting(f"mode={text}")
    assert make(Wordy, {name: value}) == Wordy(mode="none")
    assert make(Wordy, dict([parse_setting("note=none")])).note is None
    assert make(Wordy, dict([parse_setting("note='none'")])).note == "none"


@settings(deadline=None, derandomize=True, max_examples=60)
@given(
    lr=st.floats(1e-12, 1e12),
    rows=st.none() | st.integers(1, 10**6),
    plateau=st.booleans(),
    points=st.integers(2, 999),
    several=st.booleans(),
)
def test_a_learner_is_written_as_it_is_read(lr, rows, plateau, points, several):
    learner = Adam(lr=lr, rows=rows, plateau=plateau)
    if several:
        learner = nogd.Sequence(parts=(GridSearch(points=points), learner), shares=(0.25, 0.75))
    assert build(str(learner)) == learner


class Listy(nogd.Learner):
    """Takes values of several kinds."""

    name: ClassVar[str] = "test-listy"
    betas: tuple[float, float] = (0.9, 0.99)
    widths: list[int] = Field(default_factory=list)
    note: str = ""

    def init(self, objective, theta, rng):
        return nogd.State(theta=theta)

    def step(self, objective, state):
        state.finished = "nothing to do"


@pytest.mark.parametrize(
    ("pair", "name", "value"),
    [
        ("lr=0.1", "lr", "0.1"),
        ("betas=(0.9,0.99)", "betas", (0.9, 0.99)),
        ("widths=[1, 2]", "widths", [1, 2]),
        ("bias-points = 3", "bias_points", "3"),
        ("rows=None", "rows", None),
        ("rows=null", "rows", None),
        ("note=a=b", "note", "a=b"),
        ("note=(unfinished", "note", "(unfinished"),
        ("note=", "note", ""),
    ],
)
def test_settings_as_text(pair, name, value):
    assert parse_setting(pair) == (name, value)


def test_values_of_several_kinds():
    made = make(Listy, dict(parse_setting(pair) for pair in ("betas=(1,2)", "widths=[3]", "note=x")))
    assert (made.betas, made.widths, made.note) == ((1.0, 2.0), [3], "x")
    assert make(Listy, {}) == Listy()


@pytest.mark.parametrize(
    ("text", "error", "sentence"),
    [
        ("adan", UnknownName, r"'adan'; did you mean 'adam'\?"),
        ("", UnknownName, r"''"),
        ("grid-search+adan", UnknownName, r"'adan'; did you mean 'adam'\?"),
        ("adam+", UnknownName, r"'adam\+'; did you mean 'adam'\?"),
        ("adam,lrr=1", InvalidSetting, r"adam has no hyper-parameter 'lrr'; did you mean 'lr'\?"),
        ("adam,zzzz=1", InvalidSetting, r"'zzzz'\. Its hyper-parameters: lr, beta1"),
        ("adam,lr", InvalidSetting, "does not parse; write a learner as name,setting=value"),
        ("adam,", InvalidSetting, "does not parse"),
        ("adam=3", InvalidSetting, "does not parse"),
        ("adam,lr=fast", InvalidSetting, "adam: lr = 'fast' is not right"),
        ("adam,lr=-1", InvalidSetting, "adam: lr = '-1' is not right: input should be greater than 0"),
        ("adam,lr=nan", InvalidSetting, "lr = 'nan'"),
        ("adam,rows=2.5", InvalidSetting, "rows = '2.5'"),
        ("adam,rows=0", InvalidSetting, "rows = '0'"),
        ("grid-search,points=1", InvalidSetting, "points = '1'"),
        ("adam,share=0.5", InvalidSetting, "only a part of a sequence"),
        ("adam,share=much+sgd", InvalidSetting, "shares .* positive numbers"),
        ("adam,share=-1+sgd", InvalidSetting, "shares .* positive numbers"),
        ("adam,lr=1,lr=2", InvalidSetting, "gives lr twice"),
        (
            "hybrid,first=adam,lr=2",
            InvalidSetting,
            r"no hyper-parameter 'lr'.* in parentheses: hybrid\(adam,lr=",
        ),
        ("adam(sgd)", InvalidSetting, "gives adam 1 learners, but it takes none"),
        ("hybrid(sgd;sgd;adam)", InvalidSetting, "gives hybrid 3 learners, but it takes 2 at most"),
        ("hybrid(sgd", InvalidSetting, "parentheses do not match"),
        ("hybrid(sgd)x(adam)", InvalidSetting, "parentheses do not match"),
        ("(adam;sgd)", InvalidSetting, "parentheses hold one sequence"),
        ("(adam),lr=1", InvalidSetting, "parentheses hold one sequence"),
        ("(adam),lr=1+sgd", InvalidSetting, "parentheses hold one sequence"),
        ("hybrid(" * 5_000 + ")" * 5_000, InvalidSetting, "nested more than 20 deep"),
        ("hybrid(addam)", UnknownName, r"'addam'; did you mean 'adam'\?"),
        ("adam,lr=" + "[" * 5_000, InvalidSetting, "lr = "),
        ("adam,lr=[" + "-" * 50_000 + "1]", InvalidSetting, "lr = "),
    ],
)
def test_what_is_wrong_is_said_in_one_sentence(text, error, sentence):
    with pytest.raises(error, match=sentence) as caught:
        build(text)
    assert isinstance(caught.value, UserError)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("learner", "given", "sentence"),
    [
        ("grid-search+adam", {"lr": 1}, "'lr' could belong to any learner"),
        (Adam(), {"lr": 1}, "'lr' is given beside a learner that is already made"),
        (5, {}, "a learner is a name such as"),
        (None, {}, "a learner is a name such as"),
        (int, {}, "a learner is a name such as"),
        (nogd.Learner, {}, "a learner is a name such as"),
        ("adam", {"lr": "x"}, "adam: lr = 'x' is not right"),
        (Adam, {"lr": 0}, "adam: lr = 0 is not right"),
    ],
)
def test_wrong_things_beside_a_name(learner, given, sentence):
    with pytest.raises(InvalidSetting, match=sentence):
        build(learner, given)


@pytest.mark.parametrize(
    "word", ["loss", "budget", "seed", "target", "label", "share", "device", "batch_size"]
)
def test_words_of_the_doors_are_no_hyper_parameters(word):
    with pytest.raises(InvalidSetting, match=f"calls a hyper-parameter '{word}'.*rename it"):
        type("Bad", (nogd.Learner,), {"__annotations__": {word: int}, word: 1, "__module__": __name__})


def test_learners_can_be_compared_and_hashed_and_never_change():
    assert len({Adam(), Adam(), Adam(lr=1)}) == 2
    with pytest.raises(ValueError, match="frozen"):
        Adam().lr = 3
