"""What sending costs, what an address is, what tax a price contains: values in, values out."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fissile.domain.addresses.errors import AddressFieldOdd, AddressIncomplete, PhoneOdd, RegionUnknown
from fissile.domain.addresses.model import Address
from fissile.domain.addresses.rules import check_address
from fissile.domain.orders.rules import tax_contained
from fissile.domain.shipping.errors import (
    AddressNeeded,
    NotShippedThere,
    RegionNeeded,
    ZoneAmountOutOfRange,
    ZoneRegionDoubled,
    ZoneRegionUnknown,
)
from fissile.domain.shipping.model import Terms, Zone
from fissile.domain.shipping.rules import charge, check_terms, parse_regions, zone_price

ID = UUID(int=1)


def terms(*zones: Zone) -> Terms:
    return Terms(
        id=ID,
        merchant_id=ID,
        version=1,
        zones=zones,
        after_sale_days=None,
        made_by=None,
        valid_from=datetime(2026, 1, 1, tzinfo=UTC),
    )


FAR = Zone(regions=("CN-XJ", "CN-XZ"), base_minor=1500, first_grams=1000, step_grams=500, step_minor=400)
CHINA = Zone(regions=("CN",), base_minor=800, free_from_minor=9900)
NOWHERE = Zone(regions=("*",), ships=False)
CHINESE = terms(FAR, CHINA, NOWHERE)


class TestCharge:
    def test_the_narrowest_zone_decides(self) -> None:
        assert charge(terms=CHINESE, place=("CN", "CN-XJ"), weight_grams=900, goods_minor=100).minor == 1500
        assert charge(terms=CHINESE, place=("CN", "CN-ZJ"), weight_grams=900, goods_minor=100).minor == 800

    @pytest.mark.parametrize(("grams", "price"), [(1000, 1500), (1001, 1900), (1500, 1900), (1501, 2300)])
    def test_a_step_is_paid_once_it_is_begun(self, grams: int, price: int) -> None:
        assert charge(terms=CHINESE, place=("CN", "CN-XZ"), weight_grams=grams, goods_minor=100).minor == price

    @pytest.mark.parametrize(("goods", "price"), [(9899, 800), (9900, 0)])
    def test_is_free_from_its_amount_on(self, goods: int, price: int) -> None:
        assert charge(terms=CHINESE, place=("CN", "CN-ZJ"), weight_grams=1, goods_minor=goods).minor == price

    def test_nothing_is_sent_where_no_zone_ships(self) -> None:
        with pytest.raises(NotShippedThere):
            charge(terms=CHINESE, place=("DE", ""), weight_grams=1, goods_minor=100)
        with pytest.raises(NotShippedThere):
            charge(terms=terms(CHINA), place=("DE", ""), weight_grams=1, goods_minor=100)

    def test_a_place_is_asked_for_where_the_price_depends_on_it(self) -> None:
        with pytest.raises(AddressNeeded):
            charge(terms=CHINESE, place=None, weight_grams=1, goods_minor=100)
        with pytest.raises(RegionNeeded):
            charge(terms=CHINESE, place=("CN", ""), weight_grams=1, goods_minor=100)

    def test_digital_goods_and_merchants_without_terms_charge_nothing(self) -> None:
        assert charge(terms=CHINESE, place=None, weight_grams=None, goods_minor=100).minor == 0
        assert charge(terms=None, place=None, weight_grams=5, goods_minor=100).minor == 0

    @given(st.integers(0, 10**7), st.integers(0, 10**7), st.integers(1, 10**5), st.integers(0, 10**5))
    def test_more_weight_never_costs_less(self, grams: int, more: int, step: int, price: int) -> None:
        zone = Zone(regions=("*",), base_minor=100, first_grams=500, step_grams=step, step_minor=price)

        light = zone_price(zone, weight_grams=grams, goods_minor=1)
        heavy = zone_price(zone, weight_grams=grams + more, goods_minor=1)

        assert 100 <= light <= heavy


class TestTerms:
    def test_regions_are_understood_as_people_write_them(self) -> None:
        assert parse_regions("新疆, 西藏自治区、de *") == ("CN-XJ", "CN-XZ", "DE", "*")

    @pytest.mark.parametrize("given_regions", ["CN-QQ", "Germany", "火星"])
    def test_what_is_no_region_is_refused(self, given_regions: str) -> None:
        with pytest.raises(ZoneRegionUnknown):
            parse_regions(given_regions)

    def test_a_region_stands_once_and_a_price_per_weight_has_a_step(self) -> None:
        with pytest.raises(ZoneRegionDoubled):
            check_terms(zones=[CHINA, Zone(regions=("DE", "CN"))], after_sale_days=None)
        with pytest.raises(ZoneAmountOutOfRange):
            check_terms(zones=[Zone(regions=("*",), step_minor=5)], after_sale_days=None)
        with pytest.raises(ZoneAmountOutOfRange):
            check_terms(zones=[Zone(regions=("*",), base_minor=-1)], after_sale_days=None)


class TestTaxContained:
    def test_is_a_part_of_the_gross_price_rounded_half_up(self) -> None:
        assert tax_contained(11_300, rate_ppm=130_000) == 1_300
        assert tax_contained(1, rate_ppm=1_000_000) == 1  # a half
        assert tax_contained(1_250, rate_ppm=0) == 0

    @given(st.integers(0, 10**15), st.integers(0, 10**6))
    def test_is_within_half_a_minor_unit_of_the_exact_part(self, amount: int, rate: int) -> None:
        tax = tax_contained(amount, rate_ppm=rate)

        assert 0 <= tax <= amount
        assert abs(2 * tax * (10**6 + rate) - 2 * amount * rate) <= 10**6 + rate


def address(**changes: str) -> Address:
    fields = {
        "name": "Mei",
        "phone": "138 0013 8000",
        "country": "CN",
        "region": "浙江省",
        "city": "杭州 西湖区",
        "street": "1 号",
    }
    return check_address(**(fields | changes))


class TestCheckAddress:
    def test_is_tidied_and_its_province_known(self) -> None:
        found = address()

        assert (found.phone, found.place) == ("13800138000", ("CN", "CN-ZJ"))
        assert found.written() == "浙江 杭州 西湖区\n1 号"

    @pytest.mark.parametrize("name", ["محمد علي", "👩‍🌾 Anna", "王" * 63])
    def test_names_of_every_script_are_taken(self, name: str) -> None:
        assert address(name=name).name == name

    def test_what_cannot_be_printed_is_refused(self) -> None:
        with pytest.raises(AddressFieldOdd):
            address(name="a\u202eb")

    @pytest.mark.parametrize("phone", ["", "12", "abc", "1380013800", "+"])
    def test_what_is_no_phone_number_is_refused(self, phone: str) -> None:
        with pytest.raises(PhoneOdd):
            address(phone=phone)

    def test_a_chinese_address_has_a_province(self) -> None:
        with pytest.raises(AddressIncomplete):
            address(region="")
        with pytest.raises(RegionUnknown):
            address(region="Bavaria")

    def test_another_country_has_its_regions_as_written(self) -> None:
        found = address(country="de", region="Bayern", phone="+49 89 123456")

        assert (found.country, found.place) == ("DE", ("DE", ""))
