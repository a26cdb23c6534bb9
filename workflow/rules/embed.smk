# Features of val images and, where they serve a task, of train images. A job for the models that learned
# from a variant, a job a data set for a system and for the baselines: pixels, and the weights that a training
# starts from where none are pretrained. An image set whose images, weights, settings and code are unchanged
# is not embedded again. Adapted models embed their original queries, too.

import re

for _name in experiment.datasets:
    _jobs = {f"{by}/seed{seed}": s for (by, seed), s in paths.embedding_jobs(_name).items()}
    _models = ("pixels", "untrained") if _name in experiment.trained else ("pixels",)
    _jobs["baselines"] = {
        f"{model}_{each}": files
        for model in _models
        for each, files in paths.embedding_sets(_name, model).items()
    }
    for _job, _sets in _jobs.items():
        _is_base, _weights = _job == "baselines", {}
        if _is_base and "untrained" in _models:
            _weights = {"backbone": paths.backbone(_name, "untrained", experiment.reference_seed)}
        _called = re.sub(r"\W", "_", _job)
        _pixels = sum(each.startswith("pixels_") for each in _sets)

        rule:
            name:
                f"embed_{_name}_{_called}"
            input:
                **by_digest(**{each: files.inputs for each, files in _sets.items()}),
            output:
                **updated(
                    **with_digest(
                        **_weights, **{each: files.output for each, files in _sets.items()}
                    )
                ),
            log:
                f"<logs>/embed/{_name}/{_job}.log",
            benchmark:
                f"<benchmarks>/embed/{_name}/{_job}.tsv"
            conda:
                "../../envs/anonbench.yaml"
            resources:
                mem_mb=growing(max(6000 if _is_base else 0, estimates[_name].embedding_mb)),
                runtime=growing(
                    estimates[_name].minutes("embed", None, len(_sets) - _pixels, _pixels)
                ),
                gpu=gpus(estimates[_name].embedding_gpus if _weights or not _is_base else 0),
            params:
                code=code_of("embed"),
                run=last_run(),
                settings=settings.embedding.effective(),
                network=stage_parameters.untrained(settings, _name) if _is_base else {},
                seed=experiment.reference_seed if _is_base else 0,
                dataset=_name,
            script:
                "../scripts/embed.py"


# A system under test is started once for all image sets of its data set, and once with the low-rank updates
# that it has learned for a variant. Vectors are cached by image content (`kept/`, no output of any rule).
for _name, _dataset in experiment.datasets.items():
    _jobs = {_name: (paths.embedding_sets(_name), {}, [])} if _dataset.system else {}
    for _variant in map(str, experiment.distilled(_name)):
        _own = f"{_variant}_".replace("-", "_")
        _sets = paths.embedding_sets(_name, f"D-{_variant}")
        _adapter = paths.adapter(_name, _variant, experiment.reference_seed)
        _jobs[f"{_name}/D-{_variant}/seed{experiment.reference_seed}"] = (
            {each: files for each, files in _sets.items() if each.startswith(_own)},
            {"adapter": _adapter},
            [_adapter.replace("adapter_model.safetensors", "adapter_config.json")],
        )
    for _place, (_sets, _adapter, _settings) in _jobs.items():
        _called = re.sub(r"\W", "_", _place.removeprefix(_name))

        rule:
            name:
                f"embed_{_name}{_called}"
            input:
                **by_digest(**_adapter, **{each: files.inputs for each, files in _sets.items()}),
                settings=_settings,
                system=on_disk(started.system_files(_name)),
            output:
                **updated(**with_digest(**{each: files.output for each, files in _sets.items()})),
            log:
                f"<logs>/embed/{_place}.log",
            benchmark:
                f"<benchmarks>/embed/{_place}.tsv"
            conda:
                "../../envs/anonbench.yaml"
            threads: 8
            resources:
                gpu=gpus(estimates[_name].embedding_gpus),
                mem_mb=growing(estimates[_name].embedding_mb),
                runtime=growing(estimates[_name].minutes("embed_system", sets=len(_sets))),
            params:
                code=code_of("embed_system"),
                run=last_run(),
                system=stage_parameters.system(settings, _name),
                user_files=contents(started.system_files(_name)),
                evidence=startup.evidence(started, _name),
                dataset=_name,
            script:
                "../scripts/embed_system.py"


# The unadapted model's vectors of hidden images, mapped to where their originals' would be: learned from
# train images, or cross-fitted where there are none.
for _name, _dataset in experiment.datasets.items():
    if _dataset.is_mapped:
        _vectors, _maps, _mapped = paths.mapped_vectors(_name)

        rule:
            name:
                f"map_vectors_{_name}"
            input:
                **by_digest(
                    clusters=f"{results}/{_name}/clusters.parquet",
                    manifest=f"{results}/{_name}/manifest.parquet",
                    **_vectors,
                ),
            output:
                **updated(
                    **with_digest(**_mapped),
                    **_maps,
                    table=f"<results>/{_name}/maps.csv",
                ),
            log:
                f"<logs>/map_vectors/{_name}.log",
            benchmark:
                f"<benchmarks>/map_vectors/{_name}.tsv"
            conda:
                "../../envs/anonbench.yaml"
            resources:
                mem_mb=growing(6000),
                runtime=growing(estimates[_name].minutes("map_vectors")),
            params:
                code=code_of("map_vectors"),
                run=last_run(),
                retrieval=settings.retrieval.effective(),
                confidence=settings.presentation.confidence,
                identity=settings.privacy.identity,
                label=_dataset.label,
                seed=settings.seed,
                dataset=_name,
                reference_seed=experiment.reference_seed,
            script:
                "../scripts/map_vectors.py"
