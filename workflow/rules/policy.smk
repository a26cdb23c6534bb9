# What passes the policy: evidence and verdicts, a table a data set.


rule judge:
    input:
        unpack(lambda w: paths.policy_inputs(w.dataset)),
    output:
        "<results>/{dataset}/policy.csv",
    script:
        "../scripts/policy.py"
