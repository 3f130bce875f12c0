"""
Posters: a picture with a QR code that leads to a share, drawn from a template as JPEG, PNG or SVG.

What stands on a poster is given as finished texts in its language; where it stands is data (``templates/*.toml``).
Plain work on bytes that takes milliseconds: callers of the event loop run it in a thread.
"""

from fissile.infra.posters.letters import LettersMissing, Written, written
from fissile.infra.posters.model import KINDS, Poster
from fissile.infra.posters.raster import draw_image, draw_jpeg, draw_png
from fissile.infra.posters.vector import draw_svg

__all__ = [
    "KINDS",
    "LettersMissing",
    "Poster",
    "Written",
    "draw_image",
    "draw_jpeg",
    "draw_png",
    "draw_svg",
    "written",
]
