"""The numbers, tables, figures and files of the page of findings, from the results of its runs.

`python tools/site/findings.py`, after `snakemake findings` with the configs evidence_*.yaml,
celeba_10k.yaml, celeba_scaling.yaml and documents_4k.yaml, and after tools/site/sensitivity.py.
What was not run here stays as it is. Numbers on the page are written again; read the sentences.
"""

from __future__ import annotations

import re
import shutil
import textwrap
from pathlib import Path

import pandas as pd

from anonbench.core.registries.method_names import in_order
from anonbench.core.vocabulary import ORIGINAL, UNADAPTED
from anonbench.evaluation.correlation import METRICS
from anonbench.reporting.answers import PREDICTED_BY, values_grid
from anonbench.reporting.grid import Grid, GridBlock, to_markdown
from anonbench.reporting.labels import ACCURACIES, METHODS, QUERIES

ROOT = Path(__file__).resolve().parents[2]
RESULTS = ROOT / "results"
PAGE = ROOT / "docs/explanation/findings.md"
FILES = ROOT / "docs/explanation/findings"

SYSTEMS = {
    "faces": "Aligned faces",
    "wild": "Faces in the wild",
    "pages": "Pages",
    "receipts": "Receipts",
    "ids": "ID specimens",
    "barcodes": "Barcodes",
}
"""Data sets that several frozen systems search: results/evidence_<name>/findings."""
STRENGTHS = {name: "strengths" if name == "pages" else name for name in SYSTEMS}
"""Folder of the files that have each data set's strengths: pages have a run of their own."""
TABLES = ("systems", "orders", "price", "way_back", "degrees", "predictors", "answers")
SOURCES = {
    "claims": "celeba_10k/paper/claims.csv",
    "reidentification": "celeba_10k/celeba/privacy/reidentification.csv",
    "generated_claims": "documents_4k/paper/claims.csv",
    "generated_quality": "documents_4k/documents/quality/summary.csv",
}
"""Where a file beside the page comes from."""
MODELS_OF = {"": "celeba_10k", "scaling": "celeba_scaling", "generated": "documents_4k"}
"""Runs whose data sets' effects and accuracies are beside the page, by the files' prefix."""
BY_DEGREE = "documents_4k/documents/scores.csv"
"""Of which the rows are taken that say what a degree changes."""
AS_THEY_ARE = ("demo", "orders", "predictors", "claims", "generated_claims", "sensitivity")
"""Files whose numbers are no shares; those of the others are shown in percent."""
COEFFICIENTS = ("order", "predictor", "lead")
"""Questions of `answers` whose values are coefficients."""
COUNTS = ("systems", "n", "clusters")
"""Columns that count."""


MODELS = ("unadapted", "A", "B", "C")
"""Those whose values by degree are shown."""

PEOPLE = {"recognizer": "Recognizer", "supervised": "Supervised", "naive": "Unadapted model"}


def reidentification_grid(found: pd.DataFrame) -> Grid:
    """Return how often each attacker has the same person first, by gallery."""
    rows = found[(found["rank"] == 1) & (found["regions"] == "all")]
    rows = rows[rows["attacker"].isin(PEOPLE)]
    of = rows.set_index(["method", "against", "attacker"])
    places = list(dict.fromkeys(zip(rows["method"], rows["against"], strict=True)))
    lines = [
        (
            "Originals" if method == ORIGINAL else METHODS[method],
            against,
            *(_rate(of, (method, against, who)) for who in PEOPLE),
        )
        for method, against in places
    ]
    return Grid(
        stem="reidentification",
        title="The same person in another photograph comes first, in percent of the probes",
        notes=(
            f"{rows['n'].max()} probes, a gallery of {rows['gallery'].max()} images; by chance "
            f"{100 * rows['chance'].max():.1f} %.",
        ),
        heads=("Method", "Against", *PEOPLE.values()),
        blocks=(GridBlock("", tuple(lines)),),
        left=2,
    )


def _rate(of: pd.DataFrame, place: tuple[str, str, str], name: str = "rate") -> str:
    if place not in of.index:
        return "–"
    value, low, high = (100 * of[each][place] for each in (name, "low", "high"))
    return f"{value:.1f} ({low:.1f}–{high:.1f})"


_KEY = ["dataset", "degree", "method", "query", "metric", "adaption", "effect"]
_EFFECTS = ("retraining", "anonymizing", "adapting", "lead", "bias")


def effects_of(effects: pd.DataFrame, variances: pd.DataFrame) -> pd.DataFrame:
    """Return effects on mAP and mnDCG at the highest degree, and of retraining."""
    rows = effects[effects["metric"].isin(["map", "mndcg"])]
    rows = rows[(rows["degree"] == rows["degree"].max()) | (rows["effect"] == "retraining")]
    found = rows.merge(variances[[*_KEY, "sd_seed", "sd_query"]], on=_KEY, how="left")
    order = found["effect"].map(_EFFECTS.index)
    columns = ["dataset", "query", "metric", "method", "adaption", "effect", "value", "low", "high"]
    columns += ["verdict", "spread", "sd_seed", "sd_query", "seeds", "references", "n", "clusters"]
    return found.assign(order=order).sort_values("order", kind="stable")[columns]


def accuracies_of(scores: pd.DataFrame) -> pd.DataFrame:
    """Return mean accuracies over trainings, on originals and at the highest degree."""
    rows = scores[scores["metric"].isin(["knn", "linear"])]
    rows = rows[(rows["degree"] == 0) | (rows["degree"] == rows["degree"].max())]
    groups = rows.groupby(["dataset", "method", "adaption", "metric"], sort=False)
    found = groups["value"].agg(value="mean", sd="std", seeds="size")
    return found.join(groups["n"].max()).reset_index()


_STAGES = {"manifest": "all", "detect": "detection", "anonymize": "anonymization"}


def sensitivity_grid(found: pd.DataFrame) -> Grid:
    """Return what systems keep under each change of a setting, and what ran again for it."""
    rows = found[found["query"] == "original"]
    lines = []
    for row in rows.to_dict("records"):
        cells = [
            f"{row[f'{metric}_{method}']:.1f}"
            for metric in ("map", "mndcg")
            for method in ("pixelate", "blur", "mask")
        ]
        first = next((label for stage, label in _STAGES.items() if stage in row["ran"]), "scores")
        lines.append((row["change"], *cells, first, f"{row['cpu_seconds']:.0f}"))
    metrics = [
        f"{metric}, {name}" for metric in ("mAP", "mnDCG") for name in ("pixelate", "blur", "mask")
    ]
    return Grid(
        stem="sensitivity",
        title="Gradients on 1,997 faces with original queries, in percent, by changed setting",
        notes=("Ran again: the first stage to run again; all that depend on it follow.",),
        heads=("Changed", *metrics, "Ran again", "CPU-seconds"),
        blocks=(GridBlock("", tuple(lines)),),
    )


WITH_STRENGTHS = ("pixelate", "blur", "mask")
"""Methods whose strengths are measured on each kind of images."""
KEPT = {"mask", "pixelate", "blur", "replace", "inpaint", "dp_pixelate"}
"""Methods of the tables on the page: others, and strengths, are in the files."""


def kept_grid(found: pd.DataFrame) -> Grid:
    """Return what each system keeps under the main methods."""
    rows = found[(found["query"] == "original") & found["method"].isin(KEPT)]
    return values_grid(rows)


def order_grid(found: pd.DataFrame) -> Grid:
    """Return the mean agreement of two systems' orders of methods, by data set."""
    rows = found[(found["question"] == "order") & (found["case"] == "map")]
    of = rows.set_index(["data", "query"])
    lines = [
        (
            SYSTEMS[name],
            str(of.loc[name]["systems"].max()),
            *(_mean(of, (name, q)) for q in QUERIES),
        )
        for name in dict.fromkeys(rows["data"])
    ]
    return Grid(
        stem="order",
        title="Mean Kendall’s τ of two systems’ orders of methods, by mAP",
        notes=("In parentheses the interval over systems.",),
        heads=("Images", "Systems", "Original queries", "Anonymized queries"),
        blocks=(GridBlock("", tuple(lines)),),
    )


def predictor_grid(found: pd.DataFrame) -> Grid:
    """Return the mean correlation of each retrieval metric with each accuracy, by data set."""
    rows = found[found["question"] == "predictor"]
    rows = rows[rows["degree"] == rows.groupby("data")["degree"].transform("max")]
    of = rows.dropna(subset=["value"]).set_index(["data", "case"])
    lines = [
        (SYSTEMS[name], label, *(_mean(of, (name, f"{each} {accuracy}")) for each in PREDICTED_BY))
        for name in dict.fromkeys(of.index.get_level_values("data"))
        for accuracy, label in ACCURACIES.items()
    ]
    return Grid(
        stem="predictors",
        title="Mean over systems of Pearson’s coefficient over methods, with all regions hidden",
        notes=("In parentheses the interval over systems.",),
        heads=("Images", "Accuracy", *(METRICS[each] for each in PREDICTED_BY)),
        blocks=(GridBlock("", tuple(lines)),),
        left=2,
    )


def price_grid(found: pd.DataFrame) -> Grid:
    """Return what methods keep and what the strongest attack finds, in the mean over systems."""
    rows = found[(found["query"] == "original") & (found["case"] == UNADAPTED)]
    rows = rows[(rows["degree"] == rows["degree"].max()) & rows["method"].isin(KEPT)]
    of = rows.assign(**{end: 100 * rows[end] for end in ("value", "low", "high")})
    of = of.set_index(["question", "method"])
    lines = [
        (METHODS[method], *(_mean(of, (each, method), 1) for each in ("kept", "attack")))
        for method in in_order(rows["method"])
    ]
    return Grid(
        stem="price",
        title="Mean over systems of mAP with original queries and of the strongest attack’s rate",
        notes=("In percent; in parentheses the interval over systems.",),
        heads=("Method", "mAP", "Strongest attack"),
        blocks=(GridBlock("", tuple(lines)),),
    )


def strengths_grid(found: pd.DataFrame) -> Grid:
    """Return what each strength keeps, and what the strongest attack finds, by data set."""
    rows = found[(found["query"] == "original") & (found["case"] == UNADAPTED)]
    rows = rows[rows["degree"] == rows.groupby("data")["degree"].transform("max")]
    values = (100 * rows.set_index(["data", "method", "question"])["value"]).unstack()
    methods = [name for name in in_order(rows["method"]) if name.split("_")[0] in WITH_STRENGTHS]
    names = list(dict.fromkeys(rows["data"]))
    cells = values.reindex(pd.MultiIndex.from_product([names, methods])).map(
        lambda number: "–" if pd.isna(number) else f"{number:.0f}"
    )
    lines = [
        (
            METHODS[method],
            *("/".join(cells.loc[(name, method), ["kept", "attack"]]) for name in names),
        )
        for method in methods
    ]
    return Grid(
        stem="strengths",
        title="mAP with original queries/strongest attack’s rate, in percent",
        notes=("Means over systems, all regions hidden.",),
        heads=("Method", *(SYSTEMS[name] for name in names)),
        blocks=(GridBlock("", tuple(lines)),),
    )


def _mean(of: pd.DataFrame, place: tuple[str, str], digits: int = 2) -> str:
    if place not in of.index:
        return "–"
    row = of.loc[place]
    shown = f"{row['value']:.{digits}f}"
    if not pd.isna(row["low"]):
        shown += f" ({row['low']:.{digits}f} to {row['high']:.{digits}f})"
    return shown.replace("-", "−")


def data_grid(found: pd.DataFrame) -> Grid:
    """Return the number of searched images, groups, systems and methods of each data set."""
    lines = []
    for name in dict.fromkeys(found["data"]):
        rows = found[found["data"] == name]
        counts = [rows["n"].max(), rows["clusters"].max()]
        counts += [rows["system"].nunique(), rows["method"].nunique()]
        lines.append((SYSTEMS[name], *(f"{count:,.0f}" for count in counts)))
    return Grid(
        stem="data",
        title="Searched images",
        notes=("Groups are persons, classes of pages or forms; intervals are over groups.",),
        heads=("Images", "Searched", "Groups", "Systems", "Methods"),
        blocks=(GridBlock("", tuple(lines)),),
    )


GRIDS = {
    "reidentification": reidentification_grid,
    **{f"{name}/kept": kept_grid for name in SYSTEMS},
    "order": order_grid,
    "data": data_grid,
    "predictors": predictor_grid,
    **{f"{name}/price": price_grid for name in SYSTEMS},
    "sensitivity": sensitivity_grid,
    "strengths": strengths_grid,
}
"""How the table of a file is laid out on the page."""
_TABLE = re.compile(r"(?s)(<!-- table: ([\w/]+) -->\n).*?(<!-- end -->)")
_SHOWN = r"[−+]?[\d.]+"
NUMBER = re.compile(rf"({_SHOWN})((?: %)?<!-- ([\w/]+): ([^>]*?) -->)")
INTERVAL = re.compile(
    rf"({_SHOWN})( %)? \(({_SHOWN}) to ({_SHOWN})\)(<!-- ([\w/]+): (\w+) interval, ([^>]*?) -->)"
)


def read(name: str) -> pd.DataFrame:
    """Return a file that is committed beside the page."""
    return pd.read_csv(FILES / f"{name}.csv", keep_default_na=False, na_values=[""])


def _table(name: str) -> pd.DataFrame:
    """Return the rows that a table of the page shows."""
    if name.endswith("/price"):
        return read(name.replace("price", "answers"))
    if name == "strengths":
        return pd.concat(read(f"{STRENGTHS[each]}/answers").assign(data=each) for each in there())
    if file := {"order": "answers", "predictors": "answers", "data": "systems"}.get(name):
        return pd.concat(read(f"{each}/{file}").assign(data=each) for each in there())
    return read(f"{name.removesuffix('/kept')}/systems" if name.endswith("/kept") else name)


def there() -> list[str]:
    """Return the data sets whose tables are committed beside the page."""
    return [name for name in SYSTEMS if (FILES / name / "systems.csv").exists()]


def with_tables(text: str) -> str:
    """Return a page's text with its tables as the files have them."""

    def table(found: re.Match[str]) -> str:
        lines = to_markdown(GRIDS[found[2]](_table(found[2]))).splitlines()
        wrapped = (line if line[:1] == "|" else textwrap.fill(line, 119) for line in lines)
        return "\n".join((found[1].rstrip("\n"), *wrapped, found[3]))

    return _TABLE.sub(table, text)


def numbers(text: str) -> list[tuple[str, str, list[str]]]:
    """Return the numbers of a page that name where they stand: number, file, and the cell.

    A cell is the column's name, and values that only one row of the file has.
    """
    return [(each[1], each[3], _cell(each[4])) for each in NUMBER.finditer(text)]


def _cell(text: str) -> list[str]:
    return " ".join(text.split()).split(", ")


def shown(number: str, file: str, text: str) -> str:
    """Return a number as its cell has it, with the digits and the sign of the one that is there."""
    cell = _cell(text)
    plain = Path(file).name in AS_THEY_ARE or cell[0] in COUNTS
    plain |= Path(file).name == "answers" and bool({*COEFFICIENTS} & {*cell})
    sign = "+" if number.startswith("+") else ""
    decimals = len(number.partition(".")[2])
    return f"{value(file, cell) * (1 if plain else 100):{sign}.{decimals}f}".replace("-", "−")


def with_numbers(text: str) -> str:
    """Return a page's text with its numbers, and their intervals, as the files have them."""

    def whole(found: re.Match[str]) -> str:
        file, column, row = found.group(6, 7, 8)
        names = zip(found.group(1, 3, 4), (column, "low", "high"), strict=True)
        value, low, high = (shown(number, file, f"{name}, {row}") for number, name in names)
        return f"{value}{found[2] or ''} ({low} to {high}){found[5]}"

    text = INTERVAL.sub(whole, text)
    return NUMBER.sub(lambda found: shown(*found.group(1, 3, 4)) + found[2], text)


def value(file: str, cell: list[str]) -> float:
    """Return a number of a file.

    Raises:
        ValueError: no row of the file has these values, or several have.
    """
    column, *values = cell
    table = read(file).convert_dtypes()  # a degree that some rows lack is a whole number
    rows = table[[set(values) <= set(map(str, row)) for row in table.itertuples(index=False)]]
    if len(rows) != 1:
        raise ValueError(f"{len(rows)} rows of {file}.csv have {', '.join(values)}")
    return float(rows.iloc[0][column])


def excerpt(scores: pd.DataFrame) -> pd.DataFrame:
    """Return mAP with original queries and k-NN accuracy of each model, by method and degree."""
    rows = scores[(scores["metric"] == "knn") | (scores["query"] == "original")]
    rows = rows[rows["metric"].isin(["knn", "map"]) & rows["adaption"].isin(MODELS)]
    columns = ["metric", "method", "degree", "adaption", "value", "low", "high", "n"]
    return rows[columns].sort_values(columns[:4], ignore_index=True)


def main() -> None:
    """Bring the page up to the results."""
    copies = {f"{name}.csv": place for name, place in SOURCES.items()}
    for name in {*SYSTEMS, *STRENGTHS.values()}:
        copies |= {f"{name}/{t}.csv": f"evidence_{name}/findings/{t}.csv" for t in TABLES}
    for target, place in copies.items():
        if (RESULTS / place).exists():
            (FILES / target).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(RESULTS / place, FILES / target)
    for prefix, run in MODELS_OF.items():
        files = {
            name: [pd.read_csv(path) for path in sorted((RESULTS / run).glob(f"*/{name}.csv"))]
            for name in ("effects", "variance", "scores")
        }
        if files["effects"]:
            effects, variances, scores = map(pd.concat, files.values())
            effects_of(effects, variances).to_csv(FILES / f"{prefix or 'models'}.csv", index=False)
            name = f"{prefix}_accuracy".lstrip("_")
            accuracies_of(scores).to_csv(FILES / f"{name}.csv", index=False)
    if (RESULTS / BY_DEGREE).exists():
        rows = excerpt(pd.read_csv(RESULTS / BY_DEGREE))
        rows.to_csv(FILES / "generated_degrees.csv", index=False)
    text = with_numbers(with_tables(PAGE.read_text(encoding="utf-8")))
    PAGE.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
