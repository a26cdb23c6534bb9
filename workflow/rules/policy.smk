# What passes the policy: evidence and verdicts, a table a data set.


rule judge:
    input:
        unpack(lambda w: paths.policy_inputs(w.dataset)),
    output:
        "<results>/{dataset}/policy.csv",
    log:
        "<logs>/policy/{dataset}.log",
    params:
        slice=lambda w: stage_parameters.policy(settings, w.dataset),
        sought=lambda w: list(map(str, experiment.entities(w.dataset))),
    script:
        "../scripts/policy.py"


rule policy:
    input:
        expand(plain(rules.judge.output), dataset=experiment.datasets),
        [paths.page("table", f"policy_{name}") for name in paths.with_table("policy")],
