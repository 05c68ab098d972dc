"""Names that read alike, by the printed table and by nothing else."""

from __future__ import annotations

import string

import pytest

from modelseal.lookalike import CONFUSABLES, Named, find_alike, skeleton

ALIKE = {  # what was registered -> whom it imitates: a row of the table each
    "separators are dropped": ("meta_llama", "meta-llama"),
    "a dot is a separator": ("open.ai", "OpenAI"),
    "case is dropped": ("DEEPSEEK.AI", "deepseek-ai"),
    "capital I for l": ("mistraIai", "mistralai"),
    "one for l": ("a11enai", "allenai"),
    "l for i": ("allenal", "allenai"),
    "zero for o": ("t0gethercomputer", "togethercomputer"),
    "five for s": ("5tabilityai", "stabilityai"),
    "three for e": ("Sal3sforce", "Salesforce"),
    "four for a": ("met4-llama", "meta-llama"),
    "seven for t": ("me7a-llama", "meta-llama"),
    "eight for b": ("8igcode", "bigcode"),
    "nine for g": ("bi9code", "bigcode"),
    "rn for m": ("rnistralai", "mistralai"),
    "vv for w": ("Qvven", "Qwen"),
    "cl for d": ("OpenHancls", "OpenHands"),
    "two rows at once": ("rn1stral_a1", "mistralai"),
    "a row after another": ("c1eepseek", "deepseek"),
}
NOT_ALIKE = {
    "a letter left out": ("mosaiml", "mosaicml"),
    "two letters swapped": ("opneai", "openai"),
    "a word more": ("openai-team", "openai"),
    "two digits": ("llama-6b", "llama-8b"),
    "a version": ("gpt-4", "gpt-5"),
    "an empty name and one of separators only": ("a", "-"),
}


@pytest.mark.parametrize("pair", ALIKE.values(), ids=ALIKE)
def test_these_read_alike(pair: tuple[str, str]) -> None:
    found = find_alike(Named.of(f"hf://{pair[0]}"), [Named.of(f"hf://{pair[1]}")])
    assert [(one.namespace, one.written, one.known) for one in found] == [(f"hf://{pair[1]}", *pair)]


@pytest.mark.parametrize("pair", NOT_ALIKE.values(), ids=NOT_ALIKE)
def test_these_do_not(pair: tuple[str, str]) -> None:
    assert find_alike(Named.of(f"hf://{pair[0]}"), [Named.of(f"hf://{pair[1]}")]) == []


def test_no_two_digits_become_the_same() -> None:
    assert len({skeleton(digit) for digit in string.digits}) == 10


def test_every_row_of_the_table_does_what_it_says() -> None:
    for found, to, _ in CONFUSABLES:
        for one in found:
            if one != "A to Z":
                assert skeleton(f"x{one}x") == f"x{to}x", one


def test_titles_and_families_are_names_too() -> None:
    openai = Named.of("hf://openai", "OpenAI", ["GPT"], ["hf://openai-community"])
    for thief, words in (
        (Named.of("hf://someone", "0penAI"), "its title 0penAI reads as openai"),
        (Named.of("hf://someone", "Nobody", ["gpt"]), "its family gpt is the family GPT of openai"),
        (
            Named.of("hf://0penai-cornrnunity"),
            "its name 0penai-cornrnunity reads as the account openai-community of openai",
        ),
    ):
        assert [str(one) for one in find_alike(thief, [openai])] == [words]


def test_nobody_resembles_itself_and_accounts_are_not_ones_own_names() -> None:
    openai = Named.of("hf://openai", "OpenAI")
    assert find_alike(Named.of("hf://OpenAI", "OpenAI", ["GPT"]), [openai]) == []
    assert find_alike(Named.of("hf://someone", others=["hf://openai"]), [openai]) == []
