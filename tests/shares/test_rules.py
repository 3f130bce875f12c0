"""Tokens, codes and the sentences around them."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fissile.domain.shares.errors import CodeMistyped, CodeNotFound
from fissile.domain.shares.rules import (
    ALPHABET,
    code_of,
    find_code,
    is_sound,
    link_of,
    new_token,
    sentence,
)
from fissile.kernel.money import Money

_TOKENS = st.integers(0, 2**32).map(lambda seed: new_token(rng=random.Random(seed)))
_SURROUNDINGS = st.text(alphabet="复制这段文字 打开看看!,.。【】 abc \n\t😀", max_size=40)


class TestTokens:
    @given(_TOKENS, st.integers(0, 11), st.sampled_from(ALPHABET))
    def test_one_wrong_letter_is_always_noticed(self, token: str, place: int, letter: str) -> None:
        wrong = token[:place] + letter + token[place + 1 :]

        assert is_sound(wrong) == (wrong == token)

    @given(_TOKENS, st.integers(0, 10))
    def test_two_swapped_neighbours_are_nearly_always_noticed(self, token: str, place: int) -> None:
        swapped = token[:place] + token[place + 1] + token[place] + token[place + 2 :]

        # ISO 7064 hybrid systems let a swap of the two letters just before the check character through
        # for a single pair of values; everything else is told.
        assert swapped == token or not is_sound(swapped) or place == 9

    def test_uses_no_letters_that_are_taken_for_one_another(self) -> None:
        assert set("0O1Il").isdisjoint(ALPHABET)
        assert len(ALPHABET) % 2 == 0

    def test_a_thousand_are_different(self) -> None:
        rng = random.Random(1)

        assert len({new_token(rng=rng) for _ in range(1000)}) == 1000


class TestFindCode:
    @given(_TOKENS, _SURROUNDINGS, _SURROUNDINGS)
    def test_finds_the_code_whatever_surrounds_it(self, token: str, before: str, after: str) -> None:
        found = find_code(f"{before}{code_of(token)}{after}")

        assert (found.token, found.form) == (token, "code")

    @given(_TOKENS, _SURROUNDINGS)
    def test_finds_the_link(self, token: str, before: str) -> None:
        found = find_code(f"{before} {link_of('https://shop.example', token)}?x=1")

        assert (found.token, found.form) == (token, "link")

    def test_finds_a_code_without_its_marks_and_in_full_width(self) -> None:
        token = new_token(rng=random.Random(3))
        wide = "".join(chr(ord(letter) + 0xFEE0) for letter in token)

        assert find_code(f"看 {token} 吧").token == token
        assert find_code(f"看 {code_of(wide)} 吧").token == token

    @pytest.mark.parametrize("locale", ["zh_CN", "en"])
    def test_reads_its_own_sentence(self, locale: str) -> None:
        token = new_token(rng=random.Random(4))
        words = sentence(token=token, title="新疆￥棉¥被 100%", price=Money(9900, "CNY"), shop="Fissile", locale=locale)

        assert find_code(words).token == token

    def test_tells_a_wrong_letter(self) -> None:
        token = new_token(rng=random.Random(5))
        wrong = ("A" if token[0] != "A" else "B") + token[1:]

        with pytest.raises(CodeMistyped, match=wrong):
            find_code(f"复制 {code_of(wrong)} 打开")

    def test_tells_a_lost_letter(self) -> None:
        token = new_token(rng=random.Random(6))

        with pytest.raises(CodeMistyped):
            find_code(code_of(token[:-1]))

    @pytest.mark.parametrize("words", ["", "₣₣", "只要 ₣99₣", "https://shop.example/p/12", "x" * 100_000, "\x00"])
    def test_says_when_there_is_none(self, words: str) -> None:
        with pytest.raises(CodeNotFound):
            find_code(words)


class TestSentence:
    def test_marks_itself_as_advertising(self) -> None:
        token = new_token(rng=random.Random(7))

        zh = sentence(token=token, title="茶", price=Money(1250, "CNY"), shop="店", locale="zh_CN")
        en = sentence(token=token, title="Tea", price=Money(1250, "USD"), shop="Shop", locale="en")

        assert zh == f"【广告】茶 ¥12.50，复制整段文字 ₣{token}₣ 到“店”的搜索框即可打开"
        assert en == f"[Ad] Tea, $12.50. Copy this whole message ₣{token}₣ and paste it into the search box of Shop."
