# Tables, figures and the report: a job each.

from anonbench.datasets.neutral_names import without_places


rule table:
    input:
        scores=rules.scores.output[0],
        comparisons=rules.comparisons.output[0],
    output:
        csv=report(
            f"{results}/tables/{{kind}}_{{dataset}}_{{degree}}.csv",
            caption="../report/table.rst",
            category="Tables",
            subcategory="{dataset}",
            labels={"table": "{kind}, {degree} %"},
        ),
        markdown=f"{results}/tables/{{kind}}_{{dataset}}_{{degree}}.md",
        latex=f"{results}/tables/{{kind}}_{{dataset}}_{{degree}}.tex",
    log:
        f"{logs}/table/{{kind}}_{{dataset}}_{{degree}}.log",
    benchmark:
        f"{benchmarks}/table/{{kind}}_{{dataset}}_{{degree}}.tsv"
    conda:
        CONDA
    threads: 1
    resources:
        mem_mb=1000,
        runtime=5,
    params:
        slice=stage_parameters.show(settings, "confidence"),
        table=lambda w: experiment.table(f"{w.kind}_{w.dataset}_{w.degree}"),
    script:
        "../scripts/table.py"


rule sizes:
    input:
        expand(plain(rules.boxes.output.counts), dataset=experiment.datasets),
    output:
        csv=report(
            f"{results}/tables/sizes.csv",
            caption="../report/sizes.rst",
            category="Tables",
            labels={"table": "images of each data set"},
        ),
        markdown=f"{results}/tables/sizes.md",
        latex=f"{results}/tables/sizes.tex",
    log:
        f"{logs}/table/sizes.log",
    benchmark:
        f"{benchmarks}/table/sizes.tsv"
    conda:
        CONDA
    threads: 1
    resources:
        mem_mb=1000,
        runtime=5,
    params:
        datasets=list(experiment.datasets),
    script:
        "../scripts/sizes.py"


rule examples:
    input:
        lambda w: digests(example_sets(w)),
        lambda w: digests(outcomes(w.dataset)),
        shown=lambda w: ancient(example_sets(w)),
        searched=lambda w: ancient(outcomes(w.dataset)),
    output:
        png=report(
            f"{results}/figures/examples_{{dataset}}.png",
            caption="../report/examples.rst",
            category="Figures",
            subcategory="{dataset}",
            labels={"figure": "anonymized images"},
        ),
        svg=f"{results}/figures/examples_{{dataset}}.svg",
    log:
        f"{logs}/figure/examples_{{dataset}}.log",
    benchmark:
        f"{benchmarks}/figure/examples_{{dataset}}.tsv"
    conda:
        CONDA
    threads: 1
    resources:
        mem_mb=1500,
        runtime=10,
    params:
        slice=stage_parameters.show(settings, "show_originals", "example_images", "dpi"),
        variants=example_variants,
    script:
        "../scripts/examples.py"


rule heatmap:
    input:
        rules.correlate.output.matrix,
    output:
        png=report(
            f"{results}/figures/correlation_{{dataset}}_{{degree}}.png",
            caption="../report/correlation.rst",
            category="Figures",
            subcategory="{dataset}",
            labels={"figure": "correlations, {degree} %"},
        ),
        svg=f"{results}/figures/correlation_{{dataset}}_{{degree}}.svg",
    log:
        f"{logs}/figure/correlation_{{dataset}}_{{degree}}.log",
    benchmark:
        f"{benchmarks}/figure/correlation_{{dataset}}_{{degree}}.tsv"
    conda:
        CONDA
    threads: 1
    resources:
        mem_mb=1000,
        runtime=5,
    params:
        slice=stage_parameters.show(settings, "dpi"),
        title=lambda w: f"{w.dataset}, {w.degree} %",
    script:
        "../scripts/heatmap.py"


rule trend:
    input:
        rules.scores.output,
    output:
        png=report(
            f"{results}/figures/trend_{{dataset}}_{{trend}}.png",
            caption="../report/trend.rst",
            category="Figures",
            subcategory="{dataset}",
            labels={"figure": "{trend} against degree"},
        ),
        svg=f"{results}/figures/trend_{{dataset}}_{{trend}}.svg",
    log:
        f"{logs}/figure/trend_{{dataset}}_{{trend}}.log",
    benchmark:
        f"{benchmarks}/figure/trend_{{dataset}}_{{trend}}.tsv"
    conda:
        CONDA
    threads: 1
    resources:
        mem_mb=1000,
        runtime=5,
    params:
        slice=stage_parameters.show(settings, "dpi"),
    script:
        "../scripts/trend.py"


rule learning:
    input:
        lambda w: list(histories(w).values()),
    output:
        png=report(
            f"{results}/figures/learning_{{dataset}}.png",
            caption="../report/learning.rst",
            category="Figures",
            subcategory="{dataset}",
            labels={"figure": "learning curves"},
        ),
        svg=f"{results}/figures/learning_{{dataset}}.svg",
    log:
        f"{logs}/figure/learning_{{dataset}}.log",
    benchmark:
        f"{benchmarks}/figure/learning_{{dataset}}.tsv"
    conda:
        CONDA
    threads: 1
    resources:
        mem_mb=1000,
        runtime=5,
    params:
        slice=stage_parameters.show(settings, "dpi"),
        chance=lambda w: stage_parameters.chance(settings, w.dataset),
        models=lambda w: list(histories(w)),
    script:
        "../scripts/learning.py"


use rule learning as learning_model with:
    input:
        f"{results}/{{dataset}}/models/{{model}}/seed{{seed}}/log.csv",
    output:
        png=f"{results}/figures/learning/{{dataset}}/{{model}}-seed{{seed}}.png",
        svg=f"{results}/figures/learning/{{dataset}}/{{model}}-seed{{seed}}.svg",
    log:
        f"{logs}/figure/learning/{{dataset}}/{{model}}-seed{{seed}}.log",
    benchmark:
        f"{benchmarks}/figure/learning/{{dataset}}/{{model}}-seed{{seed}}.tsv"
    params:
        slice=stage_parameters.show(settings, "dpi"),
        chance=lambda w: stage_parameters.chance(settings, w.dataset),
        models=lambda w: [w.model],


rule learning_curves:
    input:
        learning_figures(),


rule schedules:
    output:
        png=report(
            f"{results}/figures/schedules_{{dataset}}.png",
            caption="../report/schedules.rst",
            category="Figures",
            subcategory="{dataset}",
            labels={"figure": "schedules"},
        ),
        svg=f"{results}/figures/schedules_{{dataset}}.svg",
    log:
        f"{logs}/figure/schedules_{{dataset}}.log",
    benchmark:
        f"{benchmarks}/figure/schedules_{{dataset}}.tsv"
    conda:
        CONDA
    threads: 1
    resources:
        mem_mb=1000,
        runtime=5,
    params:
        slice=stage_parameters.show(settings, "dpi"),
        recipe=lambda w: stage_parameters.schedules(settings, w.dataset)["recipe"],
    script:
        "../scripts/schedules.py"


rule tables:
    input:
        rules.sizes.output,
        rules.profiles.output,
        expand(
            f"{results}/tables/scenarios_{{dataset}}.{{suffix}}",
            dataset=experiment.datasets,
            suffix=TABLE_SUFFIXES,
        ),
        [table_files(name) for name in experiment.datasets],
        expand(
            f"{results}/tables/{{table}}_{{dataset}}.{{suffix}}",
            table=experiment.dataset_tables,
            dataset=experiment.datasets,
            suffix=TABLE_SUFFIXES,
        ),


rule figures:
    input:
        rules.pipeline.output,
        [figure_files(name) for name in experiment.datasets],


# Counts after everything that the report shows, and again when a job of it has run again: benchmark
# files are no inputs, for they are new each time. It takes none of its own, which would count.
rule cost:
    input:
        rules.tables.input,
        rules.figures.input,
        expand(plain(rules.quality.output.summary), dataset=measured()),
        explorers(),
    output:
        csv=f"{results}/tables/cost.csv",
        machines=f"{results}/tables/machines.csv",
        png=report(
            f"{results}/figures/cost.png",
            caption="../report/cost.rst",
            category="Figures",
            labels={"figure": "cost of each stage"},
        ),
        svg=f"{results}/figures/cost.svg",
    log:
        f"{logs}/figure/cost.log",
    conda:
        CONDA
    threads: 1
    resources:
        mem_mb=1000,
        runtime=5,
    params:
        slice=stage_parameters.show(settings, "dpi"),
        benchmarks=benchmarks,
        logs=logs,
    script:
        "../scripts/cost.py"


rule costs:
    input:
        rules.cost.output,


rule report:
    input:
        rules.tables.input,
        rules.cost.output,
        [path for path in rules.figures.input if path.endswith(".png")],
        scores=expand(plain(rules.scores.output), dataset=experiment.datasets),
        comparisons=expand(plain(rules.comparisons.output), dataset=experiment.datasets),
        counts=expand(plain(rules.boxes.output.counts), dataset=experiment.datasets),
        skipped=expand(plain(rules.boxes.output.skipped), dataset=experiment.datasets),
        audits=expand(plain(rules.audit.output), dataset=experiment.datasets),
        quality=expand(plain(rules.quality.output.summary), dataset=measured()),
        explorers=explorers(),
        rates=privacy_files("{dataset}/privacy/reidentification.csv"),
        correlations=[
            f"{results}/{figure.dataset}/correlation/{figure.degree}.csv"
            for figure in experiment.figures
            if figure.kind == "correlation"
        ],
    output:
        report(
            f"{results}/report.html",
            caption="../report/report.rst",
            category="Report",
            labels={"what": "answer, tables, figures, explorer"},
        ),
    log:
        f"{logs}/report.log",
    benchmark:
        f"{benchmarks}/report.tsv"
    conda:
        CONDA
    threads: 1
    resources:
        mem_mb=2000,
        runtime=10,
    params:
        config=without_places(settings).model_dump(mode="json"),
        paper=paper_data,
        added=stage_parameters.report(settings),
        page=resources_digest(),  # templates, style and scripts are code that is not Python
        packages=[
            "torch",
            "timm",
            "facenet-pytorch",
            "paddleocr",
            "onnxruntime",
            "zxing-cpp",
        ]
        + ["opencv-contrib-python", "numpy", "scikit-learn", "snakemake"],
    script:
        "../scripts/report.py"
