"""
Pictures from outside: limited before they are decoded, turned upright, made small on white.

Everything here is plain work on bytes that takes milliseconds: callers of the event loop run it in a thread.
"""

from __future__ import annotations

import hashlib
import io
import struct
import warnings
import zlib
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageOps, UnidentifiedImageError

from fissile.kernel.errors import Refusal

BYTES_MAX = 20 * 1024 * 1024
PIXELS_MAX = 50_000_000
SIZES = {"page": 960, "card": 480, "thumb": 160}  # at most so many pixels a side
QUALITY = 85
MEDIA_TYPES = {"JPEG": "image/jpeg", "PNG": "image/png", "WEBP": "image/webp", "GIF": "image/gif"}

# Pillow warns above its limit and stops above twice that: told half of ours, it stops by itself where we do,
# also for pictures inside of pictures. Its warning below says nothing then.
Image.MAX_IMAGE_PIXELS = PIXELS_MAX // 2
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)

# What Pillow's decoders raise on damaged files, besides their own classes (all of which are OSErrors).
_DAMAGE = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    LookupError,
    TypeError,
    ArithmeticError,
    struct.error,
    zlib.error,
)


class PictureTooLarge(Refusal):
    """The picture has {bytes} bytes: at most {limit} are taken, make it smaller."""


class PictureTooManyPixels(Refusal):
    """The picture has more than {limit} pixels: make it smaller."""


class PictureUnknown(Refusal):
    """The file is not a picture that is taken here: use JPEG, PNG, WebP or GIF."""


class PictureBroken(Refusal):
    """The picture is damaged or cut off: save it anew."""


class PictureMissing(Refusal):
    """There is no file “{name}” beside the table."""


class PictureOutside(Refusal):
    """“{name}” leads out of the table's folder: pictures are named by their place beside the file."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A picture that may be kept: its original, and small JPEGs by the names of ``SIZES``."""

    sha256: bytes
    media_type: str
    width: int
    height: int
    files: dict[str, bytes]


def picture_path(*, folder: Path, name: str) -> Path:
    """
    Return the file that a table means by ``name``: inside its folder, wherever links lead.

    :raises PictureOutside: for ``..``, an absolute path, or a link that leads out
    :raises PictureMissing: if there is no such file
    """
    shown = name[:100]
    if not name or "\\" in name or "\x00" in name or name.startswith(("/", "~")) or ".." in name.split("/"):
        raise PictureOutside(name=shown)
    base = folder.resolve()
    try:
        path = (base / name).resolve(strict=True)
    except (OSError, RuntimeError, ValueError):
        raise PictureMissing(name=shown) from None
    if not path.is_relative_to(base):
        raise PictureOutside(name=shown)
    if not path.is_file():
        raise PictureMissing(name=shown)
    return path


def read_picture(path: Path) -> bytes:
    """
    Return the bytes of a picture's file; no more than the limit is read.

    :raises PictureTooLarge: if it is larger
    """
    with path.open("rb") as file:
        content = file.read(BYTES_MAX + 1)
    if len(content) > BYTES_MAX:
        raise PictureTooLarge(bytes=path.stat().st_size, limit=BYTES_MAX)
    return content


def size_in(name: str, *, width: int, height: int) -> tuple[int, int]:
    """Return how wide and high a picture is in one of ``SIZES``; a small one is not made larger."""
    scale = min(1.0, SIZES[name] / max(width, height))
    return max(1, round(width * scale)), max(1, round(height * scale))


def digest(content: bytes) -> bytes:
    """Return what a picture is known by: the same bytes are kept once."""
    return hashlib.sha256(content).digest()


def prepare_picture(content: bytes) -> Prepared:
    """
    Return the original with its small JPEGs: turned as EXIF says, the first frame, transparency on white.

    Bytes and pixels are limited before anything is decoded: pixels by the file's header.

    :raises PictureTooLarge: above 20 MB
    :raises PictureTooManyPixels: above 50 million pixels
    :raises PictureUnknown: if it is no JPEG, PNG, WebP or GIF
    :raises PictureBroken: if it cannot be decoded to its end
    """
    if len(content) > BYTES_MAX:
        raise PictureTooLarge(bytes=len(content), limit=BYTES_MAX)
    image = _opened(content)
    with image:
        assert image.format is not None, "an opened file has a format"
        media_type = MEDIA_TYPES[image.format]
        try:
            upright, width, height = _upright(image)
            files = {"original": content} | {name: _small(upright, side) for name, side in SIZES.items()}
        except Image.DecompressionBombError:
            raise PictureTooManyPixels(limit=PIXELS_MAX) from None
        except _DAMAGE:
            raise PictureBroken() from None
    return Prepared(digest(content), media_type, width, height, files)


def _opened(content: bytes) -> Image.Image:
    try:
        image = Image.open(io.BytesIO(content), formats=list(MEDIA_TYPES))
    except Image.DecompressionBombError:
        raise PictureTooManyPixels(limit=PIXELS_MAX) from None
    except UnidentifiedImageError:
        raise PictureUnknown() from None
    except _DAMAGE:
        raise PictureBroken() from None
    if image.width * image.height > PIXELS_MAX:
        image.close()
        raise PictureTooManyPixels(limit=PIXELS_MAX)
    return image


def _upright(image: Image.Image) -> tuple[Image.Image, int, int]:
    """Return the first frame, small enough to work with, and the size of the whole when upright."""
    turned = image.getexif().get(0x0112, 1) in (5, 6, 7, 8)
    width, height = (image.height, image.width) if turned else (image.width, image.height)
    # A JPEG can be decoded at an eighth; twice the largest size leaves nothing to see.
    image.draft("RGB", (2 * SIZES["page"], 2 * SIZES["page"]))
    image.load()
    if image.mode in ("L", "LA", "RGB", "RGBA") and "transparency" not in image.info:
        # Made smaller before anything else copies it: 50 million pixels are 200 MB each time.
        image.thumbnail((2 * SIZES["page"], 2 * SIZES["page"]))
    upright = ImageOps.exif_transpose(image)
    if upright.mode.startswith("I"):  # 16 bits a pixel, which Pillow would clip instead of scale
        upright = upright.convert("I").point(lambda value: value / 256).convert("L")
    if upright.has_transparency_data:
        layered = upright.convert("RGBA")
        white = Image.new("RGBA", layered.size, "white")
        white.alpha_composite(layered)
        upright = white
    return upright.convert("RGB"), width, height


def _small(image: Image.Image, side: int) -> bytes:
    small = image.copy()
    small.thumbnail((side, side), Image.Resampling.LANCZOS)
    out = io.BytesIO()
    small.save(out, "JPEG", quality=QUALITY, optimize=True)
    return out.getvalue()
