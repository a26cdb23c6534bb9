# What every rule with a script has, once for all: its environment, its benchmark (named as its log),
# memory and time, and the digest of its code, which makes its jobs run again. After all rules.

from anonbench.core.jobs.fingerprint import code_digest
from anonbench.workflow.snakemake_adapter import (
    benchmark_like_log,
    own_rules,
    set_resources,
)

every_rule = own_rules(workflow, globals())


def code_of(script):
    # asked where jobs are planned; a job itself need not know
    return lambda wildcards: code_digest(script) if workflow.is_main_process else ""


for _rule in every_rule:
    if _rule.script:
        _rule.conda_env = "../../envs/anonbench.yaml"
        set_resources(workflow, _rule, {"mem_mb": 1000, "runtime": 5})
        _rule.set_params(code=code_of(Path(workflow.source_path(_rule.script))))
        if _rule is not rules.cost.rule:  # it counts the others' benchmarks
            benchmark_like_log(_rule)
