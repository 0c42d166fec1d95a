"""Pictures for the fuzzers of the decoders."""

import io
import struct
import zlib

from corpus_files import CORPUS, ENDS, keep
from PIL import Image, ImageCms


def gradient(mode, width, height):
    """A picture whose every pixel differs from its neighbours."""
    image = Image.new("RGB", (width, height))
    image.putdata([(x * 7 % 256, y * 11 % 256, (x * y + 31) % 256)
                   for y in range(height) for x in range(width)])
    if mode.endswith("A"):
        image.putalpha(Image.linear_gradient("L").resize((width, height)))
    return image.convert(mode)


def encoded(image, kind, **options):
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def exif(orientation, big=False, kind=3, count=1):
    """A TIFF block with a foreign tag in front of the orientation."""
    order = ">" if big else "<"
    value = struct.pack(order + ("HH" if kind == 3 else "I"), *((orientation, 0)[: 5 - kind]))
    entries = struct.pack(order + "HHI", 0x010F, 2, 4) + b"oc\0\0"
    entries += struct.pack(order + "HHI", 0x0112, kind, count) + value
    return (b"MM\0*" if big else b"II*\0") + struct.pack(order + "IH", 8, 2) + entries + bytes(4)


def jpegs():
    rgb = gradient("RGB", 40, 30)
    plain = encoded(rgb, "JPEG", quality=40)
    files = {
        "baseline_420": plain,
        "baseline_444": encoded(gradient("RGB", 17, 33), "JPEG", quality=80, subsampling=0),
        "baseline_422": encoded(gradient("RGB", 23, 9), "JPEG", quality=60, subsampling=1),
        "progressive": encoded(rgb, "JPEG", quality=50, progressive=True),
        "progressive_grey": encoded(gradient("L", 19, 21), "JPEG", quality=50, progressive=True),
        "grey": encoded(gradient("L", 16, 16), "JPEG", quality=30),
        "cmyk": encoded(gradient("CMYK", 20, 12), "JPEG", quality=50),
        "cmyk_progressive": encoded(gradient("CMYK", 9, 9), "JPEG", quality=50, progressive=True),
        "restart": encoded(rgb, "JPEG", quality=40, restart_marker_blocks=1),
        "thin": encoded(gradient("RGB", 150, 1), "JPEG", quality=30),
        "too_thin": encoded(gradient("RGB", 1, 250), "JPEG", quality=30),
        "one_pixel": encoded(gradient("L", 1, 1), "JPEG"),
    }
    for orientation, big, kind in [(2, False, 3), (3, True, 3), (6, True, 4), (8, False, 4),
                                   (7, False, 3), (9, True, 3)]:
        block = b"Exif\0\0" + exif(orientation, big, kind)
        files[f"exif_{orientation}"] = encoded(rgb, "JPEG", quality=20, exif=block)
    frame = plain.index(b"\xff\xc0")
    files["cut_in_scan"] = plain[: len(plain) * 3 // 4]
    files["cut_in_header"] = plain[: frame + 6]
    files["no_end"] = plain[:-2]
    files["huge"] = plain[: frame + 5] + b"\xff\xff\xff\xff" + plain[frame + 9:]
    files["zero_height"] = plain[: frame + 5] + b"\0\0" + plain[frame + 7:]
    files["two_frames"] = plain[:frame] + plain[frame: frame + 19] + plain[frame:]
    files["padded_markers"] = plain[:frame] + b"\xff\xff\xff" + plain[frame:]
    files["precision_12"] = plain[: frame + 4] + b"\x0c" + plain[frame + 5:]
    files["arithmetic"] = plain[: frame + 1] + b"\xc9" + plain[frame + 2:]
    files["only_start"] = b"\xff\xd8\xff"
    for index, (name, data) in enumerate(files.items()):
        keep("jpeg", name, data + list(ENDS.values())[index % 2])
    keep("jpeg", "full_size_crops", plain + ENDS["full"])


def chunk(name, data, crc=None):
    crc = zlib.crc32(name + data) if crc is None else crc
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", crc)


def png(width, height, depth, colour, rows, *chunks, interlace=0):
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlace)
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + b"".join(chunks)
            + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


def pngs():
    rgb = gradient("RGB", 40, 30)
    plain = encoded(rgb, "PNG")
    palette = chunk(b"PLTE", bytes(range(12)))
    rows8 = b"".join(bytes([y % 5]) + bytes(range(y, y + 24)) for y in range(8))  # each filter
    files = {
        "rgb": plain,
        "rgba": encoded(gradient("RGBA", 12, 20), "PNG"),
        "grey": encoded(gradient("L", 13, 7), "PNG"),
        "grey_alpha": encoded(gradient("LA", 7, 13), "PNG"),
        "bits_1": encoded(gradient("L", 33, 5).convert("1"), "PNG"),
        "palette_8": encoded(rgb.quantize(200), "PNG"),
        "palette_4": encoded(rgb.quantize(16), "PNG", bits=4),
        "palette_transparent": encoded(rgb.quantize(9), "PNG", transparency=3),
        "exif_5": encoded(gradient("RGB", 9, 4), "PNG", exif=exif(5)),
        "grey_2": png(5, 4, 2, 0, b"\0\x1b\xc0" * 4),
        "grey_16": png(3, 3, 16, 0, b"\0\1\2\3\4\5\6" * 3),
        "grey_alpha_16": png(2, 2, 16, 4, b"\0" + bytes(range(8)) + b"\1" + bytes(range(8))),
        "rgb_16": png(2, 2, 16, 2, b"\2" + bytes(range(12)) + b"\4" + bytes(range(12))),
        "filters": png(8, 8, 8, 2, rows8),
        "palette_2": png(6, 3, 2, 3, b"\0\x1b\xe4" * 3, palette),
        "palette_index_outside": png(6, 3, 4, 3, b"\0\x9f\xe4\xff" * 3, palette),
        # Adam7 of 3 × 3: passes 1, 4, 5, 6 (two rows) and 7; the others are empty.
        "interlaced": png(3, 3, 8, 0, b"\0\1" b"\0\2" b"\0\3\4" b"\0\5\0\6" b"\1\7\x08\t",
                          interlace=1),
        "profile_text": png(2, 1, 8, 0, b"\0\1\2",
                            chunk(b"iCCP", b"x\0\0" + zlib.compress(bytes(500))),
                            chunk(b"zTXt", b"k\0\0" + zlib.compress(b"t" * 3000)),
                            chunk(b"gAMA", struct.pack(">I", 45455)), chunk(b"tRNS", b"\0\1")),
        "exif_behind": plain[:-12] + chunk(b"eXIf", exif(6, big=True)) + plain[-12:],
        "unknown_critical": png(2, 1, 8, 0, b"\0\1\2", chunk(b"XXXX", b"?")),
        "no_palette": png(2, 1, 8, 3, b"\0\1\2"),
        "zero_width": png(0, 1, 8, 0, b"\0"),
        "huge": png(0x7FFFFFFF, 0x7FFFFFFF, 8, 0, b"\0"),
        "wide": png(200, 1, 8, 0, b"\0" + bytes(range(200))),
        "too_thin": png(1, 201, 8, 0, b"\0\7" * 201),
        "too_few_rows": png(4, 4, 8, 0, b"\0\1\2\3\4" * 2),
        "too_many_rows": png(2, 2, 8, 0, b"\0\1\2" * 9),
        "bad_depth": png(2, 1, 3, 0, b"\0\1\2"),
        "bad_crc": png(2, 1, 8, 0, b"\0\1\2", chunk(b"PLTE", bytes(3), crc=1)),
        "cut": plain[: len(plain) // 2],
        "only_signature": plain[:8],
    }
    for index, (name, data) in enumerate(files.items()):
        keep("png", name, data + list(ENDS.values())[index % 2])
    keep("png", "full_size_crops", plain + ENDS["full"])


def webps():
    rgb, rgba = gradient("RGB", 40, 30), gradient("RGBA", 21, 11)
    lossy = encoded(rgb, "WEBP", quality=20)
    lossless = encoded(rgb, "WEBP", lossless=True)
    files = {
        "lossy": lossy,
        "lossy_high": encoded(gradient("RGB", 17, 33), "WEBP", quality=95),
        "lossless": lossless,
        "lossless_palette": encoded(rgb.quantize(4).convert("RGB"), "WEBP", lossless=True),
        "alpha": encoded(rgba, "WEBP", quality=30),
        "alpha_lossless": encoded(rgba, "WEBP", lossless=True, exact=True),
        "exif_8": encoded(gradient("RGB", 8, 5), "WEBP", exif=b"Exif\0\0" + exif(8)),
        "exif_3_big": encoded(rgb, "WEBP", quality=1, exif=exif(3, big=True)),
        "animation": encoded(rgb, "WEBP", save_all=True, append_images=[gradient("RGB", 40, 30)
                                                                        .rotate(180)]),
        "one_pixel": encoded(gradient("RGB", 1, 1), "WEBP"),
        "thin": encoded(gradient("RGB", 190, 1), "WEBP", quality=10),
        "cut_lossy": lossy[: len(lossy) * 2 // 3],
        "cut_lossless": lossless[: len(lossless) // 2],
        "huge": lossy[:26] + b"\xff\x3f\xff\x3f" + lossy[30:],
        "size_lies": lossy[:4] + b"\xf0\xff\xff\xff" + lossy[8:],
        "only_header": lossy[:12],
    }
    for index, (name, data) in enumerate(files.items()):
        keep("webp", name, data + list(ENDS.values())[index % 2])
    keep("webp", "full_size_crops", lossy + ENDS["full"])


def gifs():
    rgb = gradient("RGB", 40, 30)
    two = rgb.quantize(16)
    plain = encoded(two, "GIF", interlace=0)
    files = {
        "plain": plain,
        "interlaced": encoded(two, "GIF", interlace=1),
        "transparent": encoded(two, "GIF", transparency=3),
        "full_palette": encoded(rgb.quantize(256), "GIF"),
        "two_colours": encoded(rgb.convert("1"), "GIF"),
        "animation": encoded(two, "GIF", save_all=True, append_images=[rgb.rotate(180).quantize(16)]),
        "comment": encoded(two, "GIF", comment=b"hello " * 60),
        "frame_outside": plain[:6] + struct.pack("<HH", 3, 2) + plain[10:],
        "one_pixel": encoded(gradient("RGB", 1, 1).quantize(2), "GIF"),
        "cut": plain[: len(plain) * 2 // 3],
        "only_header": plain[:13],
    }
    for index, (name, data) in enumerate(files.items()):
        keep("gif", name, data + list(ENDS.values())[index % 2])
    keep("gif", "full_size_crops", plain + ENDS["full"])


def bmp(width, height, bits, pixels, compression=0, size=40, palette=b"", masks=b""):
    header = struct.pack("<IiiHHIIiiII", size, width, height, 1, bits, compression, 0, 0, 0,
                         len(palette) // 4, 0) + masks
    header += bytes(max(0, size - len(header))) + palette
    return b"BM" + struct.pack("<IHHI", 14 + len(header) + len(pixels), 0, 0, 14 + len(header)) \
        + header + pixels


def bmps():
    rgb = gradient("RGB", 20, 11)
    plain, palette = encoded(rgb, "BMP"), bytes(range(64))
    masks = struct.pack("<4I", 0xFF0000, 0xFF00, 0xFF, 0xFF000000)
    files = {
        "plain": plain,
        "palette": encoded(rgb.quantize(200), "BMP"),
        "one_bit": encoded(rgb.convert("1"), "BMP"),
        "grey": encoded(rgb.convert("L"), "BMP"),
        "alpha": encoded(gradient("RGBA", 9, 7), "BMP"),
        "four_bits": bmp(5, 2, 4, bytes(range(8)), palette=palette),
        "sixteen": bmp(3, -2, 16, bytes(range(16))),
        "masks_565": bmp(2, 1, 16, bytes(4), 3, masks=struct.pack("<3I", 0xF800, 0x7E0, 0x1F)),
        "masks_alpha": bmp(2, 2, 32, bytes(range(16)), 3, 108, masks=masks),
        "runs_8": bmp(5, 3, 8, b"\3\7\2\x09\0\0\0\3\1\2\3\0\0\0\0\2\1\0\2\4\0\1", 1, palette=palette),
        "runs_4": bmp(5, 2, 4, b"\5\x12\0\0\0\5\x34\x56\x70\0\0\1", 2, palette=palette),
        "runs_outside": bmp(5, 2, 8, b"\0\2\xff\xff\x09\1\0\1", 1, palette=palette),
        "os2": b"BM" + struct.pack("<IHHIIHHHH", 38, 0, 0, 32, 12, 1, 1, 1, 1) + bytes(6) + bytes(4),
        "huge": bmp(0x7FFFFFFF, 0x7FFFFFFF, 24, b""),
        "cut": plain[: len(plain) // 2],
    }
    for index, (name, data) in enumerate(files.items()):
        keep("bmp", name, data + list(ENDS.values())[index % 2])
    keep("bmp", "full_size_crops", plain + ENDS["full"])


def heifs():
    for file in sorted((CORPUS.parents[1] / "data/pictures").glob("*.*")):
        if file.suffix in (".heic", ".avif"):
            keep("heif", file.stem + file.suffix.replace(".", "_"), file.read_bytes())
    whole = (CORPUS.parents[1] / "data/pictures/slope.heic").read_bytes()
    files = {
        "cut": whole[:-40], "only_boxes": whole[: whole.index(b"mdat") - 4],
        "huge": whole.replace(struct.pack(">II", 64, 64), struct.pack(">II", 1 << 30, 1 << 30)),
        "another_coder": whole.replace(b"hvc1", b"jpeg"), "no_primary": whole.replace(b"pitm", b"free"),
        "video": whole.replace(b"ftypheic", b"ftypisom"), "only_brands": whole[:28],
        "clap": (CORPUS.parents[1] / "data/pictures/changed.avif").read_bytes().replace(
            struct.pack(">II", 48, 1), struct.pack(">II", 480, 1)),
    }
    for name, data in files.items():
        keep("heif", name, data)


def tiffs():
    def tiff(mode, width=17, height=11, **options):
        image = gradient("RGB", width, height)
        image = image.quantize(16) if mode == "P" else image.convert(mode)
        return encoded(image, "TIFF", **options)

    plain = tiff("RGB")
    icc = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    small = gradient("RGB", 9, 7)
    files = {
        "plain": plain, "cut": plain[:-30], "grey": tiff("L"), "palette": tiff("P"),
        "bilevel": tiff("1"), "cmyk": tiff("CMYK"), "alpha": tiff("RGBA"), "sixteen": tiff("I;16"),
        "grey_alpha": tiff("LA"), "strips": tiff("RGB", tiffinfo={278: 3}),
        "turned": tiff("RGB", tiffinfo={274: 6}), "profile": tiff("RGB", icc_profile=icc[:400]),
        "pages": encoded(small, "TIFF", save_all=True, append_images=[small, small]),
        "only_header": plain[:8], "big": plain.replace(b"II*\0", b"II+\0"),
        "huge": tiff("1", 17, 11).replace(struct.pack("<HHII", 256, 4, 1, 17),
                                          struct.pack("<HHII", 256, 4, 1, 1 << 30)),
    }
    for name in ("tiff_lzw", "packbits", "tiff_adobe_deflate", "jpeg"):
        files[name] = tiff("RGB", compression=name)
    for name in ("tiff_ccitt", "group3", "group4"):
        files[name] = tiff("1", compression=name)
    for name, data in files.items():
        keep("tiff", name, data)


def profiles():
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()

    def curves(space, tags):
        body, table = b"", struct.pack(">I", len(tags))
        at = 128 + 4 + 12 * len(tags)
        for name, data in tags.items():
            data += bytes(-len(data) % 4)
            table += name + struct.pack(">II", at + len(body), len(data))
            body += data
        size = 128 + len(table) + len(body)
        head = struct.pack(">I4sI4s4s4s", size, bytes(4), 0x02100000, b"mntr", space, b"XYZ ")
        head = (head + bytes(12) + b"acsp").ljust(128, b"\0")
        return head + table + body

    def number(x, y, z):
        return b"XYZ " + bytes(4) + struct.pack(">3i", *(round(v * 65536) for v in (x, y, z)))

    gamma = b"curv" + bytes(4) + struct.pack(">IH", 1, 0x0233)
    white = number(0.9642, 1, 0.8249)
    table = b"mft1" + bytes(4) + bytes([4, 3, 2, 0]) + struct.pack(">9i", *([65536, 0, 0, 0] * 3)[:9])
    table += bytes(range(256)) * 4 + bytes(range(48)) + bytes(range(256)) * 3
    swapped = {b"wtpt": white, b"rXYZ": number(0.385, 0.717, 0.097), b"gXYZ": number(0.436, 0.222, 0.014),
               b"bXYZ": number(0.143, 0.061, 0.714), b"rTRC": gamma, b"gTRC": gamma, b"bTRC": gamma}
    files = {
        "srgb": srgb,
        "swapped": curves(b"RGB ", swapped),
        "grey": curves(b"GRAY", {b"wtpt": white, b"kTRC": gamma}),
        "cmyk_table": curves(b"CMYK", {b"wtpt": white, b"A2B0": table}),
        "no_tags": curves(b"RGB ", {}),
        "cut": srgb[: len(srgb) // 2],
    }
    for name, data in files.items():
        keep("profile", name, data)
