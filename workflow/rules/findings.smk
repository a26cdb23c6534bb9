# What an experiment says beside its report: what systems have in common where the same images are
# searched by several, what adapting costs trained models, and which of the paper's claims hold.

from anonbench.datasets.image_sets.neutral_names import without_places

_frozen = [name for name, dataset in experiment.datasets.items() if dataset.system]
_adapted = [name for name in experiment.trained if experiment.datasets[name].trained_adaptions]
found_files = [*compared_files] if _adapted else []

# the same images, split and methods: only the systems differ, and which adaptions they allow
_settings = [experiment.datasets[n].model_dump(exclude={"system", "adaptions"}) for n in _frozen]
_systems = {experiment.datasets[name].system: name for name in _frozen}
# what is searched, of `pages` searched by `ours`: `pages_ours`
_searched = {
    system: name.removesuffix(f"_{system}") if name.endswith(f"_{system}") else Path(results).name
    for system, name in _systems.items()
}
_mapped = [name for name in _frozen if datasets[name].is_mapped]

if all(each == _settings[0] for each in _settings) and 1 < len(_frozen) == len(_systems):
    _degrees = sorted(experiment.datasets[_frozen[0]].degrees)
    _tables = ("systems", "orders", "price", "way_back", "degrees", "predictors", "answers")
    _hiding = without_places(settings).anonymization

    rule findings_systems:
        input:
            scores=paths.dataset_files("{dataset}/scores.csv", _frozen),
            methods=paths.dataset_files("{dataset}/method_comparisons.csv", _frozen),
            policies=paths.dataset_files("{dataset}/policy.csv", _frozen),
            maps=paths.dataset_files("{dataset}/maps.csv", _mapped),
            correlations=[
                f"{results}/{name}/correlation/{degree}.csv"
                for name in _frozen
                for degree in _degrees
            ],
            counts=paths.dataset_files("{dataset}/counts.csv", _frozen),
        output:
            **{name: f"<results>/findings/{name}.csv" for name in _tables},
            markdown="<results>/findings/findings.md",
            figures=[
                f"<results>/findings/{name}.{suffix}"
                for name in ("order", "way_back", "degrees", "predictors", "price")
                for suffix in ("png", "svg")
            ],
            results=[
                f"<results>/findings/results/{system}/{name}.json"
                for system, name in _searched.items()
            ],
        log:
            "<logs>/findings_systems.log",
        benchmark:
            "<benchmarks>/findings_systems.tsv"
        conda:
            "../../envs/anonbench.yaml"
        resources:
            mem_mb=growing(2000),
            runtime=growing(20),
        params:
            code=code_of("findings_systems"),
            shown=presentation("confidence", "dpi"),
            systems={
                system: {
                    "kind": settings.systems[system].kind,
                    "dataset": _searched[system],
                    "detectors": list(map(str, datasets[name].detectors)),
                }
                for system, name in _systems.items()
            },
            mapped=[datasets[name].system for name in _mapped],
            degrees=_degrees,
            parameters={
                method: _hiding.method(method).model_dump(mode="json")
                for method in map(str, datasets[_frozen[0]].methods)
                if method in settings.anonymization.names
            },
        script:
            "../scripts/findings_systems.py"

    found_files += [rules.findings_systems.output]


for _name in ("effects", "variance", "scores"):
    found_files += paths.dataset_files(f"{{dataset}}/{_name}.csv", _adapted)
