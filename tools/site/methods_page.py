"""The page of every method, from the methods' classes."""

from __future__ import annotations

import inspect
from collections.abc import Iterator

from settings_page import anchor, shown

from anonbench.config import Anonymization
from anonbench.core.registries.methods import METHODS, Method

INFORMATION_LEVELS = {
    "none": "none of it",
    "coarse": "coarse: means, medians or colours, no detail",
    "most": "**most of it: weak by design**",
    "all": "**all of it, moved or recoloured: weak by design**",
    "unknown": "what its methods leave",
}
HEAD = """\
# Every method

<!-- Written from the methods' classes by `make docs`. Do not edit. -->

`--method NAME` of `anonbench anonymize` and `anonbench evaluate`, and `methods: [NAME]` of a data
set, accept any of these methods. A data set without `methods` has `pixelate`, `blur` and `mask`.
[The gallery](gallery.md) shows all of them; [adding.md](../how-to/adding.md) says how to add one. A
method can be used at several [strengths](../how-to/strengths.md), as `<method>_<strength>`.

"What it leaves" is what a hidden region still contains by construction. What attackers find in it
is [measured](../explanation/privacy.md) and depends on the strength. Weak methods are here for
comparison, and as layers over others: do not publish images that only they hide. A region's place
and size are visible under every method.
"""
TAIL = """\
## Random numbers

Anyone who can repeat a method's random numbers can subtract its noise or undo its shuffle. So the
numbers do not come from a seed in the config. They come from a **secret key** and everything that
the result depends on: HMAC-SHA256 over method, strengths, kind of region and the region's original
pixels, expanded by SHAKE-256. Equal inputs, config and key give equal bytes, with any number of
workers. Another strength, or a region that differs in one pixel, gives unrelated numbers, so two
versions cannot be subtracted from each other. The same region hidden twice gives the same result,
so averaging copies reveals nothing.

<!-- console: not run; it makes a secret -->
```console
$ openssl rand -hex 32 > anonbench.key; chmod 600 anonbench.key
$ anonbench anonymize photos -o noisy --method noise
```

Anyone who has the key can test guesses of what a region shows, but cannot undo anything without a
guess. The key is an input: all machines that anonymize need it, and after a change of the key,
everything that depends on it is made again. Records beside the results have its SHA-256, so make it
random: a word could be guessed.

## What the audit proves

Every written image is [audited](../explanation/threat-model.md): the region contains exactly what
the method computes from the original, calculated in another way (for keyed methods with the key).
All other pixels are the original's. For `inpaint` the audit proves that other hidden pixels give
the same result. Each layer of `layers` is checked separately. This does not show how much a method
hides. So each region is also compared with the original, and refused if it is
[not hidden at all](../explanation/threat-model.md#regions-that-are-not-hidden). For example,
`equalize` leaves black and white unchanged; a run masks such an image instead.

## Where regions overlap

All regions of one method are computed from the same image. Where they overlap, the later one in
the draw order is visible. If kinds of regions have different methods (`by_entity`), the methods
that leave least are applied first, with all their layers. Later ones see only the result, and do
not change its pixels. So no method that moves or copies pixels reveals what a stronger one hid.
Methods of other packages that do not say what they leave come before those that are weak by design.

Pixels that no region covers are not hidden. A method that moves pixels may show some of what is
beside a slanted or narrow region.

## Shapes

`anonymization.shape` says what is hidden for each kind of region: the `box` as found, the `ellipse`
inside the box, or the whole `image` if it has such a region. **An ellipse shows the corners of its
box**, 21 % of it: hair, ears, chin, neighbours. Slanted regions keep their shape.

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
        f"| `{name}` | {_first(method)} | {INFORMATION_LEVELS[method.information_left]} |"
        for name, method in METHODS.items()
    ]
    table = "\n".join(["| name | what it does | what it leaves |", "| --- | --- | --- |", *rows])
    return "\n".join([HEAD, table + "\n", TAIL, *_sections()])


def _first(method: type[Method]) -> str:
    text = inspect.cleandoc(method.__doc__ or "").split("\n\n")[0]
    return " ".join(text.split()).rstrip(".")


def _sections() -> Iterator[str]:
    schema = Anonymization.model_json_schema()
    common = {section.heading for section in shown(common=True)}
    for name, method in METHODS.items():
        yield f"## `{name}`\n\n{inspect.cleandoc(method.__doc__ or '')}\n"
        if name in schema["properties"]:
            section = f"anonymization.{name}"
            page = "settings.md" if f"`{section}`" in common else "settings-expert.md"
            yield f"Settings: [`{section}`]({page}#{anchor(section)}).\n"
