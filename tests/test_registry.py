"""Names are found, refused or told apart; nothing is imported before it is asked for."""

from __future__ import annotations

import pytest

from nogd.errors import AmbiguousName, PluginError, UnknownName
from nogd.plugins.registry import Entry, Lazy, Registry, Source, entry_of

HERE = Source("here", "here", "1.0", "plug = here.plugin")
THERE = Source("there", location="/tmp/there.py")


class Coin:
    """Toss a coin.

    More about it.
    """

    name = "coin"


class Speaks:
    name = "speaks"
    summary = "says  what\nit is"


def registry(*offers: tuple[object, Source]) -> Registry:
    return Registry("learner", [entry_of("learner", item, source) for item, source in offers])


def test_a_class_is_summed_up_by_its_docstring() -> None:
    assert entry_of("learner", Coin, HERE).summary == "Toss a coin."


def test_an_object_is_summed_up_by_its_summary_in_one_line() -> None:
    assert entry_of("loss", Speaks(), HERE).summary == "says what it is"


def test_a_lazy_target_is_imported_when_asked_for() -> None:
    entry = entry_of("learner", Lazy("coin", f"{__name__}:Coin", "toss"), HERE)
    assert entry.load() is Coin


@pytest.mark.parametrize(
    "target", ["no_such_module:Thing", f"{__name__}:NoSuchThing", "without_a_colon", f"{__name__}:"]
)
def test_a_lazy_target_that_cannot_be_imported_names_its_plugin(target: str) -> None:
    with pytest.raises(
        PluginError, match=r"'coin' of here 1\.0 \(entry point plug = here\.plugin\)"
    ) as raised:
        entry_of("learner", Lazy("coin", target), HERE).load()
    assert raised.value.__cause__ is not None


def test_a_class_under_another_name_than_its_own_is_refused() -> None:
    with pytest.raises(PluginError, match="'dice', which calls itself 'coin'"):
        entry_of("learner", Lazy("dice", f"{__name__}:Coin"), HERE).load()


@pytest.mark.parametrize("name", ["", "two words", "a,b", "a+b", "a=b", "line\nbreak"])
def test_names_that_users_could_not_write_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match="name"):
        entry_of("learner", Lazy(name, "a:B"), HERE)


@pytest.mark.parametrize(
    "item", [3, None, object(), "text", type("NoName", (), {}), type("Odd", (), {"name": 7})]
)
def test_things_without_a_name_are_refused(item: object) -> None:
    with pytest.raises(TypeError, match="name"):
        entry_of("learner", item, HERE)


def test_finds_bare_and_qualified_names() -> None:
    offers = registry((Lazy("coin", "a:B"), HERE), (Lazy("dice", "a:C"), THERE))
    assert offers.find("coin") is offers.find("here/coin")
    assert offers.find("there/dice").source is THERE
    assert offers.names() == ["coin", "dice"]
    assert len(offers) == 2
    assert "coin" in offers
    assert "here/coin" in offers
    assert "tree" not in offers


def test_an_unknown_name_gets_the_nearest() -> None:
    with pytest.raises(
        UnknownName, match=r"No learner is named 'coyn'; did you mean 'coin'\? 'nogd list learners'"
    ):
        registry((Lazy("coin", "a:B"), HERE)).find("coyn")


def test_two_packages_with_one_name() -> None:
    offers = registry((Lazy("coin", "a:B"), HERE), (Lazy("coin", "a:C"), THERE))
    with pytest.raises(AmbiguousName, match="say here/coin or there/coin"):
        offers.find("coin")
    assert offers.find("there/coin").source is THERE
    assert offers.names() == ["here/coin", "there/coin"]


@pytest.mark.parametrize("builtin_first", [True, False])
def test_a_built_in_keeps_its_bare_name_for_ever(builtin_first: bool) -> None:
    own = (Lazy("coin", "a:B"), Source("nogd.learners", "nogd", "1", builtin=True))
    others = [(Lazy("coin", "a:C"), HERE), (Lazy("coin", "a:D"), THERE)]
    offers = registry(*([own, *others] if builtin_first else [*others, own]))
    assert offers.find("coin") is offers.find("nogd/coin")
    assert offers.find("coin").source.builtin
    assert offers.find("here/coin").source is HERE
    assert sorted(offers.names()) == ["coin", "here/coin", "there/coin"]
    assert [entry.qualified_name for entry in offers.twins()] == ["here/coin", "there/coin"]
    assert all(offers.find(name) for name in offers.names())


def test_two_plugins_of_one_package_with_one_name() -> None:
    twin = Source("twin", "here", "1.0")
    offers = registry((Lazy("coin", "a:B"), HERE), (Lazy("coin", "a:C"), twin))
    for name in ("coin", "here/coin"):
        with pytest.raises(AmbiguousName, match="--no-plugin twin"):
            offers.find(name)


def test_a_name_may_hold_a_slash() -> None:
    offers = registry((Lazy("toy/xor", "a:B"), HERE))
    assert offers.find("toy/xor") is offers.find("here/toy/xor")


def test_an_empty_registry_says_so() -> None:
    with pytest.raises(UnknownName, match=r"No task is named 'x'\. 'nogd list tasks'"):
        Registry("task").find("x")


@pytest.mark.parametrize(
    ("source", "text"),
    [
        (HERE, "here 1.0 (entry point plug = here.plugin)"),
        (THERE, "there (/tmp/there.py)"),
        (Source("nogd.learners", "nogd", "0.1", builtin=True), "nogd 0.1"),
    ],
)
def test_sources_describe_themselves(source: Source, text: str) -> None:
    assert source.describe() == text


def test_entries_are_compared_without_what_they_stand_for() -> None:
    assert Entry("task", "a", "", HERE, object()) == Entry("task", "a", "", HERE, object())
