# SPDX-License-Identifier: MIT
"""The corruptions in Python, for check_shifts.py, bench_shifts.py and measure_frost.py: the PyPI package imagecorruptions 1.1.2, and formulas of our own.

imagecorruptions holds the parameters of ImageNet-C alone, and differs from how the published sets were made in zoom_blur and snow (the magnified picture is cut
at its upper left corner, not in its middle), frost (photographs enlarged by a tenth), elastic_transform (another formula), pixelate (enlarged by repetition) and
motion_blur (cut off where ImageMagick rounds). For these, and for the parameters of CIFAR-10-C, the formulas below stand in: NumPy, SciPy, scikit-image and
OpenCV as the published sets used them. They share nothing with src/shift but the parameters. All take and give uint8 [H, W, 3].

Python packages: python3 -m venv V && V/bin/pip install imagecorruptions==1.1.2 numpy scipy scikit-image opencv-python-headless pillow "setuptools<81" numba
"""
import contextlib
import importlib.metadata
import io
import math
import sys
import types
import warnings

warnings.simplefilter("ignore")
import cv2
import numpy as np
import scipy.ndimage
import skimage
import skimage.color
import skimage.filters
from PIL import Image

cv2.setNumThreads(1)


def import_package():
    """imagecorruptions 1.1.2 was written for older NumPy, SciPy and scikit-image."""
    if not hasattr(np, "float_"):
        np.float_ = np.float64
    if "scipy.ndimage.interpolation" not in sys.modules:
        module = types.ModuleType("scipy.ndimage.interpolation")
        module.map_coordinates = scipy.ndimage.map_coordinates
        sys.modules["scipy.ndimage.interpolation"] = module
    import imagecorruptions.corruptions as package

    def gaussian(image, sigma, multichannel=False, **more):
        return skimage.filters.gaussian(image, sigma=sigma, channel_axis=-1 if multichannel else None, **more)

    package.gaussian = gaussian
    return package


package = import_package()

IMAGENET_C = ("gaussian_noise shot_noise impulse_noise defocus_blur glass_blur motion_blur zoom_blur snow frost fog brightness contrast elastic_transform pixelate "
              "jpeg_compression").split()
EXTRA = "speckle_noise gaussian_blur spatter saturate".split()
ALL = IMAGENET_C + EXTRA

PARAMETERS = {
    "imagenet": {
        "gaussian_noise": [.08, .12, .18, .26, .38], "shot_noise": [60, 25, 12, 5, 3], "impulse_noise": [.03, .06, .09, .17, .27],
        "speckle_noise": [.15, .2, .35, .45, .6], "gaussian_blur": [1, 2, 3, 4, 6],
        "defocus_blur": [(3, .1), (4, .5), (6, .5), (8, .5), (10, .5)],
        "glass_blur": [(.7, 1, 2), (.9, 2, 1), (1, 2, 3), (1.1, 3, 2), (1.5, 4, 2)],
        "motion_blur": [(10, 3), (15, 5), (15, 8), (15, 12), (20, 15)],
        "zoom_blur": [(1.11, .01), (1.16, .01), (1.21, .02), (1.26, .02), (1.31, .03)],
        "snow": [(.1, .3, 3, .5, 10, 4, .8), (.2, .3, 2, .5, 12, 4, .7), (.55, .3, 4, .9, 12, 8, .7), (.55, .3, 4.5, .85, 12, 8, .65),
                 (.55, .3, 2.5, .85, 12, 12, .55)],
        "frost": [(1, .4), (.8, .6), (.7, .7), (.65, .7), (.6, .75)], "fog": [(1.5, 2), (2, 2), (2.5, 1.7), (2.5, 1.5), (3, 1.4)],
        "brightness": [.1, .2, .3, .4, .5], "contrast": [.4, .3, .2, .1, .05], "saturate": [(.3, 0), (.1, 0), (2, 0), (5, .1), (20, .2)],
        "elastic_transform": [(488, 244 * .7, 24.4), (488, 244 * .08, 48.8), (12.2, 2.44, 4.88), (244 * .07, 2.44, 4.88), (244 * .12, 2.44, 4.88)],
        "pixelate": [.6, .5, .4, .3, .25], "jpeg_compression": [25, 18, 15, 10, 7],
        "spatter": [(.65, .3, 4, .69, .6, 0), (.65, .3, 3, .68, .6, 0), (.65, .3, 2, .68, .5, 0), (.65, .3, 1, .65, 1.5, 1), (.67, .4, 1, .65, 1.5, 1)],
    },
    "cifar": {
        "gaussian_noise": [.04, .06, .08, .09, .10], "shot_noise": [500, 250, 100, 75, 50], "impulse_noise": [.01, .02, .03, .05, .07],
        "speckle_noise": [.06, .1, .12, .16, .2], "gaussian_blur": [.4, .6, .7, .8, 1],
        "defocus_blur": [(.3, .4), (.4, .5), (.5, .6), (1, .2), (1.5, .1)],
        "glass_blur": [(.05, 1, 1), (.25, 1, 1), (.4, 1, 1), (.25, 1, 2), (.4, 1, 2)],
        "motion_blur": [(6, 1), (6, 1.5), (6, 2), (8, 2), (9, 2.5)],
        "zoom_blur": [(1.06, .01), (1.11, .01), (1.16, .01), (1.21, .01), (1.26, .01)],
        "snow": [(.1, .2, 1, .6, 8, 3, .95), (.1, .2, 1, .5, 10, 4, .9), (.15, .3, 1.75, .55, 10, 4, .9), (.25, .3, 2.25, .6, 12, 6, .85),
                 (.3, .3, 1.25, .65, 14, 12, .8)],
        "frost": [(1, .2), (1, .3), (.9, .4), (.85, .4), (.75, .45)], "fog": [(.2, 3), (.5, 3), (.75, 2.5), (1, 2), (1.5, 1.75)],
        "brightness": [.05, .1, .15, .2, .3], "contrast": [.75, .5, .4, .3, .15], "saturate": [(.3, 0), (.1, 0), (1.5, 0), (2, .1), (2.5, .2)],
        "elastic_transform": [(0, 0, 2.56), (1.6, 6.4, 2.24), (2.56, 1.92, 1.92), (3.2, 1.28, 1.6), (3.2, .96, .96)],
        "pixelate": [.95, .9, .85, .75, .65], "jpeg_compression": [80, 65, 58, 50, 40],
        "spatter": [(.62, .1, .7, .7, .5, 0), (.65, .1, .8, .7, .5, 0), (.65, .3, 1, .69, .5, 0), (.65, .1, .7, .69, .6, 1), (.65, .1, .5, .68, .6, 1)],
    },
}

# In these imagecorruptions follows the published sets, so that it is the reference wherever it has the parameters.
FAITHFUL = set(ALL) - {"zoom_blur", "snow", "frost", "elastic_transform", "pixelate", "motion_blur"}


def to_bytes(unit) -> np.ndarray:
    """What numpy.uint8 makes of pixels in 0..1: cut off, not rounded."""
    return np.uint8(np.clip(unit, 0, 1) * 255)


def smooth(image, sigma):
    return skimage.filters.gaussian(image, sigma=sigma, channel_axis=-1 if image.ndim == 3 else None)


# --- formulas -------------------------------------------------------------------------------------------------------------


def gaussian_noise(x, sigma):
    return to_bytes(x / 255 + np.random.normal(0, sigma, x.shape))


def shot_noise(x, photons):
    return to_bytes(np.random.poisson(x / 255 * photons) / photons)


def impulse_noise(x, share):
    drawn = np.random.uniform(size=x.shape)
    return np.where(drawn < share / 2, 255, np.where(drawn < share, 0, x)).astype(np.uint8)


def speckle_noise(x, sigma):
    return to_bytes(x / 255 * (1 + np.random.normal(0, sigma, x.shape)))


def gaussian_blur(x, sigma):
    return to_bytes(smooth(x / 255, sigma))


def defocus_blur(x, c):
    kernel = package.disk(radius=c[0], alias_blur=c[1])
    return to_bytes(np.stack([cv2.filter2D(x[..., i] / 255, -1, kernel) for i in range(3)], -1))


def glass_blur(x, c):
    sigma, distance, rounds = c
    y = to_bytes(smooth(x / 255, sigma))
    for _ in range(rounds):
        for row in range(y.shape[0] - distance, distance, -1):
            for column in range(y.shape[1] - distance, distance, -1):
                across, down = np.random.randint(-distance, distance, 2)
                y[row, column] = y[row + down, column + across]  # one way, as the views of the published code do
    return to_bytes(smooth(y / 255, sigma))


def motion_mean(layer, radius, sigma, angle):
    """ImageMagick's; positions beyond the border are those of the border."""
    width = 2 * radius + 1
    weights = np.exp(-np.arange(width) ** 2 / (2 * sigma ** 2))
    weights /= weights.sum()
    rows, columns = np.arange(layer.shape[0]), np.arange(layer.shape[1])
    total = np.zeros(layer.shape)
    for i in range(width):
        down = math.ceil(i * math.sin(math.radians(angle)) - 0.5)
        across = math.ceil(i * math.cos(math.radians(angle)) - 0.5)
        total += weights[i] * layer[np.ix_(np.clip(rows + down, 0, len(rows) - 1), np.clip(columns + across, 0, len(columns) - 1))]
    return np.uint8(np.floor(total + 0.5))


def motion_blur(x, c, angle=None):
    return motion_mean(x, *c, np.random.uniform(-45, 45) if angle is None else angle)


def magnified(layer, factor):
    """The middle, at the size of the whole, of a layer magnified about its middle."""
    size = layer.shape[:2]
    part = [math.ceil(n / factor) for n in size]
    first = [(n - m) // 2 for n, m in zip(size, part)]
    zoomed = scipy.ndimage.zoom(layer[first[0]:first[0] + part[0], first[1]:first[1] + part[1]], (factor, factor, 1), order=1)
    cut = [(zoomed.shape[i] - size[i]) // 2 for i in range(2)]
    return zoomed[cut[0]:cut[0] + size[0], cut[1]:cut[1] + size[1]]


def zoom_blur(x, c):
    factors = np.arange(1, *c)
    image = np.float32(x / 255)
    return to_bytes((image + sum(magnified(image, factor) for factor in factors)) / (len(factors) + 1))


def snow(x, c):
    mean, deviation, zoom, threshold, radius, sigma, kept = c
    layer = magnified(np.random.normal(mean, deviation, x.shape[:2])[..., None], zoom)[..., 0]
    layer[layer < threshold] = 0
    fallen = motion_mean(to_bytes(layer), radius, sigma, np.random.uniform(-135, -45)) / 255
    image = np.float32(x / 255)
    pale = np.maximum(image, cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)[..., None] * 1.5 + 0.5)
    return to_bytes(kept * image + (1 - kept) * pale + (fallen + np.rot90(fallen, 2))[..., None])


def frost_photographs(scale):
    from importlib.resources import files

    folder = files("imagecorruptions") / "frost"
    names = ["frost1.png", "frost2.png", "frost3.png", "frost4.jpg", "frost5.jpg"]
    return [cv2.resize(cv2.imread(str(folder / name))[..., ::-1], (0, 0), fx=scale, fy=scale) for name in names]


PHOTOGRAPHS = {}


def frost(x, c):
    scale = 0.2 if x.shape[0] <= 64 else 1.0  # as CIFAR-10-C
    if scale not in PHOTOGRAPHS:
        PHOTOGRAPHS[scale] = frost_photographs(scale)
    texture = PHOTOGRAPHS[scale][np.random.randint(5)]
    top, left = np.random.randint(texture.shape[0] - x.shape[0]), np.random.randint(texture.shape[1] - x.shape[1])
    part = texture[top:top + x.shape[0], left:left + x.shape[1]]
    return np.uint8(np.clip(c[0] * x.astype(float) + c[1] * part, 0, 255))


def fog(x, c):
    size = 1 << (max(x.shape[:2]) - 1).bit_length()
    cloud = package.plasma_fractal(mapsize=size, wibbledecay=c[1])[:x.shape[0], :x.shape[1], None]
    brightest = x.max() / 255
    return to_bytes((x / 255 + c[0] * cloud) * brightest / (brightest + c[0]))


def in_hsv(x, channel, change):
    hsv = skimage.color.rgb2hsv(x / 255)
    hsv[..., channel] = np.clip(change(hsv[..., channel]), 0, 1)
    return to_bytes(skimage.color.hsv2rgb(hsv))


def brightness(x, raise_by):
    return in_hsv(x, 2, lambda value: value + raise_by)


def saturate(x, c):
    return in_hsv(x, 1, lambda saturation: saturation * c[0] + c[1])


def contrast(x, factor):
    mean = (x / 255).mean((0, 1))
    return to_bytes((x / 255 - mean) * factor + mean)


def elastic_transform(x, c):
    strength, sigma, reach = c
    image = np.float32(x) / 255
    size = image.shape[:2]
    middle, side = np.float32(size) // 2, min(size) // 3
    corners = np.float32([middle + side, [middle[0] + side, middle[1] - side], middle - side])
    moved = corners + np.random.uniform(-reach, reach, corners.shape).astype(np.float32)
    image = cv2.warpAffine(image, cv2.getAffineTransform(corners, moved), size[::-1], borderMode=cv2.BORDER_REFLECT_101)
    down, across = (np.float32(skimage.filters.gaussian(np.random.uniform(-1, 1, size), sigma, mode="reflect", truncate=3) * strength) for _ in range(2))
    rows, columns = np.mgrid[:size[0], :size[1]]
    at = [rows + down, columns + across]
    return to_bytes(np.stack([scipy.ndimage.map_coordinates(image[..., i], at, order=1, mode="reflect") for i in range(3)], -1))


def pixelate(x, scale):
    image = Image.fromarray(x)
    small = image.resize([int(side * scale) for side in image.size], Image.Resampling.BOX)
    return np.array(small.resize(image.size, Image.Resampling.BOX))


def jpeg_compression(x, quality):
    file = io.BytesIO()
    Image.fromarray(x).save(file, "JPEG", quality=quality)
    return np.array(Image.open(file))


def spatter(x, c):
    mean, deviation, sigma, threshold, strength, mud = c
    image = x / 255
    layer = smooth(np.random.normal(mean, deviation, x.shape[:2]), sigma)
    layer[layer < threshold] = 0
    if mud:
        share = smooth((layer > threshold).astype(np.float32), strength)[..., None]
        share[share < 0.8] = 0
        return to_bytes(image * (1 - share) + share * np.array([63, 42, 20]) / 255)
    depth = np.uint8(layer * 255)
    distance = np.minimum(cv2.distanceTransform(255 - cv2.Canny(depth, 50, 150), cv2.DIST_L2, 5), 20)
    shine = cv2.equalizeHist(np.uint8(cv2.blur(distance, (3, 3))))
    shine = cv2.blur(cv2.filter2D(shine, cv2.CV_8U, np.array([[-2, -1, 0], [-1, 1, 1], [0, 1, 2]])), (3, 3))
    share = depth * np.float32(shine)
    share *= strength / max(share.max(), 1e-9)
    return to_bytes(image + share[..., None] * np.array([175, 238, 238]) / 255)


def corrupt_by_package(x: np.ndarray, kind: str, severity: int) -> np.ndarray:
    """One image by imagecorruptions, with the parameters of ImageNet-C."""
    with contextlib.redirect_stdout(io.StringIO()):
        return np.uint8(getattr(package, kind)(Image.fromarray(x), severity))


def corrupt(x: np.ndarray, kind: str, severity: int, parameters: str) -> np.ndarray:
    """One image under the reference of this kind."""
    if parameters == "imagenet" and kind in FAITHFUL:
        return corrupt_by_package(x, kind, severity)
    return globals()[kind](x, PARAMETERS[parameters][kind][severity - 1])


def versions() -> str:
    names = {"imagecorruptions": "imagecorruptions", "numpy": "NumPy", "scipy": "SciPy", "scikit-image": "scikit-image", "pillow": "Pillow"}
    return ", ".join(f"{name} {importlib.metadata.version(key)}" for key, name in names.items()) + f", OpenCV {cv2.__version__}"
