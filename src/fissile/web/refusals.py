"""What every refusal means: the page that each problem of the API points to."""

from __future__ import annotations

from litestar import Response, get

from fissile.api.problems import status_of
from fissile.kernel.errors import refusal_classes
from fissile.web.asker import PageRequest, asker_of
from fissile.web.page import page


@get("/docs/errors")
async def refusals(request: PageRequest) -> Response[str]:
    """Every refusal with its code, its status and its sentence."""
    asker = asker_of(request)
    told = [(one.code, status_of(one.code), asker.words.say(one.template())) for one in refusal_classes()]
    return page(asker, "refusals.html", refusals=told)


HANDLERS = (refusals,)
