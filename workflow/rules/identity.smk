# Every job's parameters hold what its code is: an edit of a function that a script can reach makes
# its jobs run again, and an edit of anything else does not. Included last: it looks at all rules.

from pathlib import Path

from anonbench.identity import known_codes
from anonbench.planning.codes import keep_codes
from anonbench.planning.costs import usual_seconds
from anonbench.settle import remember, settle
from snakemake_logger_plugin_anonbench.record import record_in

for _rule in workflow.rules:
    if _rule.script:
        _rule.set_params(
            code=code_of(
                Path(workflow.basedir, "workflow/rules", _rule.script).resolve()
            )
        )


# What Snakemake knows of the results stays with them: see anonbench.settle.
_own = Path(".snakemake")

if workflow.is_main_process:
    for _file in settle(settings.results, _own):
        logger.warning(f"{_file} was changed by hand: it is put aside and made again")


onstart:
    keep_codes(settings.results, known_codes())
    record_in(
        settings.results,
        usual_seconds(
            (_job.rule.name, str(_job.benchmark), list(map(str, _job.log)))
            for _job in workflow.dag.jobs
            if _job.benchmark
        ),
    )


onsuccess:
    remember(settings.results, _own)


onerror:
    remember(settings.results, _own)
