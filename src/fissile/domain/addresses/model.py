"""Addresses as values."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

ADDRESSES_MAX = 20  # of one member
# Characters.
LIMITS = {
    "name": 80,
    "phone": 40,
    "email": 200,
    "region": 40,
    "city": 80,
    "street": 240,
    "postcode": 16,
}

# The provinces of China by their codes (ISO 3166-2:CN), as an address form lists them, in pinyin order of the names.
PROVINCES = {
    "CN-AH": "安徽",
    "CN-MO": "澳门",
    "CN-BJ": "北京",
    "CN-CQ": "重庆",
    "CN-FJ": "福建",
    "CN-GS": "甘肃",
    "CN-GD": "广东",
    "CN-GX": "广西",
    "CN-GZ": "贵州",
    "CN-HI": "海南",
    "CN-HE": "河北",
    "CN-HA": "河南",
    "CN-HL": "黑龙江",
    "CN-HB": "湖北",
    "CN-HN": "湖南",
    "CN-JL": "吉林",
    "CN-JS": "江苏",
    "CN-JX": "江西",
    "CN-LN": "辽宁",
    "CN-NM": "内蒙古",
    "CN-NX": "宁夏",
    "CN-QH": "青海",
    "CN-SD": "山东",
    "CN-SX": "山西",
    "CN-SN": "陕西",
    "CN-SH": "上海",
    "CN-SC": "四川",
    "CN-TW": "台湾",
    "CN-TJ": "天津",
    "CN-XZ": "西藏",
    "CN-HK": "香港",
    "CN-XJ": "新疆",
    "CN-YN": "云南",
    "CN-ZJ": "浙江",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """
    Whom to send to and where, as the rules have checked it.

    ``country`` is a code of ISO 3166-1 (two letters). ``region`` is a code of ISO 3166-2 where we know the country's
    (China's provinces), else what the person wrote.
    """

    name: str
    phone: str
    country: str
    region: str
    city: str
    street: str
    postcode: str = ""
    email: str = ""

    @property
    def place(self) -> tuple[str, str]:
        """The country's code and the region's code ("" if the region is no code): what tariffs are found by."""
        known = self.region.upper()
        return self.country, known if known.startswith(f"{self.country}-") else ""

    def written(self) -> str:
        """Return the address as it is written on a parcel: the widest first in China, the narrowest first elsewhere."""
        if self.country == "CN":
            parts = [f"{PROVINCES.get(self.region, self.region)} {self.city}".strip(), self.street, self.postcode]
            return "\n".join(part for part in parts if part)
        town = " ".join(part for part in (self.postcode, self.city) if part)
        parts = [self.street, town, self.region, self.country]
        return "\n".join(part for part in parts if part)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptAddress:
    """An address of somebody's book."""

    id: UUID
    member_id: UUID
    address: Address
    is_default: bool
