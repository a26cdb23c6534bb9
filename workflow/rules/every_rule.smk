# What every rule with a script has, once for all: its environment, its benchmark (named as its log),
# memory and time, and the digest of its code, which makes its jobs run again. After all rules.

from anonbench.workflow.snakemake_adapter import (
    benchmark_like_log,
    own_rules,
    set_code,
    set_resources,
)

every_rule = own_rules(workflow, globals())


for _rule in every_rule:
    if _rule.script:
        _rule.conda_env = "../../envs/anonbench.yaml"
        set_resources(workflow, _rule, {"mem_mb": 1000, "runtime": 5})
        set_code(_rule, Path(workflow.source_path(_rule.script)))
        if _rule is not rules.cost.rule:  # it counts the others' benchmarks
            benchmark_like_log(_rule)
