"""Draws the HEIC and AVIF files of the tests anew: a slope of colours, stored in each way that is read
differently. Their boxes are put together here, so that there is one of each kind in a known place.

    python tests/data/pictures/make.py      (needs Pillow with AVIF, pillow-heif)
"""

import io
import pathlib
import struct

import PIL
import pillow_heif
from PIL import Image

HERE = pathlib.Path(__file__).parent
pillow_heif.register_heif_opener()


def slope(width, height, left=0, top=0, whole=None):
    """smooth_image() of tests/image/fixtures.h, or a part of one."""
    w, h = whole or (width, height)
    image = Image.new("RGB", (width, height))
    image.putdata([(40 + 150 * (x + left) // w, 60 + 120 * (y + top) // h, 200 - 90 * (x + left) // w)
                   for y in range(height) for x in range(width)])
    return image


def encoded(image, kind, **options):
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def boxes(data):
    at = 0
    while at < len(data):
        size, name = struct.unpack_from(">I4s", data, at)
        yield name, data[at + 8 : at + size], data[at : at + size]
        at += size


def parts(file):
    """Of a file with one coded picture: the properties that the decoder needs, and its data."""
    top = {name: data for name, data, _ in boxes(file)}
    meta = {name: data for name, data, _ in boxes(top[b"meta"][4:])}
    ipco = next(data for name, data, _ in boxes(meta[b"iprp"]) if name == b"ipco")
    keep = [whole for name, _, whole in boxes(ipco) if name in (b"hvcC", b"av1C", b"ispe")]
    return keep, top[b"mdat"]


def box(name, *data):
    body = b"".join(data)
    return struct.pack(">I4s", len(body) + 8, name) + body


def full(name, version, flags, *data):
    return box(name, struct.pack(">I", version << 24 | flags), *data)


def ispe(width, height):
    return full(b"ispe", 0, 0, struct.pack(">II", width, height))


def nclx(primaries, transfer, matrix, full_range):
    return box(b"colr", b"nclx", struct.pack(">HHHB", primaries, transfer, matrix, full_range << 7))


def heif(brands, items, references=(), primary=1):
    """items: (type, data, properties), numbered from 1. references: (type, from, [to])."""
    ftyp = box(b"ftyp", brands[0], bytes(4), *brands)
    properties = []
    ipma = struct.pack(">I", len(items))
    for number, (_, _, own) in enumerate(items, 1):
        ipma += struct.pack(">HB", number, len(own))
        for one in own:
            if one not in properties:
                properties.append(one)
            ipma += bytes([0x80 | properties.index(one) + 1])
    infe = b"".join(full(b"infe", 2, 0, struct.pack(">HH", n, 0), kind, b"\0")
                    for n, (kind, _, _) in enumerate(items, 1))
    iref = b"".join(box(kind, struct.pack(f">HH{len(to)}H", of, len(to), *to))
                    for kind, of, to in references)

    def meta(offset):
        iloc = struct.pack(">HH", 0x4400, len(items))
        for number, (_, data, _) in enumerate(items, 1):
            iloc += struct.pack(">HHHII", number, 0, 1, offset, len(data))
            offset += len(data)
        return full(b"meta", 0, 0,
                    full(b"hdlr", 0, 0, bytes(4), b"pict", bytes(13)),
                    full(b"pitm", 0, 0, struct.pack(">H", primary)),
                    full(b"iinf", 0, 0, struct.pack(">H", len(items)), infe),
                    full(b"iloc", 0, 0, iloc),
                    full(b"iref", 0, 0, iref) if iref else b"",
                    box(b"iprp", box(b"ipco", *properties), full(b"ipma", 0, 0, ipma)))

    head = len(ftyp) + len(meta(0)) + 8
    return ftyp + meta(head) + box(b"mdat", *(data for _, data, _ in items))


def clap(width, height, x, y):
    """Of even differences: how far the middle lies from the picture's, in whole pixels."""
    return box(b"clap", struct.pack(">IIIIiIiI", width, 1, height, 1, x, 1, y, 1))


def grid(rows, columns, width, height):
    return struct.pack(">BBBBHH", 0, 0, rows - 1, columns - 1, width, height)


def main():
    files = {}
    coders = {"heic": (b"hvc1", [b"heic", b"mif1"], "HEIF", {"quality": 90, "chroma": "420"}),
              "avif": (b"av01", [b"mif1", b"avif", b"miaf"], "AVIF",
                       {"quality": 90, "subsampling": "4:2:0", "speed": 4})}
    for suffix, (kind, brands, coder, options) in coders.items():
        srgb = nclx(1, 13, 6, True)
        keep, data = parts(encoded(slope(64, 64), coder, **options))
        # Each property that the tests change; 48x40 of it are shown, 4 and 2 off the middle.
        changes = [clap(48, 40, 4, 2), box(b"irot", b"\0"), box(b"imir", b"\0")]
        files[f"slope.{suffix}"] = heif(brands, [(kind, data, [*keep, srgb])])
        files[f"changed.{suffix}"] = heif(brands, [(kind, data, [*keep, srgb, *changes])])
        files[f"p3.{suffix}"] = heif(brands, [(kind, data, [*keep, nclx(12, 13, 6, True)])])
        # Four tiles of 64x64, of which 100x90 are the picture; each has even sizes.
        tiles = []
        for top in (0, 64):
            for left in (0, 64):
                part = encoded(slope(64, 64, left, top, (100, 90)), coder, **options)
                own, data_of_tile = parts(part)
                tiles.append((kind, data_of_tile, [*own, srgb]))
        files[f"grid.{suffix}"] = heif(
            brands, [(b"grid", grid(2, 2, 100, 90), [ispe(100, 90)]), *tiles],
            [(b"dimg", 1, [2, 3, 4, 5])])
        alpha = slope(64, 64).convert("L")
        alpha.putdata([255 - 255 * x // 63 for _ in range(64) for x in range(64)])
        grey = {"quality": 90} if suffix == "heic" else {**options, "subsampling": "4:0:0"}
        alpha_keep, alpha_data = parts(encoded(alpha, coder, **grey))
        auxc = full(b"auxC", 0, 0, b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha\0")
        files[f"alpha.{suffix}"] = heif(
            brands, [(kind, data, [*keep, srgb]), (kind, alpha_data, [*alpha_keep, auxc])],
            [(b"auxl", 2, [1])])
        files[f"grey.{suffix}"] = heif(brands, [(kind, alpha_data, [*alpha_keep, srgb])])
    files["animation.avif"] = encoded(slope(64, 64), "AVIF", save_all=True, quality=80,
                                      append_images=[Image.new("RGB", (64, 64), "red")])
    for name, data in files.items():
        (HERE / name).write_bytes(data)
        print(name, len(data))


if __name__ == "__main__":
    print("Pillow", PIL.__version__, "pillow-heif", pillow_heif.__version__)
    main()
