"""Optional packages, each with the extra of anonbench that installs it."""

from __future__ import annotations

EXTRAS = {
    "faker": "workflow",
    "huggingface_hub": "train",
    "jinja2": "report",
    "markupsafe": "report",
    "matplotlib": "report",
    "onnxruntime": "detect",
    "peft": "lora",
    "pillow_heif": "heic",
    "rapidocr": "detect",
    "safetensors": "train",
    "seaborn": "report",
    "shapely": "detect",
    "snakemake": "workflow",
    "snakemake_interface_common": "workflow",
    "snakemake_interface_logger_plugins": "workflow",
    "timm": "train",
    "torch": "train",
    "torchvision": "train",
    "zxingcpp": "detect",
}
"""Extras by imported module."""


def missing_extra(error: ModuleNotFoundError) -> str | None:
    """Message with the command that installs the missing module; None if no extra has it."""
    module = (error.name or "").partition(".")[0]
    if module not in EXTRAS:
        return None
    return f'{module} is not installed: pip install "anonbench[{EXTRAS[module]}]"'
