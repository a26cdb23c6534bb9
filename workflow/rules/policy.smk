# What passes the policy: evidence and verdicts, a table a data set.


rule judge:
    input:
        unpack(lambda w: paths.policy_inputs(w.dataset)),
    output:
        "<results>/{dataset}/policy.csv",
    script:
        "../scripts/policy.py"


rule risks:
    input:
        policy=rules.judge.output[0],
        scores=rules.scores.output[0],
    output:
        **figure("risks_{dataset}", "every risk and utility"),
    script:
        "../scripts/risks.py"
