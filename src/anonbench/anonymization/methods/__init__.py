"""The built-in anonymization methods, in the order in which tables show them."""

from anonbench.anonymization.methods.blur import Blur
from anonbench.anonymization.methods.box_blur import BoxBlur
from anonbench.anonymization.methods.colours import Equalize, Recolour
from anonbench.anonymization.methods.combined import ByEntity, Layers
from anonbench.anonymization.methods.distortion import Barrel, Swirl
from anonbench.anonymization.methods.dp_pixelate import DpPixelate
from anonbench.anonymization.methods.inpaint import Inpaint
from anonbench.anonymization.methods.mask import Mask
from anonbench.anonymization.methods.median import Median
from anonbench.anonymization.methods.noise import Noise
from anonbench.anonymization.methods.pixelate import Pixelate
from anonbench.anonymization.methods.random_crop import RandomCrop
from anonbench.anonymization.methods.replace import Replace
from anonbench.anonymization.methods.shuffle import PatchShuffle, TileShuffle

BUILT_IN = (
    Pixelate,
    Blur,
    Mask,
    Replace,
    BoxBlur,
    Median,
    DpPixelate,
    Inpaint,
    Noise,
    TileShuffle,
    PatchShuffle,
    RandomCrop,
    Swirl,
    Barrel,
    Equalize,
    Recolour,
    Layers,
    ByEntity,
)
