"""Command `anonbench`: hide regions of images and measure what this costs image retrieval."""

import argparse
import sys
from pathlib import Path

from anonbench import __version__
from anonbench.cli.shared import (
    DONE,
    FAILED,
    INTERRUPTED,
    ROOT,
    USAGE,
    Parser,
    add_command,
    add_completion,
)
from anonbench.cli.stages import anonymize, attack, detect, embed, evaluate, map, review, score
from anonbench.cli.workflow import bundle, images, init, policy, run
from anonbench.core.errors import InputError, WrongUsage
from anonbench.core.io import require_another, write_text
from anonbench.core.jobs.checksums import verify as verify_file
from anonbench.core.wording import guard_output

_MODULES = {
    "detect": "onnxruntime rapidocr shapely zxingcpp",
    "heic": "pillow_heif",
    "lora": "peft",
    "report": "jinja2 markupsafe matplotlib seaborn",
    "train": "huggingface_hub safetensors timm torch torchvision",
    "workflow": "faker snakemake snakemake_interface_common snakemake_interface_logger_plugins",
}
EXTRAS = {module: extra for extra, modules in _MODULES.items() for module in modules.split()}
"""Extras of anonbench by the module that they install."""
_DESCRIPTION = """\
Finds faces, text, codes and signatures in images, hides them, and measures what hiding them costs
image retrieval. `anonbench <command> --help` has the options of a command and examples."""
_EPILOG = """\
A first day:
  anonbench anonymize photos -o hidden     # copies in which the regions are masked
  anonbench review hidden                  # look at the originals and mark what was missed
  anonbench init photos                    # write archive.yaml, the config of an experiment
  anonbench plan --configfile archive.yaml # list its jobs, their time and disk space
  anonbench run --configfile archive.yaml  # run them, up to the report

Exit status: 0 done; 1 refused or failed; 2 wrong usage; 3 done, but look at the output: images
were left out, may still show something, or a policy is not passed; 130 interrupted. With --json,
standard output is one JSON object; progress and notes go to standard error."""

_EXPORT = """\
export: convert a trained backbone for timm, DINOv2 or transformers

backbone  what a training wrote (.safetensors)
output  a file; for huggingface a folder
--format {timm,dinov2,huggingface}

Example:
  anonbench export backbone.safetensors ours.safetensors --format timm"""
_BOXES = """\
boxes export: write a box table as COCO JSON

boxes  a box table of the results (.parquet)
manifest  the same data set's manifest (.parquet)
output  the JSON file to write

Example:
  anonbench boxes export boxes.parquet manifest.parquet boxes.json"""


def main(arguments: list[str] | None = None) -> int:
    """Run one command and return its exit status."""
    guard_output()
    options, rest = command_parser().parse_known_args(arguments)
    chosen: Parser = vars(options).pop("parser")
    if rest and not vars(options).pop("passes_on", False):
        chosen.refuse(rest)
    options.snakemake = rest
    try:
        return options.run(options) or DONE
    except InputError as error:
        return _refused(str(error), USAGE if isinstance(error, WrongUsage) else FAILED)
    except ModuleNotFoundError as error:
        module = (error.name or "").partition(".")[0]
        if module not in EXTRAS:
            raise
        return _refused(f'{module} is not installed: pip install "anonbench[{EXTRAS[module]}]"')
    except BrokenPipeError:  # the reader closed the pipe early, as `head` does
        sys.stdout = None
        return FAILED
    except OSError as error:
        return _refused(f"{error.filename or 'the system'}: {error.strerror or error}")
    except MemoryError as error:
        return _refused(f"this needs more memory than there is ({error})")
    except KeyboardInterrupt:
        print("anonbench: interrupted", file=sys.stderr)
        return INTERRUPTED


def _refused(text: str, status: int = FAILED) -> int:
    print(f"anonbench: {text}", file=sys.stderr)
    return status


def command_parser() -> Parser:
    """Return the parser of all commands."""
    whole = Parser(prog="anonbench", description=_DESCRIPTION, epilog=_EPILOG)
    whole.add_argument("--version", action="version", version=f"anonbench {__version__}")
    commands = whole.add_subparsers(
        required=True, metavar="command", title="commands for the first day"
    )

    detect.add(commands)
    anonymize.add(commands)

    for name, what in (
        ("config", "the default config and the schema"),
        ("environments", "envs/ from the lock files"),
    ):
        manual = f"{name}: write {what} (for developers)\n\n{ROOT}\n\nExample:\n  anonbench {name}"
        add_command(commands, manual, _write_documents, root=Path()).set_defaults(kind=name)

    files = dict.fromkeys(("backbone", "boxes", "manifest", "output"), Path)
    add_command(commands, _EXPORT, _export, files, format=...)
    boxes = commands.add_parser(
        "boxes", help="write found regions as COCO JSON for an annotation tool"
    )
    kinds = boxes.add_subparsers(required=True, metavar="action")
    add_command(kinds, _BOXES, _export_boxes, files)

    for each in (embed, evaluate, attack, score, map, bundle, images, policy, review, init, run):
        each.add(commands)
    add_completion(commands, whole)
    return whole


def _write_documents(options: argparse.Namespace) -> None:
    from anonbench.config.default_files import documents

    texts = documents() if options.kind == "config" else environments(options.root)
    for path, text in texts.items():
        write_text(options.root / path, text)
        print(f"wrote {path}")


def _export(options: argparse.Namespace) -> None:
    from anonbench.training.export import export_backbone

    require_another(options.output, options.backbone)
    verify_file(options.backbone)
    print(export_backbone(options.backbone, options.output, options.format))


def _export_boxes(options: argparse.Namespace) -> None:
    from anonbench.datasets.annotations.coco import write_coco

    require_another(options.output, options.boxes, options.manifest)
    for file in (options.boxes, options.manifest):
        verify_file(file)
    count = write_coco(options.boxes, options.manifest, options.output)
    print(f"wrote {count} boxes to {options.output}")


# --- environments for conda and the container, from the pins of `make setup` ---

LOCK = Path("requirements.lock")
NO_DEPENDENCIES = Path("requirements-nodeps.lock")
CONDA = Path("envs/anonbench.yaml")
POST_DEPLOY = Path("envs/anonbench.post-deploy.sh")

_HEAD = "# Written from requirements.lock by `anonbench environments`. Do not edit.\n"


def read_pins(lock: Path) -> list[str]:
    """Read the `name==version` lines of a lock file."""
    lines = (line.split("#")[0].strip() for line in lock.read_text(encoding="utf-8").splitlines())
    return [line for line in lines if line]


def environments(root: Path) -> dict[Path, str]:
    """Environment for `--software-deployment-method conda`, by path.

    Packages come from the same index at the same versions as in .venv; conda gives Python itself.
    Snakemake runs the script in the new environment, from the repository's root. It installs
    anonbench, and packages whose own version pins must be ignored.
    """
    import yaml

    environment = {
        "channels": ["conda-forge", "nodefaults"],
        "dependencies": ["python=3.11", "pip", {"pip": read_pins(root / LOCK)}],
    }
    install = "pip install --no-deps"
    return {
        CONDA: _HEAD + yaml.safe_dump(environment, sort_keys=False),
        POST_DEPLOY: f"#!/usr/bin/env bash\n{_HEAD}set -eu\n"
        f"{install} --ignore-requires-python {' '.join(read_pins(root / NO_DEPENDENCIES))}\n"
        f"{install} --editable .\n",
    }
