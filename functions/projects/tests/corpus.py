"""Makes pictures for a test, and checks the results with Pillow, another decoder than the one under test."""

import io
import json
import struct
import sys
import zlib
from pathlib import Path

from PIL import Image, ImageCms, ImageOps, ImageSequence

# A text in all metadata that must not be published.
MARKER = b"zyzzyva-metadata"
WIDTH, HEIGHT = 97, 61


def picture():
    """Each corner has its own colour, so that a rotated or mirrored picture is detected."""
    image = Image.new("RGB", (WIDTH, HEIGHT))
    image.putdata(
        [
            (x * 255 // WIDTH, y * 255 // HEIGHT, 255 - (x + y) * 255 // (WIDTH + HEIGHT))
            for y in range(HEIGHT)
            for x in range(WIDTH)
        ]
    )
    return image


def alpha():
    mask = Image.new("L", (WIDTH, HEIGHT))
    mask.putdata([255 if x > WIDTH // 2 else y * 255 // HEIGHT for y in range(HEIGHT) for x in range(WIDTH)])
    return mask


def exif(orientation, break_length=False):
    tags = Image.Exif()
    tags[0x0112] = orientation
    tags[0x010F] = MARKER.decode()
    tags[0x8298] = MARKER.decode()
    data = tags.tobytes()
    if break_length:
        # The number of values of the first entry exceeds the length of the data.
        at = data.index(b"MM\0*" if b"MM\0*" in data else b"II*\0") + 8 + 2 + 4
        data = data[:at] + b"\xff\xff\xff\xff" + data[at + 4 :]
    return data


def srgb():
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))


# Primaries of sRGB in a profile.
PRIMARIES = {b"r": (0.4361, 0.2225, 0.0139), b"g": (0.3851, 0.7169, 0.0971), b"b": (0.1431, 0.0606, 0.7142)}
WHITE = (0.9642, 1.0, 0.8249)
# With this gamma, an image looks much brighter than without its profile.
GAMMA = 1.25


def profile(space):
    """Returns a profile of colours (`RGB `) or of greys (`GRAY`) whose gamma is not that of sRGB."""

    def xyz(values):
        return struct.pack(">4s4x3i", b"XYZ ", *(round(value * 65536) for value in values))

    curve = struct.pack(">4s4xIH", b"curv", 1, round(GAMMA * 256)) + b"\0\0"
    tags = [(b"wtpt", xyz(WHITE))]
    if space == b"GRAY":
        tags.append((b"kTRC", curve))
    else:
        for name, values in PRIMARIES.items():
            tags += [(name + b"XYZ", xyz(values)), (name + b"TRC", curve)]
    start = 128 + 4 + 12 * len(tags)
    table, content = struct.pack(">I", len(tags)), b""
    for name, tag in tags:
        table += struct.pack(">4sII", name, start + len(content), len(tag))
        content += tag
    header = struct.pack(">I4xI4s4s4s12x4s28x", start + len(content), 0x02100000, b"mntr", space, b"XYZ ", b"acsp")
    header += struct.pack(">3i", *(round(value * 65536) for value in WHITE))
    return header.ljust(128, b"\0") + table + content


def shown(image):
    """Returns what a viewer shows of an image with such a profile, as sRGB."""

    def value(stored):
        linear = (stored / 255) ** GAMMA
        encoded = 12.92 * linear if linear <= 0.0031308 else 1.055 * linear ** (1 / 2.4) - 0.055
        return round(encoded * 255)

    bands = [band if name == "A" else band.point(value) for name, band in zip(image.getbands(), image.split())]
    return Image.merge(image.mode, bands)


def chunk(kind, content):
    crc = zlib.crc32(kind + content)
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", crc)


def raw_png(image, depth=8, interlaced=False, extra=b""):
    """PNG files in formats that Pillow does not write."""
    colours = {1: 0, 2: 4, 3: 2, 4: 6}[len(image.getbands())]

    def row(y, xs):
        out = b"\0"
        for x in xs:
            pixel = image.getpixel((x, y))
            for channel in pixel if isinstance(pixel, tuple) else (pixel,):
                out += struct.pack(">H", channel * 257) if depth == 16 else bytes([channel])
        return out

    passes = [(0, 0, 1, 1)]
    if interlaced:
        passes = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]
    data = b"".join(
        row(y, range(x0, WIDTH, dx)) for x0, y0, dx, dy in passes for y in range(y0, HEIGHT, dy)
    )
    header = struct.pack(">IIBBBBB", WIDTH, HEIGHT, depth, colours, 0, 0, int(interlaced))
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + extra
        + chunk(b"IDAT", zlib.compress(data))
        + chunk(b"IEND", b"")
    )


def turned(image, orientation):
    """Returns the stored picture that a viewer must rotate to show `image`."""
    back = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    return image.transpose(back[orientation]) if orientation in back else image


def saved(image, kind, **options):
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def after_soi(jpeg, marker, content):
    return jpeg[:2] + bytes([0xFF, marker]) + struct.pack(">H", len(content) + 2) + content + jpeg[2:]


def webp_with(webp, kind, content):
    """Appends a chunk that is not in the header."""
    content += b"\0" * (len(content) % 2)
    body = webp[8:] + kind + struct.pack("<I", len(content)) + content
    return b"RIFF" + struct.pack("<I", len(body)) + body


def corpus():
    """Yields name, media type, bytes, and the expected picture."""
    rgb = picture()
    rgba = rgb.copy()
    rgba.putalpha(alpha())
    grey = rgb.convert("L")
    grey_alpha = rgba.convert("LA")
    # Few colours in large areas, because lossy formats blur each edge between two colours.
    areas = rgb.resize((3, 2)).resize(rgb.size, Image.Resampling.NEAREST)
    palette = areas.quantize(64, dither=Image.Dither.NONE)
    text = chunk(b"tEXt", b"Comment\0" + MARKER)
    compressed = chunk(b"zTXt", b"Comment\0\0" + zlib.compress(b"x" * 1_000_000)) + chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + MARKER)
    png = "image/png"
    for name, image in [("1", rgb.convert("1")), ("l", grey), ("la", grey_alpha), ("p", palette), ("rgb", rgb), ("rgba", rgba)]:
        yield f"png-{name}", png, saved(image, "PNG"), image
    transparent = palette.copy()
    transparent.info["transparency"] = 3
    yield "png-p-transparent", png, saved(transparent, "PNG", transparency=3), transparent
    for bits in (1, 2, 4):
        few = areas.quantize(2**bits)
        yield f"png-p{bits}", png, saved(few, "PNG", bits=bits), few
    yield "png-grey-16", png, saved(grey.convert("I").point(lambda v: v * 257).convert("I;16"), "PNG"), grey
    yield "png-16", png, raw_png(rgb, depth=16), rgb
    yield "png-alpha-16", png, raw_png(rgba, depth=16), rgba
    yield "png-grey-alpha-16", png, raw_png(grey_alpha, depth=16), grey_alpha
    yield "png-interlaced", png, raw_png(rgb, interlaced=True), rgb
    yield "png-interlaced-grey-alpha", png, raw_png(grey_alpha, interlaced=True), grey_alpha
    yield "png-text", png, raw_png(rgb, extra=text + compressed), rgb
    colours, greys = profile(b"RGB "), profile(b"GRAY")
    yield "png-icc", png, saved(rgb, "PNG", icc_profile=srgb().tobytes()), rgb
    yield "png-icc-gamma", png, saved(rgb, "PNG", icc_profile=colours), shown(rgb)
    yield "png-icc-grey", png, saved(grey, "PNG", icc_profile=greys), shown(grey)
    yield "png-icc-grey-alpha", png, saved(grey_alpha, "PNG", icc_profile=greys), shown(grey_alpha)
    yield "png-html", png, saved(rgb, "PNG") + b"<script>" + MARKER + b"</script>", rgb
    for orientation in range(1, 9):
        yield f"png-exif-{orientation}", png, saved(turned(rgb, orientation), "PNG", exif=exif(orientation)), rgb
    frames = [ImageOps.invert(rgb), rgb]
    yield "png-animated", png, saved(rgb, "PNG", save_all=True, append_images=frames, duration=50), rgb

    jpeg = "image/jpeg"
    good = {"quality": 95, "subsampling": 0}
    plain = saved(rgb, "JPEG", **good)
    yield "jpeg", jpeg, plain, rgb
    yield "jpeg-grey", jpeg, saved(grey, "JPEG", **good), grey
    yield "jpeg-420", jpeg, saved(rgb, "JPEG", quality=95, subsampling=2), rgb
    yield "jpeg-422", jpeg, saved(rgb, "JPEG", quality=95, subsampling=1), rgb
    yield "jpeg-progressive", jpeg, saved(rgb, "JPEG", progressive=True, **good), rgb
    yield "jpeg-optimised", jpeg, saved(rgb, "JPEG", optimize=True, **good), rgb
    yield "jpeg-restarts", jpeg, saved(rgb, "JPEG", restart_marker_blocks=3, **good), rgb
    cmyk = rgb.convert("CMYK")
    yield "jpeg-cmyk", jpeg, saved(cmyk, "JPEG", **good), cmyk.convert("RGB")
    yield "jpeg-uncoded", jpeg, saved(rgb, "JPEG", keep_rgb=True, **good), rgb
    yield "jpeg-icc", jpeg, saved(rgb, "JPEG", icc_profile=srgb().tobytes(), **good), rgb
    yield "jpeg-icc-gamma", jpeg, saved(rgb, "JPEG", icc_profile=colours, **good), shown(rgb)
    yield "jpeg-icc-grey", jpeg, saved(grey, "JPEG", icc_profile=greys, **good), shown(grey)
    turned_grey = saved(turned(grey, 6), "JPEG", icc_profile=greys, exif=exif(6), **good)
    yield "jpeg-icc-grey-exif-6", jpeg, turned_grey, shown(grey)
    yield "jpeg-comment", jpeg, saved(rgb, "JPEG", comment=MARKER, **good), rgb
    yield "jpeg-xmp", jpeg, after_soi(plain, 0xE1, b"http://ns.adobe.com/xap/1.0/\0" + MARKER), rgb
    yield "jpeg-iptc", jpeg, after_soi(plain, 0xED, b"Photoshop 3.0\0" + MARKER), rgb
    yield "jpeg-thumbnail", jpeg, after_soi(plain, 0xE0, b"JFXX\0\x10" + MARKER), rgb
    yield "jpeg-trailer", jpeg, plain + MARKER, rgb
    yield "jpeg-broken-exif", jpeg, saved(rgb, "JPEG", exif=exif(1, break_length=True), **good), rgb
    for orientation in range(1, 9):
        yield f"jpeg-exif-{orientation}", jpeg, saved(turned(rgb, orientation), "JPEG", exif=exif(orientation), **good), rgb

    webp = "image/webp"
    lossy = saved(rgb, "WEBP", quality=95)
    yield "webp", webp, lossy, rgb
    yield "webp-lossless", webp, saved(rgb, "WEBP", lossless=True), rgb
    yield "webp-alpha", webp, saved(rgba, "WEBP", quality=95), rgba
    yield "webp-lossless-alpha", webp, saved(rgba, "WEBP", lossless=True, exact=True), rgba
    yield "webp-icc", webp, saved(rgb, "WEBP", quality=95, icc_profile=srgb().tobytes()), rgb
    yield "webp-icc-gamma", webp, saved(rgb, "WEBP", quality=95, icc_profile=colours), shown(rgb)
    yield "webp-xmp", webp, saved(rgb, "WEBP", quality=95, xmp=MARKER), rgb
    yield "webp-unknown", webp, webp_with(saved(rgb, "WEBP", quality=95, xmp=MARKER), b"junk", MARKER), rgb
    yield "webp-trailer", webp, lossy + MARKER, rgb
    for orientation in (1, 3, 6, 8):
        yield f"webp-exif-{orientation}", webp, saved(turned(rgb, orientation), "WEBP", quality=95, exif=exif(orientation)), rgb
    yield "webp-lossless-exif-6", webp, saved(turned(rgb, 6), "WEBP", lossless=True, exif=exif(6)), rgb
    yield "webp-animated", webp, saved(rgb, "WEBP", lossless=True, save_all=True, append_images=frames, duration=50), rgb

    gif = "image/gif"
    yield "gif", gif, saved(palette, "GIF"), palette
    yield "gif-plain", gif, saved(palette, "GIF", interlace=0), palette
    # Pillow renumbers the colours, so the index of the transparent colour changes.
    clear = saved(transparent, "GIF", transparency=3)
    yield "gif-transparent", gif, clear, Image.open(io.BytesIO(clear))
    yield "gif-comment", gif, saved(palette, "GIF", comment=MARKER), palette
    yield "gif-script", gif, saved(palette, "GIF") + b"/*" + MARKER + b"*/alert(1)", palette
    moving = [ImageOps.invert(areas).quantize(64), palette]
    yield "gif-animated", gif, saved(palette, "GIF", save_all=True, append_images=moving, duration=50, loop=0, comment=MARKER), palette


def make(folder):
    listed = []
    for name, media_type, content, expected in corpus():
        (folder / name).write_bytes(content)
        expected.convert("RGBA").save(folder / f"{name}.expected.png")
        with Image.open(io.BytesIO(content)) as image:
            frames = getattr(image, "n_frames", 1)
        listed.append({"name": name, "contentType": media_type, "frames": frames})
    (folder / "corpus.json").write_text(json.dumps(listed))


def in_srgb(image):
    """Converts colours with the profile of the image, as a viewer does."""
    embedded = image.info.get("icc_profile")
    if embedded is None:
        return image
    alpha = image.getchannel("A") if "A" in image.getbands() else None
    opaque = image.convert("L" if image.mode in ("L", "LA") else "RGB")
    embedded = ImageCms.ImageCmsProfile(io.BytesIO(embedded))
    image = ImageCms.profileToProfile(opaque, embedded, srgb(), outputMode="RGB")
    if alpha is not None:
        image.putalpha(alpha)
    return image


def on_white(image):
    image = in_srgb(image)
    if image.mode.startswith("I"):
        # Pillow clamps 16-bit values to 255 instead of scaling them.
        image = image.convert("I").point(lambda v: v * (1 / 257)).convert("L")
    image = image.convert("RGBA")
    white = Image.new("RGBA", image.size, "white")
    return Image.alpha_composite(white, image).convert("RGB")


def error(one, other):
    a, b = on_white(one).tobytes(), on_white(other).tobytes()
    return sum(abs(x - y) for x, y in zip(a, b)) / len(a)


def check(folder):
    complaints = []
    for entry in json.loads((folder / "corpus.json").read_text()):
        name = entry["name"]
        expected = Image.open(folder / f"{name}.expected.png")
        for result, frames in [("file", entry["frames"]), ("webp", 1), ("jpeg", 1), ("png", 1)]:
            content = (folder / f"{name}.{result}").read_bytes()
            case = f"{name}.{result}"
            if MARKER in content:
                complaints.append(f"{case}: metadata is left")
            image = Image.open(io.BytesIO(content))
            if image.size != expected.size:
                complaints.append(f"{case}: {image.size} instead of {expected.size}")
                continue
            if getattr(image, "n_frames", 1) != frames:
                complaints.append(f"{case}: {getattr(image, 'n_frames', 1)} frames instead of {frames}")
            if image.getexif() or image.info.get("xmp") or image.info.get("comment") or getattr(image, "text", {}):
                complaints.append(f"{case}: metadata is left: {image.info.keys()}")
            first = next(iter(ImageSequence.Iterator(image)))
            difference = error(first, expected)
            if difference >= 3:
                complaints.append(f"{case}: mean error {difference:.2f}")
    print("\n".join(complaints))
    return bool(complaints)


if __name__ == "__main__":
    mode, folder = sys.argv[1], Path(sys.argv[2])
    sys.exit(make(folder) if mode == "make" else check(folder))
