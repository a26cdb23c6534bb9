# What passes the policy: evidence and verdicts, a table a data set.


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
