# What the attacks of privacy.smk read, and what others read of them.

from anonbench.core.vocabulary import Model, Variant


def attacked_variants(dataset):
    """Each variant, and the model that learned from such images, if there is one."""
    parrots = {
        variant: experiment.parrot(dataset, variant)
        for variant in experiment.variants(dataset)
    }
    return [
        (str(v), None if model is None else str(model)) for v, model in parrots.items()
    ]


def attacked_sets(dataset):
    return [
        path
        for variant in (Variant(), *experiment.variants(dataset))
        for path in image_set(dataset, variant, "val")
    ]


def attacking_backbones(dataset):
    """Models of the reference's seed: the unadapted one, then that of each variant with one."""
    parrots = [model for _, model in attacked_variants(dataset) if model]
    return [
        f"{results}/{dataset}/models/{model}/"
        f"seed{experiment.reference_seed}/backbone.safetensors"
        for model in (str(Model()), *parrots)
    ]


def attackers():
    """Weights of the attackers that are no models of the experiment."""
    return [
        local(path.as_posix())
        for attacker in settings.privacy.named()
        for path in attacker.files()
    ]


def table_inputs(wildcards):
    """What a registered table is made from, by the names that it needs them by."""
    files = {
        "scores": f"{results}/{{dataset}}/scores.csv",
        "comparisons": f"{results}/{{dataset}}/comparisons.csv",
        "rates": f"{results}/{{dataset}}/privacy/reidentification.csv",
    }
    return {need: files[need] for need in TABLES[wildcards.table].needs}


def privacy_files(pattern, suffixes=("",)):
    """Files of every data set, where attacks are run at all."""
    if not settings.privacy.enabled:
        return []
    return expand(
        f"{results}/{pattern}", dataset=experiment.datasets, suffix=list(suffixes)
    )
