"""The pixels of pictures, compared with Pillow's (requirements.txt names its version)."""

import random
import subprocess

import pytest
from PIL import Image, ImageChops, ImageCms, ImageOps, ImageStat

from conftest import BIN, ROOT

SIZES = [(37, 23), (64, 64), (1, 1), (5, 40)]
AS_REFERENCE = ["--background", "drop", "--colour-profiles", "ignore"]


def noise(mode, size, rnd):
    samples = len(Image.new(mode, (1, 1)).tobytes())
    return Image.frombytes(mode, size, rnd.randbytes(size[0] * size[1] * samples))


def black_and_white(size, rnd):
    return noise("L", size, rnd).convert("1")


def exif(orientation):
    out = Image.Exif()
    out[0x112] = orientation
    return out


def jpegs(size, rnd):
    for mode in ("L", "RGB", "CMYK"):
        yield f"{mode}.jpg", noise(mode, size, rnd), {}
    for orientation in range(1, 9):
        more = {"exif": exif(orientation)}
        yield f"{orientation}.jpg", noise("RGB", size, rnd), more
        yield f"{orientation}_progressive.jpg", noise("L", size, rnd), {"progressive": True, **more}


def pngs(size, rnd):
    yield "1.png", black_and_white(size, rnd), {}
    for mode in ("L", "LA", "RGB", "RGBA"):
        yield f"{mode}.png", noise(mode, size, rnd), {}
    yield "RGB_clear.png", noise("RGB", size, rnd), {"transparency": (1, 2, 3)}
    yield "L_clear.png", noise("L", size, rnd), {"transparency": 100}
    for colours in (2, 4, 16, 200):
        palette = noise("RGB", size, rnd).quantize(colours)
        yield f"P{colours}.png", palette, {}
        yield f"P{colours}_clear.png", palette, {"transparency": 1}
        yield f"P{colours}_alphas.png", palette, {"transparency": rnd.randbytes(colours)}


def webps(size, rnd):
    for mode in ("RGB", "RGBA"):
        yield f"{mode}.webp", noise(mode, size, rnd), {"lossless": True, "exact": True}
    yield "lossy.webp", noise("RGB", size, rnd), {"quality": 60}


def gifs(size, rnd):
    for colours in (2, 4, 16, 200):
        palette = noise("RGB", size, rnd).quantize(colours)
        yield f"{colours}.gif", palette, {}
        yield f"{colours}_interlaced.gif", palette, {"interlace": 1}
        yield f"{colours}_clear.gif", palette, {"transparency": 1}


def bmps(size, rnd):
    yield "1.bmp", black_and_white(size, rnd), {}
    for mode in ("L", "RGB", "RGBA"):
        yield f"{mode}.bmp", noise(mode, size, rnd), {}
    for colours in (2, 16, 200):
        yield f"P{colours}.bmp", noise("RGB", size, rnd).quantize(colours), {}


def tiffs(size, rnd):
    yield "1.tif", black_and_white(size, rnd), {"compression": "packbits"}
    for mode in ("L", "RGB", "RGBA", "CMYK"):
        for compression in (None, "packbits", "tiff_lzw", "tiff_deflate"):
            yield f"{mode}_{compression}.tif", noise(mode, size, rnd), {"compression": compression}
    yield "P.tif", noise("RGB", size, rnd).quantize(200), {}


def read(path, out, *options):
    done = subprocess.run([BIN, "see", path, "--picture", out, *options], capture_output=True, text=True)
    # The smallest are too thin for the model, which is told once the picture is read.
    assert out.exists(), done.stderr
    return Image.open(out)


def by_pillow(path):
    return ImageOps.exif_transpose(Image.open(path))


def over_white(image):
    if image.has_transparency_data:
        image = image.convert("RGBA")
        ground = Image.new("RGB", image.size, "white")
        ground.paste(image, mask=image.getchannel("A"))
        return ground
    return image.convert("RGB")


@pytest.mark.parametrize("draw", [jpegs, pngs, webps, gifs, bmps, tiffs])
def test_every_pixel_is_pillows(tmp_path, draw):
    rnd = random.Random(draw.__name__)
    compared = 0
    for size in SIZES:
        for name, image, options in draw(size, rnd):
            path, out = tmp_path / f"{size[0]}_{name}", tmp_path / "out.png"
            image.save(path, **options)
            for settings, wanted in ((AS_REFERENCE, by_pillow(path).convert("RGB")), ([], over_white(by_pillow(path)))):
                out.unlink(missing_ok=True)
                ours = read(path, out, *settings)
                assert ours.size == wanted.size and ours.tobytes() == wanted.tobytes(), (path.name, settings)
                compared += 1
    assert compared >= 24


def differences(a, b):
    """The mean over all samples, and the largest."""
    stat = ImageStat.Stat(ImageChops.difference(a.convert("RGB"), b.convert("RGB")))
    return sum(stat.mean) / 3, max(high for _, high in stat.extrema)


def photo():
    return Image.open(ROOT / "examples/mixed.jpg").convert("RGB").crop((0, 0, 301, 203))


@pytest.mark.parametrize("subsampling", ["4:2:0", "4:2:2", "4:4:4"])
def test_avif_is_near_to_pillows(tmp_path, subsampling):
    path = tmp_path / "photo.avif"
    photo().save(path, quality=80, subsampling=subsampling)
    mean, largest = differences(read(path, tmp_path / "out.png"), by_pillow(path))
    assert mean <= 1 and largest <= 8, (mean, largest)


def test_a_tiff_without_all_of_its_profile_is_refused(tmp_path):
    profile = Image.open(ROOT / "tests/data/picture-cases/phone_display_p3.jpg").info["icc_profile"]
    whole, cut, out = tmp_path / "whole.tif", tmp_path / "cut.tif", tmp_path / "out.png"
    photo().save(whole, icc_profile=profile, compression="tiff_lzw")  # Pillow writes it last
    cut.write_bytes(whole.read_bytes()[:-10])
    done = subprocess.run([BIN, "see", cut, "--picture", out], capture_output=True, text=True)
    assert done.returncode == 1 and "damaged or cut off" in done.stderr and not out.exists()
    assert read(whole, out).size == photo().size


# Red and green change places: nobody could miss it.
@pytest.mark.parametrize("kind", ["jpg", "png", "webp", "tif"])
def test_profiles_are_converted_as_lcms_does(tmp_path, kind):
    srgb = ImageCms.createProfile("sRGB")
    for file in sorted((ROOT / "tests/data/picture-cases").glob("*_p3.jpg")) + sorted(
            (ROOT / "tests/data/picture-cases").glob("icc_*.png")):
        profile = Image.open(file).info["icc_profile"]
        path, out = tmp_path / f"photo.{kind}", tmp_path / "out.png"
        photo().save(path, icc_profile=profile, **({"lossless": True} if kind == "webp" else {}))
        out.unlink(missing_ok=True)
        with (tmp_path / "profile.icc").open("wb") as kept:
            kept.write(profile)
        wanted = ImageCms.profileToProfile(by_pillow(path).convert("RGB"), str(tmp_path / "profile.icc"), srgb,
                                           renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC)
        mean, largest = differences(read(path, out), wanted)
        assert mean <= 1 and largest <= 8, (file.name, mean, largest)
        assert differences(read(path, out, *AS_REFERENCE), by_pillow(path)) == (0, 0)
