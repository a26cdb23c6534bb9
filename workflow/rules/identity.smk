# What Snakemake knows of results is kept with them, and a run repairs them before its first job.

import sys
from pathlib import Path

from anonbench.datasets.doubts import doubts_of_run
from anonbench.workflow.plan.costs import usual_seconds
from anonbench.workflow.reconcile import Results
from anonbench.workflow.s3_metadata import Bucket
from anonbench.workflow.snakemake_adapter import keep_metadata_in
from snakemake_logger_plugin_anonbench.record import record_in

if workflow.storage_settings.default_storage_provider == "s3":
    _s3 = workflow.storage_registry.default_storage_provider.s3c
    store = Bucket(_s3, storage_prefix + results, Path(".snakemake/anonbench-s3"))
else:
    store = Results(settings.results)
keep_metadata_in(store, workflow)

if workflow.is_main_process and isinstance(store, Results):
    _copied = [name for name, d in experiment.datasets.items() if d.copy_originals]
    if _message := copies_message(settings.results, _copied):
        logger.warning(_message)
    # where nothing is left to do no job says it, and --quiet all silences the logger
    for _message in doubts_of_run(settings.results, experiment.datasets):
        print(f"anonbench: the results so far: {_message}", file=sys.stderr)


onstart:
    try:
        store.begin(set(map(str, workflow.persistence.all_outputfiles())))
    except InputError as error:
        raise WorkflowError(str(error))
    record_in(
        settings.results,
        usual_seconds(
            (_job.rule.name, str(_job.benchmark), list(map(str, _job.log)))
            for _job in workflow.dag.jobs
            if _job.benchmark
        ),
        lambda: doubts_of_run(settings.results, experiment.datasets),
    )


onsuccess:
    store.end()


onerror:
    store.end()
