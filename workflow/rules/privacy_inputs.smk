# What the attacks of privacy.smk read, and what others read of them.

from anonbench.vocabulary import Model, Variant


def attacking_backbone(dataset, model):
    """Path of a model of the reference's seed; none for no model."""
    if model is None:
        return None
    return (
        f"{results}/{dataset}/models/{model}/"
        f"seed{experiment.reference_seed}/backbone.safetensors"
    )


def attacked_variants(dataset):
    """Each variant with its shards and the model that learned from such images."""
    return [
        (
            str(variant),
            image_set(dataset, variant, "val"),
            attacking_backbone(dataset, experiment.parrot(dataset, variant)),
        )
        for variant in experiment.variants(dataset)
    ]


def attacked_sets(dataset):
    return [
        path
        for variant in (Variant(), *experiment.variants(dataset))
        for path in image_set(dataset, variant, "val")
    ]


def attacking_backbones(dataset):
    parrots = [path for _, _, path in attacked_variants(dataset) if path]
    return [attacking_backbone(dataset, Model()), *parrots]


def recognizer():
    path = settings.privacy.recognizer
    return [] if path is None else [path.as_posix()]


def privacy_files(pattern, suffixes=("",)):
    """Files of every data set, where attacks are run at all."""
    if not settings.privacy.enabled:
        return []
    return expand(
        f"{results}/{pattern}", dataset=experiment.datasets, suffix=list(suffixes)
    )
