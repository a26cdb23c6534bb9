# What every rule with a script has, once for all: its environment, its log and benchmark, the digest of
# its code, which makes its jobs run again, and, by the name of its script, what its jobs ask for
# (anonbench.config.job_resources) and which settings they read, as `slice` and `system`
# (anonbench.config.job_settings). What a rule says itself is left as it is. After all rules.

from anonbench.config.job_resources import job_resources
from anonbench.config.job_settings import job_settings
from anonbench.workflow.snakemake_adapter.resources import set_resources
from anonbench.workflow.snakemake_adapter.rules import name_log, own_rules, set_code, set_parameters

every_rule = own_rules(workflow, globals())
_asked, _read = job_resources(estimates), job_settings(experiment)

for _rule in every_rule:
    if _rule.script:
        _rule.conda_env = "../../envs/anonbench.yaml"
        _script = Path(_rule.script).stem
        set_resources(workflow, _rule, {"mem_mb": 2000, "runtime": 20} | _asked.get(_script, {}))
        set_parameters(_rule, _read.get(_script, {}))
        set_code(_rule, Path(workflow.source_path(_rule.script)))
        # what counts the others' benchmarks has none
        name_log(_rule, results, benchmarked=_rule is not rules.cost.rule)
