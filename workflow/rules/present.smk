# Tables, figures and the report.

from anonbench.core.registries.tables import TABLES
from anonbench.datasets.image_sets.neutral_names import without_places
from anonbench.reporting.html.page import resources_digest
from anonbench.workflow.paths import digests

# A bundle carries no image sets, whose digests a statement names.
hidden_here = [] if settings.bundle else list(experiment.datasets)
# Regions whose outlines stand for a picture. A bundle carries no digests of them.
outlined = {"boxes": paths.dataset_files("{dataset}/boxes.parquet")}
if not settings.bundle:
    outlined = by_digest(manifests=paths.dataset_files("{dataset}/manifest.parquet"), **outlined)


# The paper's tables of scores: a job a data set.
for _name, _dataset in experiment.datasets.items():

    rule:
        name:
            f"tables_{_name}"
        input:
            scores=f"{results}/{_name}/scores.csv",
            comparisons=f"{results}/{_name}/comparisons.csv",
        output:
            [
                file
                for each in experiment.tables_of_scores(_name)
                for file in table(
                    each.stem, f"{each.kind}, {each.degree} %", "table", _name
                ).values()
            ],
        log:
            f"<logs>/table/{_name}/scores.log",
        benchmark:
            f"<benchmarks>/table/{_name}/scores.tsv"
        conda:
            "../../envs/anonbench.yaml"
        resources:
            mem_mb=growing(2000),
            runtime=growing(20),
        params:
            code=code_of("tables"),
            dataset=_name,
            tables=experiment.tables_of_scores(_name),
            confidence=settings.presentation.confidence,
            system=_dataset.system,
        script:
            "../scripts/tables.py"


# Registered tables (anonbench.core.registries.tables) that the config names: a job a data set for those of
# attacks and policy, and one for the others.
for _name, _dataset in experiment.datasets.items():
    for _group, _tables in experiment.grouped_tables(_name).items():

        rule:
            name:
                f"{_group}_tables_{_name}"
            input:
                **paths.table_inputs(_name, _tables),
            output:
                [
                    file
                    for each in _tables
                    for file in table(f"{each}_{_name}", each, "dataset_table", _name).values()
                ],
            log:
                f"<logs>/table/{_name}/{_group}.log",
            benchmark:
                f"<benchmarks>/table/{_name}/{_group}.tsv"
            conda:
                "../../envs/anonbench.yaml"
            resources:
                mem_mb=growing(2000),
                runtime=growing(20),
            params:
                code=code_of("dataset_tables"),
                dataset=_name,
                captions={each: TABLES[each].caption for each in _tables},
                shown=stage_parameters.show(settings, "confidence", "widest_interval")["settings"],
                system=_dataset.system,
            script:
                "../scripts/dataset_tables.py"


# Trends, correlations and learning curves: a job a data set.
for _name, _dataset in experiment.datasets.items():
    _figures = experiment.figures_of_scores(_name)
    _drawn = [each.degree for each in _figures if each.kind == "correlation"]
    _kinds = {each.kind for each in _figures}

    rule:
        name:
            f"figures_{_name}"
        input:
            scores=f"{results}/{_name}/scores.csv",
            matrices=[f"{results}/{_name}/correlation/{degree}.csv" for degree in _drawn],
            logs=paths.training_logs(_name) if "learning" in _kinds else [],
        output:
            [
                file
                for each in _figures
                for file in figure(each.stem, each.label, each.kind, _name).values()
            ],
        log:
            f"<logs>/figure/{_name}/scores.log",
        benchmark:
            f"<benchmarks>/figure/{_name}/scores.tsv"
        conda:
            "../../envs/anonbench.yaml"
        resources:
            mem_mb=growing(2000),
            runtime=growing(20),
        params:
            code=code_of("score_figures"),
            dataset=_name,
            figures=_figures,
            dpi=settings.presentation.dpi,
            system=_dataset.system,
            chance=stage_parameters.chance(settings, _name) if "learning" in _kinds else {},
            models=list(map(str, experiment.trained_models(_name))),
        script:
            "../scripts/score_figures.py"


# Fronts of privacy and utility, apart: the other figures need no attack.
for _name, _dataset in experiment.datasets.items():

    rule:
        name:
            f"fronts_{_name}"
        input:
            rates=f"{results}/{_name}/privacy/reidentification.csv",
            scores=f"{results}/{_name}/scores.csv",
        output:
            [
                file
                for metric in ("map", "mndcg")
                for file in figure(
                    f"front_{_name}_{metric}", f"privacy-utility front, {metric}", "front", _name
                ).values()
            ],
        log:
            f"<logs>/figure/{_name}/fronts.log",
        benchmark:
            f"<benchmarks>/figure/{_name}/fronts.tsv"
        conda:
            "../../envs/anonbench.yaml"
        resources:
            mem_mb=growing(2000),
            runtime=growing(20),
        params:
            code=code_of("fronts"),
            dataset=_name,
            slice=stage_parameters.show(settings, "dpi", "confidence", "widest_interval"),
            system=_dataset.system,
        script:
            "../scripts/fronts.py"


rule attention_share:
    input:
        **by_digest(clusters="<results>/{dataset}/clusters.parquet"),
        shares=lambda w: paths.attended(w.dataset, "parquet"),
    output:
        "<results>/{dataset}/attention/shares.csv",
    log:
        "<logs>/attention_share/{dataset}.log",
    benchmark:
        "<benchmarks>/attention_share/{dataset}.tsv"
    conda:
        "../../envs/anonbench.yaml"
    resources:
        mem_mb=growing(2000),
        runtime=growing(20),
    params:
        code=code_of("attention_share"),
        slice=stage_parameters.show(settings, "confidence"),
        models=lambda w: shown.attending_models(w.dataset),
    script:
        "../scripts/attention_share.py"


rule tables:
    input:
        rules.experiment.output,
        rules.scenarios.output,
        [paths.tables(name) for name in experiment.datasets],
        paths.dataset_tables(),


rule figures:
    input:
        [paths.figures(name) for name in experiment.datasets],


# Counts after everything that the report shows, and again when a job of it has run again: benchmark
# files are no inputs, for they are new each time. It takes none of its own, which would count.
rule cost:
    input:
        rules.tables.input,
        rules.figures.input,
        paths.dataset_files("{dataset}/quality/summary.csv", paths.measured()),
        paths.explorers(),
        paths.reported()["attention"],
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
        **paths.reported(),
        **outlined,
        digests=[digest for name in hidden_here for digest in digests(paths.published(name))],
    output:
        page("<results>/report.html", "Report", {"what": "answer, tables, figures, explorer"}),
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
        page=resources_digest(),  # templates, style and scripts are code that is not Python
        packages=PACKAGES,
    script:
        "../scripts/report.py"
