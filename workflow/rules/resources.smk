# What jobs ask for, once it is known how often they were tried and how many GPUs there may be.
# Included after all rules.


def adjusted(resource, change):
    """The resource as `change` makes it of its value, the job's wildcards and the attempt."""

    def value(wildcards, input, attempt, threads, rulename, async_run):
        known = dict(input=input, attempt=attempt, threads=threads, rulename=rulename)
        asked = resource.evaluate(wildcards, async_run=async_run, **known).value
        return change(asked, wildcards, attempt) if isinstance(asked, int) else asked

    return value


def growing(resource):
    """Memory or time: twice as much for a second attempt, three times for a third."""
    if "attempt" in str(resource.raw):
        return resource  # the user's own expression
    return adjusted(resource, lambda asked, wildcards, attempt: asked * attempt)


def limited(resource, name):
    """GPUs: Snakemake runs a job that wants more than there may be, as if it wanted less."""
    limit = workflow.global_resources.get("gpu").value

    def checked(asked, wildcards, attempt):
        if limit is not None and asked > limit:
            raise WorkflowError(
                f"{name} {' '.join(wildcards)} wants {asked} GPUs, and gpu={limit} (--resources or "
                "the profile) is all there may be: lower gpus or nodes of the recipe, or raise gpu="
            )
        return asked

    return adjusted(resource, checked)


for _job in workflow.rules:
    if _job.script:
        for _name in ("mem_mb", "runtime"):
            _job.resources[_name] = growing(_job.resources[_name])
        if "gpu" in _job.resources and workflow.is_main_process:
            _job.resources["gpu"] = limited(_job.resources["gpu"], _job.name)
