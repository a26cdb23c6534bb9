# Figures of the pipeline, of what is retrieved, and of attention.


include: "figure_inputs.smk"


rule pipeline:
    output:
        png=report(
            f"{results}/figures/pipeline.png",
            caption="../report/pipeline.rst",
            category="Figures",
            labels={"figure": "pipeline"},
        ),
        svg=f"{results}/figures/pipeline.svg",
    log:
        f"{logs}/figure/pipeline.log",
    benchmark:
        f"{benchmarks}/figure/pipeline.tsv"
    conda:
        CONDA
    threads: 1
    resources:
        mem_mb=1000,
        runtime=5,
    params:
        slice=stage_parameters.show(settings, "dpi"),
        rules=pipeline_rules,
        reads=pipeline_reads,
    script:
        "../scripts/pipeline.py"


rule figure_1:
    input:
        rules.pipeline.output,


rule gallery:
    input:
        lambda w: digests([reference_embedding(w.dataset), *gallery_files(w.dataset)]),
        lambda w: digests(chain.from_iterable(gallery_sets(w.dataset).values())),
        lambda w: digests(outcomes(w.dataset)),
        scores=rules.scores.output[0],
        searched=lambda w: ancient(outcomes(w.dataset)),
        reference=lambda w: ancient(reference_embedding(w.dataset)),
        embeddings=lambda w: ancient(gallery_files(w.dataset)),
        shown=lambda w: ancient(
            list(chain.from_iterable(gallery_sets(w.dataset).values()))
        ),
    output:
        png=report(
            f"{results}/figures/gallery_{{dataset}}.png",
            caption="../report/gallery.rst",
            category="Figures",
            subcategory="{dataset}",
            labels={"figure": "retrieval gallery"},
        ),
        svg=f"{results}/figures/gallery_{{dataset}}.svg",
    log:
        f"{logs}/figure/gallery_{{dataset}}.log",
    benchmark:
        f"{benchmarks}/figure/gallery_{{dataset}}.tsv"
    conda:
        CONDA
    threads: 1
    resources:
        mem_mb=lambda w: estimates.embedding_mb(w.dataset),
        runtime=10,
    params:
        slice=stage_parameters.show(settings, "show_originals", "dpi"),
        scenarios=lambda w: [
            (str(s.model), str(s.variant)) for s in gallery_scenarios(w.dataset)
        ],
        shown=lambda w: list(gallery_sets(w.dataset)),
    script:
        "../scripts/gallery.py"


rule attend:
    input:
        lambda w: digests([attending_backbone(w), *attended_sets(w.dataset)]),
        digest_file(rules.boxes.output.boxes),
        backbone=lambda w: ancient(attending_backbone(w)),
        boxes=ancient(rules.boxes.output.boxes),
        images=lambda w: ancient(attended_sets(w.dataset)),
    output:
        maps=f"{results}/{{dataset}}/attention/{{model}}.npz",
        shares=f"{results}/{{dataset}}/attention/{{model}}.parquet",
    log:
        f"{logs}/attend/{{dataset}}/{{model}}.log",
    benchmark:
        f"{benchmarks}/attend/{{dataset}}/{{model}}.tsv"
    conda:
        CONDA
    threads: 1
    resources:
        mem_mb=lambda w: estimates.embedding_mb(w.dataset),
        runtime=lambda w: estimates.minutes("embed", w.dataset),
    params:
        slice=stage_parameters.show(settings, "attention_images"),
        variants=lambda w: ["original", str(shown_variant(w.dataset))],
    script:
        "../scripts/attend.py"


rule attention:
    input:
        lambda w: digests(attention_sets(w.dataset)),
        lambda w: digests(outcomes(w.dataset)),
        maps=lambda w: attending_files(w.dataset, "npz"),
        shown=lambda w: ancient(attention_sets(w.dataset)),
        searched=lambda w: ancient(outcomes(w.dataset)),
    output:
        png=report(
            f"{results}/figures/attention_{{dataset}}.png",
            caption="../report/attention.rst",
            category="Figures",
            subcategory="{dataset}",
            labels={"figure": "attention maps"},
        ),
        svg=f"{results}/figures/attention_{{dataset}}.svg",
    log:
        f"{logs}/figure/attention_{{dataset}}.log",
    benchmark:
        f"{benchmarks}/figure/attention_{{dataset}}.tsv"
    conda:
        CONDA
    threads: 1
    resources:
        mem_mb=1500,
        runtime=5,
    params:
        slice=stage_parameters.show(settings, "show_originals", "dpi"),
        models=lambda w: [str(model) for model in attending_models(w.dataset)],
        shown=lambda w: list(shown_sets(w.dataset, [shown_variant(w.dataset)])),
    script:
        "../scripts/attention.py"


rule attention_share:
    input:
        lambda w: attending_files(w.dataset, "parquet"),
    output:
        csv=f"{results}/{{dataset}}/attention/shares.csv",
        png=report(
            f"{results}/figures/attention_share_{{dataset}}.png",
            caption="../report/attention_share.rst",
            category="Figures",
            subcategory="{dataset}",
            labels={"figure": "attention inside regions"},
        ),
        svg=f"{results}/figures/attention_share_{{dataset}}.svg",
    log:
        f"{logs}/figure/attention_share_{{dataset}}.log",
    benchmark:
        f"{benchmarks}/figure/attention_share_{{dataset}}.tsv"
    conda:
        CONDA
    threads: 1
    resources:
        mem_mb=1500,
        runtime=5,
    params:
        slice=stage_parameters.show(settings, "bootstrap", "confidence", "dpi"),
        models=lambda w: [str(model) for model in attending_models(w.dataset)],
    script:
        "../scripts/attention_share.py"
