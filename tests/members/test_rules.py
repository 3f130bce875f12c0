from __future__ import annotations

import random
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fissile.domain.members import errors, rules
from fissile.domain.members.model import (
    SCOPES,
    SCOPES_BY_ROLE,
    key_text,
    member_actor,
    new_token,
    split_key_text,
    token_hash,
)
from fissile.domain.members.tables import ROLES
from fissile.infra.events import HOUSE

ME, OTHER = UUID(int=1), UUID(int=2)


class TestRequire:
    def test_lets_one_of_the_roles_pass(self) -> None:
        rules.require(member_actor(member_id=ME, roles=frozenset({"buyer", "auditor"})), {"operator", "auditor"})

    def test_lets_the_house_pass(self) -> None:
        rules.require(HOUSE, {"operator"})

    def test_refuses_other_roles_and_names_those_needed(self) -> None:
        with pytest.raises(errors.RoleNotAllowed, match="auditor, operator"):
            rules.require(member_actor(member_id=ME, roles=frozenset({"buyer"})), {"operator", "auditor"})

    def test_refuses_who_has_no_role(self) -> None:
        with pytest.raises(errors.RoleNotAllowed):
            rules.require(member_actor(member_id=ME), {"operator"})


class TestRequireScope:
    def test_refuses_a_scope_that_the_key_lacks(self) -> None:
        rules.require_scope({"orders:read"}, "orders:read")

        with pytest.raises(errors.ScopeMissing, match="orders:write"):
            rules.require_scope({"orders:read"}, "orders:write")


class TestRequireSelf:
    def test_lets_the_member_pass_and_no_stranger(self) -> None:
        rules.require_self(member_actor(member_id=ME), ME, ())

        with pytest.raises(errors.RoleNotAllowed, match="roles house"):
            rules.require_self(member_actor(member_id=OTHER), ME, ())

    def test_nobody_is_the_member_none(self) -> None:
        house_key = member_actor(member_id=ME)

        with pytest.raises(errors.RoleNotAllowed):
            rules.require_self(house_key, None, ())


class TestRequireReset:
    operator = member_actor(member_id=OTHER, roles=frozenset({"operator"}))

    def test_an_operator_helps_buyers(self) -> None:
        rules.require_reset(self.operator, member_id=ME, member_roles={"buyer", "promoter"})

    @pytest.mark.parametrize("office", ["payout_officer", "operator", "reviewer", "auditor"])
    def test_an_operator_does_not_set_the_password_of_an_office(self, office: str) -> None:
        with pytest.raises(errors.RoleNotAllowed):
            rules.require_reset(self.operator, member_id=ME, member_roles={"buyer", office})


class TestNormalEmail:
    @pytest.mark.parametrize(
        ("given_as", "kept"),
        [(" Mei@Shop.EXAMPLE ", "mei@shop.example"), ("用户@例子.example", "用户@例子.example")],
    )
    def test_is_lower_case_without_blanks(self, given_as: str, kept: str) -> None:
        assert rules.normal_email(email=given_as) == kept

    @pytest.mark.parametrize(
        "bad",
        ["", "mei", "mei@", "@shop.example", "a@b@c.example", "a\x00@shop.example", "a" * 1000, "x@\ud800.example"],
    )
    def test_refuses_what_is_no_address(self, bad: str) -> None:
        with pytest.raises(errors.BadEmail):
            rules.normal_email(email=bad)


class TestNormalDisplayName:
    def test_takes_sixty_characters_and_no_more(self) -> None:
        assert rules.normal_display_name(display_name="梅" * 60) == "梅" * 60

        with pytest.raises(errors.BadDisplayName):
            rules.normal_display_name(display_name="梅" * 61)

    @pytest.mark.parametrize("bad", ["", "   ", "a\x00b", "a\nb", "a\u202eb", "\ud800"])
    def test_refuses_empty_and_control_characters(self, bad: str) -> None:
        with pytest.raises(errors.BadDisplayName):
            rules.normal_display_name(display_name=bad)


class TestCheckPasswordLength:
    def test_takes_10_to_200_characters(self) -> None:
        rules.check_password_length(password="x" * 10)
        rules.check_password_length(password="x" * 200)

        with pytest.raises(errors.PasswordTooShort):
            rules.check_password_length(password="x" * 9)
        with pytest.raises(errors.PasswordTooLong):
            rules.check_password_length(password="x" * 201)


class TestCheckPasswordStrength:
    @pytest.mark.parametrize("weak", ["password123", "aaaaaaaaaaaaaaaa", "mei@shop.example", "1234567890"])
    def test_refuses_what_is_easily_guessed_with_a_hint(self, weak: str) -> None:
        about = rules.words_about(email="mei@shop.example", display_name="Mei")

        with pytest.raises(errors.PasswordTooWeak) as caught:
            rules.check_password_strength(password=weak, about=about)

        assert caught.value.details["hint"]

    @pytest.mark.parametrize("good", ["violet harbour crane", "紫罗兰港口起重机之歌", "q7" * 4 + "Zk!pW" + "x" * 180])
    def test_takes_what_is_not(self, good: str) -> None:
        rules.check_password_strength(password=good, about=["mei"])


class TestCheckKey:
    def test_members_make_keys_of_the_roles_they_act_with(self) -> None:
        actor = member_actor(member_id=ME, roles=frozenset({"promoter"}))

        rules.check_key(actor=actor, role="promoter", member_id=ME)
        with pytest.raises(errors.RoleNotAllowed):
            rules.check_key(actor=actor, role="operator", member_id=ME)

    def test_an_operator_makes_keys_of_the_shop_and_not_of_others(self) -> None:
        operator = member_actor(member_id=ME, roles=frozenset({"operator"}))

        rules.check_key(actor=operator, role="auditor", member_id=None)
        with pytest.raises(errors.RoleNotAllowed):
            rules.check_key(actor=operator, role="payout_officer", member_id=OTHER)

    @pytest.mark.parametrize("role", ["buyer", "promoter", "merchant_staff", "payout_officer"])
    def test_some_roles_act_for_a_member_only(self, role: str) -> None:
        with pytest.raises(errors.KeyNeedsMember):
            rules.check_key(actor=HOUSE, role=role, member_id=None)


class TestKeyScopes:
    def test_are_all_of_the_role_unless_asked(self) -> None:
        assert rules.key_scopes(role="auditor", asked=None) == tuple(sorted(SCOPES_BY_ROLE["auditor"]))
        assert rules.key_scopes(role="auditor", asked=["audit:read", "audit:read"]) == ("audit:read",)

    def test_are_never_more_than_the_role_has(self) -> None:
        with pytest.raises(errors.UnknownScope, match="refunds:write"):
            rules.key_scopes(role="buyer", asked=["orders:read", "refunds:write"])
        with pytest.raises(errors.NoScopes):
            rules.key_scopes(role="buyer", asked=[])

    def test_every_role_has_some_and_all_are_known(self) -> None:
        assert set(SCOPES_BY_ROLE) == set(ROLES)
        assert all(scopes and set(scopes) <= set(SCOPES) for scopes in SCOPES_BY_ROLE.values())


class TestTokens:
    @settings(deadline=None)  # a busy machine is no failure
    @given(seed=st.integers(min_value=0))
    def test_never_equal_their_stored_form_and_keys_come_apart_again(self, seed: int) -> None:
        chance = random.Random(seed)
        secret, key_id = new_token(rng=chance), UUID(int=chance.getrandbits(128))
        text = key_text(key_id=key_id, secret=secret)

        assert token_hash(token=secret) != secret.encode()
        assert token_hash(token=secret).hex() not in text
        assert len(secret) == 43
        assert len(token_hash(token=secret)) == 32
        parts = split_key_text(text=text)
        assert parts is not None
        assert parts[1] == secret
        assert len(text) == 4 + 26 + 1 + 43

    @settings(deadline=None)  # a busy machine is no failure
    @given(text=st.text())
    def test_any_text_can_be_hashed_and_split(self, text: str) -> None:
        assert len(token_hash(token=text)) == 32
        assert split_key_text(text=text) is None or len(text) == 74
