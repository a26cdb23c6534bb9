# Tables, figures and the report.

from anonbench.core.registries.tables import TABLES
from anonbench.datasets.image_sets.neutral_names import without_places
from anonbench.workflow.paths import digests

# A bundle carries no image sets, whose digests a statement names.
hidden_here = [] if settings.bundle else list(experiment.datasets)
named = [Path(file).name for file in workflow.configfiles]
# Regions whose outlines stand for a picture. A bundle carries no digests of them.
outlined = {"boxes": paths.dataset_files("{dataset}/boxes.parquet")}
if not settings.bundle:
    outlined = by_digest(manifests=paths.dataset_files("{dataset}/manifest.parquet"), **outlined)


# What is shown of a data set: of its scores the paper's tables, registered ones
# (anonbench.core.registries.tables), trends, correlations and learning curves, which need no attack and no
# second training; other tables, of other trainings, archives or hashes of all images; of attacks and policy
# registered tables, and fronts of privacy and utility.
for _name, _dataset in experiment.datasets.items():
    _fronts = [each for each in experiment.figures if (each.kind, each.dataset) == ("front", _name)]
    _groups = {
        "scores": (["scores", "comparisons"], experiment.figures_of_scores(_name)),
        "others": ([], []),
        "privacy": (["rates", "scores"] if _fronts else [], _fronts),
    }
    for _group, (_needs, _figures) in _groups.items():
        _others = experiment.grouped_tables(_name)[_group]
        _needs += [need for each in _others for need in TABLES[each]]
        _tables = experiment.tables_of_scores(_name) if _group == "scores" else []
        _degrees = paths.correlated_degrees(_name) if _group == "scores" else []
        _trained = experiment.trained_models(_name)
        _learned = _trained if any(each.kind == "learning" for each in _figures) else []

        if _tables or _others or _figures:

            rule:
                name:
                    f"present_{_group}_{_name}"
                input:
                    **paths.named(_name, *_needs),
                    logs=[
                        paths.training_log(_name, model, experiment.reference_seed)
                        for model in _learned
                    ],
                output:
                    tables=paths.tables(_name) if _tables else [],
                    others=paths.dataset_tables(_name, _others),
                    correlations=[
                        f"<results>/{_name}/correlation/{degree}{end}.csv"
                        for degree in _degrees
                        for end in ("", "_within")
                    ],
                    figures=[file for each in _figures for file in paths.page("figure", each.stem)],
                log:
                    f"<logs>/present/{_name}/{_group}.log",
                benchmark:
                    f"<benchmarks>/present/{_name}/{_group}.tsv"
                conda:
                    "../../envs/anonbench.yaml"
                resources:
                    mem_mb=growing(2000),
                    runtime=growing(20),
                params:
                    code=code_of("present"),
                    dataset=_name,
                    tables=_tables,
                    others=_others,
                    degrees=_degrees,
                    figures=_figures,
                    shown=presentation(
                        "confidence", "widest_interval", *(["dpi"] if _figures else [])
                    ),
                    system=_dataset.system,
                    chance=stage_parameters.chance(settings, _name) if _learned else {},
                    models=list(map(str, _learned)),
                script:
                    "../scripts/present.py"


# Attention on sensitive regions as a table, and drawn, but not in a bundle, which carries no images.
for _name in experiment.trained:
    _drawn = not settings.bundle
    _images = {
        "shown": paths.image_sets(_name, shown.attention(_name)),
        "searched": paths.shown_outcomes(_name),
    }

    rule:
        name:
            f"attention_{_name}"
        input:
            **by_digest(
                clusters=f"{results}/{_name}/clusters.parquet", **(_images if _drawn else {})
            ),
            maps=paths.attended(_name, "npz") if _drawn else [],
            shares=paths.attended(_name, "parquet"),
        output:
            figures=paths.page("figure", f"attention_{_name}") if _drawn else [],
            shares=f"<results>/{_name}/attention/shares.csv",
        log:
            f"<logs>/figure/attention_{_name}.log",
        benchmark:
            f"<benchmarks>/figure/attention_{_name}.tsv"
        conda:
            "../../envs/anonbench.yaml"
        resources:
            mem_mb=growing(2000),
            runtime=growing(20),
        params:
            code=code_of("attention"),
            dataset=_name,
            settings=presentation("confidence", "dpi", "show_originals"),
            models=list(map(str, experiment.attending_models(_name))),
            shown=shown.attention(_name),
        script:
            "../scripts/attention.py"


rule tables:
    input:
        rules.experiment.output,
        rules.scenarios.output,
        [paths.tables(name) for name in experiment.datasets],
        [paths.dataset_tables(name) for name in experiment.datasets],


rule figures:
    input:
        [paths.figures(name) for name in experiment.datasets],


# Counts after everything that the report shows, and again when a job of it has run again: benchmark
# files are no inputs, for they are new each time. It takes none of its own, which would count.
rule cost:
    input:
        rules.tables.input,
        rules.figures.input,
        paths.reported("quality", "explorer", "attention"),
    output:
        "<results>/tables/cost.csv",
    log:
        "<logs>/table/cost.log",
    conda:
        "../../envs/anonbench.yaml"
    resources:
        mem_mb=growing(2000),
        runtime=growing(20),
    params:
        code=code_of("cost"),
        benchmarks=f"{results}/benchmarks",
    script:
        "../scripts/cost.py"


rule report:
    input:
        rules.tables.input,
        rules.cost.output,
        [path for path in rules.figures.input if path.endswith(".png")],
        paths.reported(),
        **outlined,
        digests=[
            digest for name in hidden_here for digest in digests(paths.audited_files(name, "tar"))
        ],
    output:
        "<results>/report.html",
        paths.dataset_files("{dataset}/choices.csv"),
        paths.dataset_files("{dataset}/statement.html"),
        paths.dataset_files("{dataset}/statement.md"),
    log:
        "<logs>/report.log",
    benchmark:
        "<benchmarks>/report.tsv"
    conda:
        "../../envs/anonbench.yaml"
    resources:
        mem_mb=growing(2000),
        runtime=growing(20),
    params:
        code=code_of("report"),
        system=experiment.system_label,
        image_sets={name: paths.audited_sets(name) for name in hidden_here},
        stages=lambda w: {name: code_of(name)(w) for name in ("detect", "anonymize")},
        config=without_places(settings).model_dump(mode="json"),
        paper=paper_data,
        packages=PACKAGES,
        configfiles=[] if named == ["config.yaml"] else named,  # which is read anyway
        # nothing tells where the results lie
        place=lambda w: settings.results.name if settings.results.is_absolute() else results,
    script:
        "../scripts/report.py"
