# Attacks on the anonymized validation images: a job a data set, in which each model is loaded once;
# then their rates, a table and the privacy-utility front.


import inspect

from anonbench.core.tables import TABLES


include: "privacy_inputs.smk"


rule reidentify:
    input:
        lambda w: digests(attacked_sets(w.dataset)),
        lambda w: digests(attacking_backbones(w.dataset)),
        digest_file(rules.manifest.output.manifest),
        digest_file(rules.boxes.output.boxes),
        manifest=ancient(rules.manifest.output.manifest),
        boxes=ancient(rules.boxes.output.boxes),
        images=lambda w: ancient(attacked_sets(w.dataset)),
        backbones=lambda w: ancient(attacking_backbones(w.dataset)),
        attackers=attackers(),
    output:
        digest_file(f"{results}/{{dataset}}/privacy/probes.parquet"),
        probes=f"{results}/{{dataset}}/privacy/probes.parquet",
    log:
        f"{logs}/reidentify/{{dataset}}.log",
    benchmark:
        f"{benchmarks}/reidentify/{{dataset}}.tsv"
    conda:
        CONDA
    threads: 1
    resources:
        gpu=lambda w: estimates.embedding_gpus(w.dataset),
        mem_mb=lambda w: estimates.attack_mb(w.dataset),
        runtime=lambda w: estimates.minutes("privacy", w.dataset),
    params:
        slice=stage_parameters.privacy(settings),
        given=contents(attackers()),
        variants=lambda w: attacked_variants(w.dataset),
        sought=lambda w: list(map(str, experiment.entities(w.dataset))),
    script:
        "../scripts/reidentify.py"


rule reidentification:
    input:
        digest_file(rules.reidentify.output.probes),
        probes=ancient(rules.reidentify.output.probes),
    output:
        f"{results}/{{dataset}}/privacy/reidentification.csv",
    log:
        f"{logs}/reidentification/{{dataset}}.log",
    benchmark:
        f"{benchmarks}/reidentification/{{dataset}}.tsv"
    conda:
        CONDA
    threads: 1
    resources:
        mem_mb=1000,
        runtime=5,
    params:
        slice=stage_parameters.comparisons(settings),
    script:
        "../scripts/reidentification.py"


# Each registered table (anonbench.core.tables) that the config names.
rule dataset_table:
    input:
        unpack(table_inputs),
    output:
        csv=report(
            f"{results}/tables/{{table}}_{{dataset}}.csv",
            caption="../report/dataset_table.rst",
            category="Tables",
            subcategory="{dataset}",
            labels={"table": "{table}"},
        ),
        markdown=f"{results}/tables/{{table}}_{{dataset}}.md",
        latex=f"{results}/tables/{{table}}_{{dataset}}.tex",
    log:
        f"{logs}/table/{{table}}_{{dataset}}.log",
    benchmark:
        f"{benchmarks}/table/{{table}}_{{dataset}}.tsv"
    wildcard_constraints:
        table="|".join(experiment.dataset_tables) or "(?!)",
    conda:
        CONDA
    threads: 1
    resources:
        mem_mb=1000,
        runtime=5,
    params:
        slice=lambda w: stage_parameters.dataset_table(settings, w.table),
        caption=lambda w: inspect.getdoc(TABLES[w.table]),
    script:
        "../scripts/dataset_table.py"


rule front:
    input:
        rates=rules.reidentification.output[0],
        scores=rules.scores.output[0],
    output:
        png=report(
            f"{results}/figures/front_{{dataset}}_{{metric}}.png",
            caption="../report/front.rst",
            category="Figures",
            subcategory="{dataset}",
            labels={"figure": "privacy-utility front, {metric}"},
        ),
        svg=f"{results}/figures/front_{{dataset}}_{{metric}}.svg",
        column_png=f"{results}/figures/front_{{dataset}}_{{metric}}_column.png",
        column_svg=f"{results}/figures/front_{{dataset}}_{{metric}}_column.svg",
    log:
        f"{logs}/figure/front_{{dataset}}_{{metric}}.log",
    benchmark:
        f"{benchmarks}/figure/front_{{dataset}}_{{metric}}.tsv"
    wildcard_constraints:
        metric="map|mndcg",
    conda:
        CONDA
    threads: 1
    resources:
        mem_mb=1000,
        runtime=5,
    params:
        slice=stage_parameters.show(settings, "dpi", "confidence", "widest_interval"),
    script:
        "../scripts/front.py"
