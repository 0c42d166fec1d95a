"""Draws the kept corpus of the fuzzers anew: small valid inputs, and broken ones of each kind that
the readers tell apart. What a fuzzer found stands beside them under names that begin with found_.

    python tests/fuzz/make_corpus.py      (needs Pillow)
"""

import base64
import gzip
import io
import json
import pathlib
import struct
import zlib

import PIL
from PIL import Image, ImageCms

CORPUS = pathlib.Path(__file__).parent / "corpus"
ENDS = {"1": b"\x00", "4": b"\x01", "full": b"\x07"}  # last byte: crops, and their size


def keep(target, name, data):
    folder = CORPUS / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(data.encode() if isinstance(data, str) else data)


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


def stored_answers():
    """Values of the shared response cache without their envelope, as src/runtime/cache/response_codec.cpp
    has them."""

    def text(data):
        return struct.pack("<Q", len(data)) + data

    def token(data, control, logprob):
        return text(data) + struct.pack("<Bd", control, logprob)

    def answer(said, tokens=b"", count=0, stop=None):
        out = text(said) + struct.pack("<Qii", 2, 5, 4) + bytes([stop is not None, 0])
        out += (b"\1" + text(stop) if stop is not None else b"\0") + b"\1" + struct.pack("<i", 306)
        return out + b"\0" + struct.pack("<QQ", 7, count) + tokens

    def whole(first, more=(), scores=()):
        out = first + struct.pack("<Q", len(more)) + b"".join(more)
        out += struct.pack("<Q", len(scores)) + b"".join(scores)
        return out + struct.pack("<6q", 800, 757, 799, 4, 3, 2)

    top = struct.pack("<Q", 1) + token(b"a", 0, -0.25)
    tokens = token(b"\xe2\x97", 0, -0.5) + top + token(b"", 1, -1.5) + struct.pack("<Q", 0)
    score = text(b"yes") + struct.pack("<3dq", -0.5, -0.25, 0.75, 2)
    good = whole(answer("drei Kreise ○".encode(), tokens, 2, b"\n"), [answer(b"two")], [score])
    files = {
        "plain": whole(answer(b"hello")),
        "everything": good,
        "cut": good[:-20],
        "no_text": whole(answer(b"\xff")),
        "long_list": whole(answer(b"hello", b"", 1 << 60)),
        "not_a_number": whole(answer(b"hi", token(b"a", 0, float("nan")) + bytes(8), 1)),
    }
    for name, data in files.items():
        keep("stored_answer", name, data)


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


def safetensors(header, data=b"", length=None, claim=None):
    text = header.encode() if isinstance(header, str) else json.dumps(header).encode()
    file = struct.pack("<Q", len(text) if length is None else length) + text + data
    return file if claim is None else file + struct.pack("<Q", claim)


def tensor(dtype, shape, begin, end):
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


def tensor_files():
    byte, pair = tensor("I8", [1], 0, 1), tensor("I8", [2], 0, 2)
    two = {"a": tensor("F32", [2, 3], 0, 24), "b.weight": tensor("BF16", [4], 24, 32)}
    files = {
        "two": safetensors(two, bytes(range(32))),
        "metadata": safetensors({"__metadata__": {"format": "pt"}, **two}, bytes(32)),
        "metadata_numbers": safetensors({"__metadata__": {"format": 1}, **two}, bytes(32)),
        "none": safetensors({}),
        "scalar": safetensors({"s": tensor("U8", [], 0, 1)}, b"\7"),
        "empty_tensors": safetensors({"e": tensor("F64", [0, 5], 0, 0),
                                      "f": tensor("I8", [3, 0], 0, 0)}),
        "all_types": safetensors(
            {name: tensor(name, [1], at, at + size) for name, at, size in
             [("F64", 0, 8), ("I64", 8, 8), ("U64", 16, 8), ("F32", 24, 4), ("I32", 28, 4),
              ("U32", 32, 4), ("F16", 36, 2), ("BF16", 38, 2), ("I16", 40, 2), ("U16", 42, 2),
              ("I8", 44, 1), ("U8", 45, 1), ("BOOL", 46, 1)]}, bytes(47)),
        "padded": safetensors(json.dumps(two) + "   ", bytes(32)),
        "escapes": safetensors(r'{"é\"\\:\u0041":' + json.dumps(byte) + "}", b"x"),
        "unknown_type": safetensors({"a": tensor("F8_E4M3", [1], 0, 1)}, b"x"),
        "hole": safetensors({"a": byte, "b": tensor("I8", [1], 2, 3)}, b"xyz"),
        "overlap": safetensors({"a": pair, "b": tensor("I8", [2], 1, 3)}, b"xyz"),
        "short": safetensors(two, bytes(31)),
        "long": safetensors(two, bytes(33)),
        "wrong_bytes": safetensors({"a": tensor("F32", [2], 0, 7)}, bytes(7)),
        "backwards": safetensors({"a": tensor("F32", [2], 8, 0)}, bytes(8)),
        "negative": safetensors({"a": tensor("F32", [-2], 0, 8)}, bytes(8)),
        "fraction": safetensors({"a": tensor("F32", [2.0], 0, 8)}, bytes(8)),
        "rank_9": safetensors({"a": tensor("I8", [1] * 9, 0, 1)}, b"x"),
        "overflow": safetensors({"a": tensor("F32", [1 << 62, 1 << 62], 0, 8)}, bytes(8)),
        "overflow_bytes": safetensors({"a": tensor("F64", [1 << 61], 0, 0)}),
        "twice": safetensors('{"a":%s,"a":%s}' % ((json.dumps(byte),) * 2), b"x"),
        "field_twice": safetensors('{"a":{"dtype":"I8","dtype":"U8","shape":[1],'
                                   '"data_offsets":[0,1]}}', b"x"),
        "not_an_object": safetensors("[1,2]"),
        "no_fields": safetensors({"a": {}, "b": 3}),
        "deep": safetensors("[" * 40),
        "not_json": safetensors("{a:1}"),
        "length_past_end": safetensors(two, bytes(32), length=10_000),
        "length_huge": safetensors(two, bytes(32), length=(1 << 64) - 1),
        "seven_bytes": bytes(7),
        "claim_all_ones": safetensors(two, claim=(1 << 64) - 1),
    }
    large = json.dumps({"a": tensor("F32", [1 << 20, 1 << 20], 0, 4 << 40)})
    files["large_claimed"] = safetensors(large, claim=(4 << 40) + 8 + len(large))
    for name, data in files.items():
        keep("safetensors", name, data)


def configs():
    model = {"model_type": "phi3_v", "hidden_size": 64, "num_hidden_layers": 2,
             "num_attention_heads": 4, "num_key_value_heads": 2, "intermediate_size": 128,
             "vocab_size": 300, "rms_norm_eps": 1e-5, "rope_theta": 10000.0,
             "max_position_embeddings": 4096, "original_max_position_embeddings": 2048,
             "eos_token_id": 2, "rope_scaling": {"type": "su", "short_factor": [1.0] * 8,
                                                 "long_factor": [1.5] * 8},
             "vision_config": {"hidden_size": 32, "num_hidden_layers": 3, "num_attention_heads": 4,
                               "intermediate_size": 64, "image_size": 56, "patch_size": 14}}
    picture = {"num_crops": 4, "image_mean": [0.48, 0.45, 0.4], "image_std": [0.26, 0.26, 0.27]}
    least = {key: value for key, value in model.items()
             if not isinstance(value, dict) and not key.startswith("original")}
    long = {**model["rope_scaling"], "type": "longrope"}
    texts = {
        "whole": [model, picture, {"eos_token_id": [32007, 32001, 32000]}],
        "model_only": [model],
        "least": [least],
        "longrope": [{**model, "rope_scaling": long}, picture],
        "nulls": [{**model, "rope_scaling": None, "vision_config": None}, {"image_mean": None}],
        "other_type": [{**model, "model_type": "llava"}],
        "other_rope": [{**model, "rope_scaling": {"type": "yarn"}}],
        "short_factors": [{**model, "rope_scaling": {**long, "short_factor": [1.0]}}],
        "factor_zero": [{**model, "rope_scaling": {**long, "long_factor": [0.0] * 8}}],
        "odd_heads": [{**model, "num_attention_heads": 5}],
        "odd_patches": [{**model, "vision_config": {"image_size": 57, "patch_size": 14}}],
        "large": [{**model, "vision_config": {"image_size": 4096, "patch_size": 1}},
                  {"num_crops": 64}],
        "crops_0": [model, {"num_crops": 0}],
        "std_zero": [model, {"image_std": [0.0, 1, 1]}],
        "eos_text": [model, {}, {"eos_token_id": ["</s>"]}],
        "empty": [{}, {}, {}],
    }
    for name, parts in texts.items():
        keep("config", name, "\0".join(json.dumps(part) for part in parts))
    whole = json.dumps(model) + "\0" + json.dumps(picture)
    for name, old, new in [("eps", "1e-05", "1e300"), ("theta", "10000.0", "1e999"),
                           ("mean", "0.48", "1e39"), ("std", "0.26", "1e-40"),
                           ("positions", "2048", "1")]:
        keep("config", f"{name}_{new}", whole.replace(old, new, 1))


def data_uris():
    texts = {
        "uri": "data:image/png;base64,iVBORw0KGgo=", "padding_2": "AA==", "padding_1": "AAA=",
        "padding_0": "AAAA", "parameters": "data:image/png;name=x;base64,/+8=",
        "capitals": "DATA:IMAGE/PNG;BASE64,QUJD", "no_type": "data:;base64,QQ==",
        "url_safe": "data:image/png;base64,-_-_", "line_break": "QUJD\nQUJD", "percent": "QUJD%3D",
        "trailing_bits": "AB==", "trailing_bits_1": "AAB=", "padding_inside": "AA==AAAA",
        "three_padding": "A===", "only_padding": "====", "short": "AAAAA",
        "high_bytes": "\u00ff\u20ac", "not_base64": "data:image/png,raw",
        "no_comma": "data:image/png;base64", "http": "http://x/y.png",
        "file": "file:///etc/passwd", "no_data": "data:image/png;base64,", "empty": "",
    }
    for name, text in texts.items():
        keep("data_uri", name, text)


def chats():
    def uri(data):
        return "data:image/x;base64," + base64.b64encode(data).decode()

    def image(data, **fields):
        return {"type": "image_url", "image_url": {"url": uri(data), **fields}}

    small = gradient("RGB", 4, 3)
    webp, jpeg, png_ = (encoded(small, kind) for kind in ("WEBP", "JPEG", "PNG"))
    user = {"role": "user", "content": "What is this?"}
    full = {"model": "m", "messages": [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": [{"type": "text", "text": "Look:"}, image(png_, detail="low")]},
        {"role": "assistant", "content": "A square.", "refusal": None, "tool_calls": []}, user],
        "max_tokens": 10, "temperature": 0.5, "top_p": 0.9, "stop": ["\n", "é"], "seed": 7,
        "stream": True, "stream_options": {"include_usage": True}, "num_crops": 4, "n": 1,
        "top_k": 40, "min_p": 0.05, "repetition_penalty": 1.1, "keep_order": True, "user": "u",
        "response_format": {"type": "text"}, "logprobs": False, "tools": [], "metadata": {"a": "b"}}
    bodies = {
        "least": {"messages": [user]}, "full": full,
        "jpeg": {"messages": [{"role": "user", "content": [image(jpeg, detail="high")]}]},
        "webp": {"messages": [{"role": "user", "content": [image(webp, num_crops=16)]}]},
        "no_picture": {"messages": [{"role": "user", "content": [image(b"GIF89a")]}]},
        "cut_picture": {"messages": [{"role": "user", "content": [image(png_[:60])]}]},
        "address": {"messages": [{"role": "user", "content": [
            {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}]}]},
        "image_of_assistant": {"messages": [{"role": "assistant", "content": [image(png_)]}, user]},
        "assistant_last": {"messages": [user, {"role": "assistant", "content": "and"}]},
        "no_messages": {"messages": []}, "role": {"messages": [{"role": "tool", "content": ""}]},
        "typo": {"mesages": [], "messages": [user]},
        "control_key": {"a\u0001\u00e9\"\\": 1, "messages": [user]},
        "bias_key": {"messages": [user], "logit_bias": {"-5\u007f\u00e9\"" + "x" * 100: 1}},
        "ranges": {"messages": [user], "temperature": 3, "max_tokens": 0},
        "lengths_differ": {"messages": [user], "max_tokens": 1, "max_completion_tokens": 2},
        "seed_unsigned": {"messages": [user], "seed": (1 << 64) - 1, "stop": "x", "top_p": 0},
        "stops": {"messages": [user], "stop": ["a", "", 3]},
        "usage_without_stream": {"messages": [user], "stream_options": {"include_usage": True}},
        "unsupported": {"messages": [user], "logit_bias": {"5": 1}, "tools": [{}]},
        "tool_history": {"messages": [
            {"role": "assistant", "content": None, "tool_calls": [
                {"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}},
                {"id": "2", "type": "custom", "custom": {"name": "g", "input": "<|end|>"}}]},
            {"role": "tool", "tool_call_id": "2", "content": [{"type": "text", "text": "x"}]},
            {"role": "function", "name": "f", "content": ""},
            {"role": "assistant", "refusal": "No.", "function_call": {"name": "f", "arguments": ""}},
            user], "tools": [{"type": "function", "function": {"name": "f", "parameters": {}}}],
            "tool_choice": {"type": "allowed_tools", "allowed_tools": {"mode": "auto"}}},
        "without_effect": {"messages": [
            {**user, "id": "m", "reasoning_content": "", "name": "\u0001"}], "think": False,
            "reasoning_effort": "low", "store": True, "max_tokens": -1, "stop": "",
            "stream_options": {"include_usage": True}},
        "not_an_object": [1, 2],
    }
    for name, body in bodies.items():
        keep("chat_request", name, json.dumps(body, ensure_ascii=name != "full"))
    keep("chat_request", "deep", '{"messages":' + "[" * 50)
    keep("chat_request", "number", '{"messages":[],"temperature":1e999}')
    keep("chat_request", "surrogate", '{"messages":[{"role":"user","content":"\\ud800"}]}')
    keep("chat_request", "cut", json.dumps(full)[:300])


def http_messages():
    chat = "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost:8080\r\n"
    chunked = chat + "Transfer-Encoding: chunked\r\n\r\n"
    texts = {
        "get": "GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
        "post": chat + "Content-Type: application/json; charset=utf-8\r\n"
                       "Content-Length: 2\r\n\r\n{}",
        "two": chat + "Content-Length: 2\r\n\r\n{}GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        "chunked": chunked + "5;x=y\r\nhello\r\n1\r\n!\r\n0\r\nTrailer: x\r\n\r\n",
        "key": chat + "Authorization: Bearer sk-fuzz\r\nX-Request-Id: a.b:1\r\nOrigin: http://x\r\n"
                      "Expect: 100-continue\r\nContent-Length: 0\r\n\r\n",
        "head_1_0": "HEAD /v1/models/a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
        "absolute": "GET http://known.example:1/x?y HTTP/1.1\r\nHost: other\r\n\r\n",
        "ipv6": "GET /?q=1 HTTP/1.1\r\nHost: [::1]:80\r\nConnection: close\r\n\r\n",
        "options": "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
        "folded": "GET / HTTP/1.1\r\nHost: a\r\nX: b\r\n c\r\n\r\n",
        "two_lengths": chat + "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "lengths_differ": chat + "Content-Length: 2\r\nContent-Length: 3\r\n\r\nabc",
        "gzip": chat + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        "large_body": chat + "Content-Length: 257\r\n\r\n",
        "large_chunk": chunked + "ffffffffffffffff\r\n",
        "no_chunk": chunked + "0\r\n\r\n", "endless_chunk_header": chunked + "1;" + "x" * 600,
        "endless_trailer": chunked + "0\r\nTrailer: " + "x" * 600,
        "large_header": "GET / HTTP/1.1\r\nHost: a\r\nX: " + "x" * 600 + "\r\n\r\n",
        "no_host": "GET / HTTP/1.1\r\n\r\n", "http_2": "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "tls": "\x16\x03\x01\x02\x00\x01", "line_feeds": "GET / HTTP/1.1\nHost: a\n\n",
        "nul": "GET / HTTP/1.1\r\nHost: a\0b\r\n\r\n",
        "empty_lines": "\r\n\r\nGET / HTTP/1.1\r\nHost: a:\r\n\r\n",
        "no_path": "GET https://[::1]?x HTTP/1.1\r\nHost: a\r\n\r\n",
        "connect": "CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n",
        "proxied": chat + "Origin: https://known.example\r\nX-Forwarded-Host: known.example\r\n"
                          "X-Forwarded-Proto: https\r\nContent-Length: 0\r\n\r\n",
    }
    for index, (name, text) in enumerate(texts.items()):
        keep("http_message", name, bytes([(0, 6, 40, 255)[index % 4]]) + text.encode("latin-1"))


def packed_bodies():
    text = b'{"messages": [{"role": "user", "content": "What is it?"}]}'
    for name, data in {
        "gzip": gzip.compress(text, mtime=0),
        "members": gzip.compress(text[:9], mtime=0) + gzip.compress(text[9:], mtime=0),
        "named": gzip.compress(text, mtime=0)[:3] + b"\x08\0\0\0\0\x02\x03a.json\0"
                 + gzip.compress(text, mtime=0)[10:],
        "zlib": zlib.compress(text),
        "stored": zlib.compress(text, 0),
        "zeros": gzip.compress(bytes(100_000), mtime=0),
        "cut_off": gzip.compress(text, mtime=0)[:-3],
    }.items():
        keep("content_coding", name, data)


if __name__ == "__main__":
    print("Pillow", PIL.__version__)
    for draw in (jpegs, pngs, webps, gifs, bmps, heifs, tiffs, profiles, tensor_files, configs, data_uris,
                 chats, http_messages, packed_bodies, stored_answers):
        draw()
    for folder in sorted(CORPUS.iterdir()):
        sizes = [path.stat().st_size for path in folder.iterdir()]
        print(f"{folder.name}: {len(sizes)} files, {sum(sizes)} bytes")
