"""Pictures from outside: limited, checked, made small; their paths stay in the folder."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import pytest
from PIL import Image
from sqlalchemy import text

from fissile.domain.catalogue import queries
from fissile.infra import pictures
from fissile.infra.database import Database
from fissile.infra.pictures import (
    PictureBroken,
    PictureMissing,
    PictureOutside,
    PictureTooLarge,
    PictureTooManyPixels,
    PictureUnknown,
    picture_path,
    prepare_picture,
)
from tests.catalogue.conftest import DEMO, Load


def encoded(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def opened(content: bytes) -> Image.Image:
    return Image.open(io.BytesIO(content))


def png_bomb(width: int, height: int) -> bytes:
    """A PNG of some hundred bytes whose header promises any size."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0" * 500)) + chunk(b"IEND", b"")
    )


class TestPreparePicture:
    def test_makes_three_sizes_and_keeps_the_original(self) -> None:
        content = encoded(Image.new("RGB", (2000, 1000), "red"))

        made = prepare_picture(content)

        assert (made.width, made.height, made.media_type) == (2000, 1000, "image/png")
        assert made.files["original"] == content
        small = [opened(made.files[name]) for name in ("page", "card", "thumb")]
        assert [one.size for one in small] == [(960, 480), (480, 240), (160, 80)]
        assert {one.format for one in small} == {"JPEG"}

    def test_enlarges_nothing(self) -> None:
        assert opened(prepare_picture(encoded(Image.new("L", (30, 20)))).files["page"]).size == (30, 20)

    def test_turns_as_the_camera_was_held(self) -> None:
        image = Image.new("RGB", (200, 100), "blue")
        image.paste("red", (0, 0, 100, 100))
        exif = Image.Exif()
        exif[0x0112] = 6  # the camera was turned: what is left in the file is on top

        made = prepare_picture(encoded(image, "JPEG", exif=exif, quality=95))

        page = opened(made.files["page"])
        assert (made.width, made.height, page.size) == (100, 200, (100, 200))
        top, bottom = page.getpixel((50, 20)), page.getpixel((50, 180))
        assert isinstance(top, tuple)
        assert isinstance(bottom, tuple)
        assert (top[0] > 200, bottom[2] > 200) == (True, True)

    @pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
    def test_puts_what_is_transparent_on_white(self, mode: str) -> None:
        image = Image.new("RGBA", (50, 50), (0, 0, 0, 0)).convert(mode)
        content = encoded(image, "PNG", **({"transparency": 0} if mode == "P" else {}))

        page = opened(prepare_picture(content).files["page"]).convert("RGB")

        assert page.getpixel((25, 25)) == (255, 255, 255)

    @pytest.mark.parametrize(("kind", "mode"), [("JPEG", "CMYK"), ("PNG", "I;16"), ("PNG", "1"), ("WEBP", "RGBA")])
    def test_takes_every_mode(self, kind: str, mode: str) -> None:
        assert opened(prepare_picture(encoded(Image.new(mode, (40, 40)), kind)).files["thumb"]).size == (40, 40)

    def test_takes_the_first_frame(self) -> None:
        frames = [Image.new("RGB", (20, 20), colour) for colour in ("white", "black")]
        content = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])

        assert opened(prepare_picture(content).files["page"]).convert("L").getpixel((5, 5)) == 255

    @pytest.mark.parametrize("size", [(8000, 8000), (20_000, 20_000), (2**31 - 1, 2**31 - 1), (50_000_001, 1)])
    def test_refuses_a_bomb_by_its_header(self, size: tuple[int, int]) -> None:
        with pytest.raises(PictureTooManyPixels):
            prepare_picture(png_bomb(*size))

    def test_takes_as_many_pixels_as_are_allowed_no_matter_how_they_lie(self) -> None:
        assert prepare_picture(encoded(Image.new("1", (50_000, 10)))).width == 50_000

    def test_refuses_too_many_bytes_before_reading_them(self) -> None:
        with pytest.raises(PictureTooLarge):
            prepare_picture(b"\xff\xd8" + b"\0" * pictures.BYTES_MAX)

    @pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF"])
    @pytest.mark.parametrize("kept", [0.02, 0.3, 0.7, 0.95])
    def test_refuses_what_is_cut_off(self, kind: str, kept: float) -> None:
        noise = Image.effect_noise((300, 300), 90).convert("RGB")
        content = encoded(noise, kind)

        with pytest.raises((PictureBroken, PictureUnknown)):
            prepare_picture(content[: int(len(content) * kept)])

    @pytest.mark.parametrize("content", [b"", b"\0", b"<svg/>", b"II*\0" + b"\0" * 50, b"BM" * 60])
    def test_refuses_what_is_no_picture_of_ours(self, content: bytes) -> None:
        with pytest.raises((PictureUnknown, PictureBroken)):
            prepare_picture(content)


class TestPicturePath:
    @pytest.mark.parametrize("name", ["../x.jpg", "/etc/passwd", "a/../../x", "..", "~/x", "a\\..\\x", "\0", ""])
    def test_refuses_to_leave_the_folder(self, tmp_path: Path, name: str) -> None:
        with pytest.raises(PictureOutside):
            picture_path(folder=tmp_path, name=name)

    def test_refuses_a_link_that_leads_out(self, tmp_path: Path) -> None:
        (tmp_path / "in").mkdir()
        (tmp_path / "secret.jpg").write_bytes(b"x")
        (tmp_path / "in/link.jpg").symlink_to(tmp_path / "secret.jpg")
        (tmp_path / "in/folder").symlink_to(tmp_path)

        for name in ("link.jpg", "folder/secret.jpg"):
            with pytest.raises(PictureOutside):
                picture_path(folder=tmp_path / "in", name=name)

    @pytest.mark.parametrize("name", ["none.jpg", "x" * 300, "folder"])
    def test_tells_what_is_not_there(self, tmp_path: Path, name: str) -> None:
        (tmp_path / "folder").mkdir()

        with pytest.raises(PictureMissing):
            picture_path(folder=tmp_path, name=name)


class TestPicturesOfAnImport:
    async def test_that_cannot_be_taken_are_told_and_the_rows_loaded(
        self, db: Database, load: Load, tmp_path: Path
    ) -> None:
        good = encoded(Image.new("RGB", (500, 400), "green"), "JPEG")
        (tmp_path / "good.jpg").write_bytes(good)
        (tmp_path / "same.jpg").write_bytes(good)
        (tmp_path / "bomb.png").write_bytes(png_bomb(30_000, 30_000))
        (tmp_path / "cut.jpg").write_bytes(good[: len(good) // 2])
        rows = "".join(f"{name},Cup,1,{name}\n" for name in ("bomb.png", "cut.jpg", "none.jpg", "../goods.csv"))

        report = await load(f"sku,title,price,pictures\nA,Cup,1,good.jpg same.jpg\n{rows}")

        assert (report.loaded, report.rejected) == (5, 0)
        assert [(one.line, one.column) for one in report.errors] == [(line, "pictures") for line in (3, 4, 5, 6)]
        assert [one.reason.split(":")[0] for one in report.errors] == [
            "bomb.png",
            "cut.jpg",
            "none.jpg",
            "../goods.csv",
        ]
        linked = await db.all(text("SELECT picture_id FROM product_pictures"))
        assert len(linked) == 1  # the same bytes twice are one picture

    async def test_stay_when_their_files_are_gone(self, db: Database, load: Load, tmp_path: Path) -> None:
        (tmp_path / "good.jpg").write_bytes(encoded(Image.new("RGB", (5, 5)), "JPEG"))
        given = "sku,title,price,pictures\nA,Cup,1,good.jpg\n"
        await load(given)
        (tmp_path / "good.jpg").unlink()

        report = await load(given)

        assert (report.unchanged, len(report.errors)) == (1, 1)
        assert len(await db.all(text("SELECT 1 FROM product_pictures"))) == 1

    async def test_are_served_in_their_sizes(self, db: Database, load: Load) -> None:
        await load(DEMO / "catalogue_en", map_name="catalogue-en")

        async with db.reading() as connection:
            found = await queries.search_products(connection, text="White Plimsolls")
            page = await queries.product_page(connection, product_id=found.items[0].product_id)
            assert page is not None
            thumb = await queries.picture_file(connection, picture_id=page.pictures[0].picture_id, size="thumb")
            none = await queries.picture_file(connection, picture_id=page.product_id, size="thumb")

        assert len(page.pictures) == 4
        assert thumb is not None
        assert max(opened(thumb.content).size) == 160
        assert none is None
