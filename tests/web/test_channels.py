"""A promoter keeps accounts and groups by the pages alone, without scripts."""

from __future__ import annotations

import re

from fissile.kernel.ids import public_id
from tests.web.conftest import Shop, field_of, send

ROWS = "network,handle,name,kind\nwechat,lin,Lin,account\nqq,bad\nnowhere,x,X,\ndouyin,dou,Dou,account\n"


class TestChannels:
    async def test_are_imported_changed_by_filter_and_named_by_a_share(self, shop: Shop) -> None:
        browser = await shop.signed_in("promoter")
        at = "/promoter/channels/import"
        checked = await send(browser, page=at, to=at, rows=ROWS)
        assert "is no network that is known here" in checked.text
        loaded = await browser.post(
            at,
            data={"_form": field_of(checked.text, "_form"), "digest": field_of(checked.text, "digest"), "load": "yes"},
        )
        assert "Loaded" in loaded.text

        to = "/promoter/channels/bulk"
        preview = await send(browser, page="/promoter/channels", to=to, which="all", f_network="douyin", state="closed")
        assert "Dou" in preview.text
        hidden = dict(re.findall(r'type="hidden" name="([^"]+)" value="([^"]*)"', preview.text.split("<main")[1]))
        done = await browser.post(to, data=hidden)
        again = await browser.post(to, data=hidden)

        assert (done.status_code, again.status_code) == (303, 409)
        form = (await browser.get(f"/promoter/share/{_product(shop)}?where=lin")).text
        places = re.findall(r'name="place" value="(chn_[^"]+)"', form)
        assert len(places) == 1

    async def test_of_another_promoter_are_not_there(self, shop: Shop) -> None:
        mine, rival = await shop.signed_in("promoter"), await shop.signed_in("rival")
        to = "/promoter/channels/new"
        await send(mine, page=to, to=to, network="wechat", handle="secret", kind="account", state="active")
        path = re.findall(r'href="(/promoter/channels/chn_[^"]+)"', (await mine.get("/promoter/channels")).text)[0]

        assert (await mine.get(path)).status_code == 200
        assert (await rival.get(path)).status_code == 404
        assert "secret" not in (await rival.get("/promoter/channels")).text


def _product(shop: Shop) -> str:
    return public_id("prd", shop.products["tea"])
