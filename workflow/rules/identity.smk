# What Snakemake knows of results is kept with them, and a run repairs them before its first job.

from functools import partial

from anonbench.datasets.image_sets.doubts import doubts_of_run
from anonbench.workflow.plan.costs import usual_seconds
from anonbench.workflow import snakemake_adapter as adapter
from snakemake_logger_plugin_anonbench import record_in

store = adapter.metadata_store(workflow, results, storage_prefix)
adapter.keep_metadata_in(store, workflow, partial(startup.check_targets, started))


onstart:
    adapter.drop_default_rate(workflow)
    adapter.fork_jobs(any(estimates.recipe(d).scratch for d in experiment.trained))
    try:
        store.begin(set(map(str, workflow.persistence.all_outputfiles())))
    except InputError as error:
        refuse(error)
    record_in(
        settings.results,
        usual_seconds(workflow.dag.jobs, estimates),
        lambda: doubts_of_run(settings.results, experiment.datasets),
    )


onsuccess:
    store.end()
    _page = rules.report.output[0]
    if _page in map(str, workflow.persistence.all_outputfiles()):
        print(f"The report: {Path(_page).absolute()}", file=sys.stderr)


onerror:
    store.end()
