"""The page of every method, from the methods' classes."""

from __future__ import annotations

import inspect
from collections.abc import Iterator

from settings_page import section_of

from anonbench.config import Anonymization
from anonbench.core.registries.methods import METHODS, Method

RESIDUES = {
    "none": "none of it",
    "coarse": "coarse: means or medians, no detail",
    "most": "**most of it: weak by design**",
    "all": "**all of it, moved or recoloured: weak by design**",
    "unknown": "what its methods leave",
}
HEAD = """\
# Every method

<!-- Written from the methods' classes by `make docs`. Do not edit. -->

`--method NAME` of `anonbench anonymize` and `anonbench evaluate`, and `methods: [NAME]` of a data
set, take any of them. A data set that names none has `pixelate`, `blur` and `mask`. Pictures of all
are in [the gallery](gallery.md); [adding.md](../how-to/adding.md) has the way to add one. A method
with other parameters is one more, by the name `<method>_<strength>`:
[strengths](../how-to/strengths.md).

"What it leaves" is what still is in a hidden region, by construction. What an attacker makes of it
is [measured](../explanation/privacy.md), and depends on the strength. Weak methods are here to be
measured, and as layers over others: do not publish what only they hide. Place and size of a region
can be seen under all of them.
"""
TAIL = """\
## Random numbers

Noise can be subtracted, and a shuffle undone, by whoever can repeat its random numbers. Numbers
from a seed in the config, or from the image's name or published pixels, can be repeated by everyone
who has this program. So they follow from a **secret key** and from all that the result depends on:
HMAC-SHA256 over method, strengths, kind of region and the region's original pixels, expanded by
SHAKE-256. Equal inputs, config and key give equal bytes, with any number of workers. Another
strength or a region that differs in one pixel gives numbers that have nothing to do with the first
ones, so that two versions cannot be subtracted from each other. The same region hidden twice alike
gives the same result, so that averaging over copies gains nothing.

<!-- console: not run; it makes a secret -->
```console
$ openssl rand -hex 32 > anonbench.key; chmod 600 anonbench.key
$ anonbench anonymize photos -o noisy --method noise
```

Whoever has the key can test guesses of what a region shows, and can undo nothing without a guess.
The key is an input: another one makes everything that depends on it again, and it is needed on all
machines that anonymize. Records beside the results have its SHA-256, so make it random: a word as a
key could be guessed from that.

## What the audit proves

Every written image is [audited](../explanation/threat-model.md) for all of them: the region holds
exactly what the method makes of the original, computed in another way (of keyed methods with the
key), and all else is the original's. Of `inpaint` it is proved that the same comes out where the
hidden pixels show something else. Of `layers`, each layer is proved by itself. That a method was
applied as promised says nothing of how much it hides: so a region is compared with the original
once more, and refused where it is
[not hidden at all](../explanation/threat-model.md#regions-that-are-not-hidden). `equalize` leaves
black and white as they are, and is refused there: in a run, such an image is masked instead.

## Where regions overlap

Regions under one method are computed from the same image, and where they overlap, the later one in
the draw order is seen. Where kinds of regions have different methods (`by_entity`), they are hidden
one after the other, first those of which least is left, with all their layers. The next ones see
only what these have left, and change no pixel of theirs. So no method that moves or copies pixels
shows again what a stronger one has hidden, whatever the draw order. A method of another package
that does not say what it leaves comes before those that are weak by design.

Pixels that no region covers are not hidden: a slanted or narrow region under a method that moves
pixels may show some of what lies beside it.

## Shapes

`anonymization.shape` says by entity what of a region is hidden: `box`, as found; `ellipse`,
inside the box; `image`, the whole image as soon as it has such a region. **An ellipse shows the
corners of its box**, 21 % of it: hair, ears, chin, neighbours. Slanted regions stay as they are.

```yaml
anonymization:
  shape: {face: ellipse}
  layers: {methods: [pixelate, noise, blur]}
  by_entity: {face: layers, text: mask, barcode: mask, mrz: mask}
```
"""


def page() -> str:
    """Return the page."""
    rows = [
        f"| `{name}` | {_first(method)} | {RESIDUES[method.residue]} |"
        for name, method in METHODS.items()
    ]
    table = "\n".join(["| name | what it does | what it leaves |", "| --- | --- | --- |", *rows])
    return "\n".join([HEAD, table + "\n", TAIL, *_sections()])


def _first(method: type[Method]) -> str:
    text = inspect.cleandoc(method.__doc__ or "").split("\n\n")[0]
    return " ".join(text.split()).rstrip(".")


def _sections() -> Iterator[str]:
    schema = Anonymization.model_json_schema()
    for name, method in METHODS.items():
        yield f"## `{name}`\n\n{inspect.cleandoc(method.__doc__ or '')}\n"
        if name in schema["properties"]:
            yield f"Strengths, in `anonymization.{name}`:\n"
            yield section_of(schema, name)
