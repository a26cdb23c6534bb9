# What passes the policy: evidence and verdicts, a table a data set.


def judged(w):
    """Files on which a policy's judgement stands, by name."""
    names = ["audit"]
    if w.dataset in paths.measured():
        names.append("quality")
    if settings.privacy.enabled:
        names += ["rates", "attacks"]
    files = paths.named(w.dataset, *names)
    if "quality" in names and "ellipse" in settings.anonymization.shape.model_dump().values():
        files["visible_area"] = f"{results}/{w.dataset}/quality/visible_area.csv"
    return files


rule judge:
    input:
        unpack(judged),
    output:
        "<results>/{dataset}/policy.csv",
    log:
        "<logs>/policy/{dataset}.log",
    benchmark:
        "<benchmarks>/policy/{dataset}.tsv"
    conda:
        "../../envs/anonbench.yaml"
    resources:
        mem_mb=growing(2000),
        runtime=growing(20),
    params:
        code=code_of("policy"),
        policy=lambda w: stage_parameters.policy(settings, w.dataset),
        variants=lambda w: list(map(str, experiment.variants(w.dataset))),
        apart=apart,
        sought=sought,
    script:
        "../scripts/policy.py"
