# What passes the policy: evidence and verdicts, a table a data set; and a statement on the image sets.

from anonbench.core.jobs.fingerprint import code_digest
from anonbench.workflow.paths import digests


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


rule statement:
    input:
        audit=rules.audit.output[0],
        policy=rules.judge.output[0],
        digests=lambda w: digests(paths.published(w.dataset)),
    output:
        "<results>/{dataset}/statement.json",
    params:
        shards=lambda w: paths.audited_sets(w.dataset),
        made_by=lambda w: {
            "detection": stage_parameters.detect(settings, w.dataset),
            "anonymization": stage_parameters.hiding(settings, w.dataset),
            "code": {
                name: code_digest(Path(workflow.source_path(f"../scripts/{name}.py")))
                for name in ("detect", "anonymize")
            },
        },
        packages=PACKAGES,
    script:
        "../scripts/statement.py"
