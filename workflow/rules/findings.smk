# What an experiment says beside its report: which systems agree where the same images are searched by
# several, what adapting costs trained models, and which of the paper's claims hold.

_frozen = [name for name, dataset in experiment.datasets.items() if dataset.system]
_settings = [experiment.datasets[name].model_dump(exclude={"system"}) for name in _frozen]
_systems = [experiment.datasets[name].system for name in _frozen]
_adapted = [name for name in experiment.trained if experiment.datasets[name].trained_adaptions]
found_files = [*compared_files] if _adapted else []

# the same images, split and methods: only the systems differ
if all(each == _settings[0] for each in _settings) and 1 < len(_frozen) == len(set(_systems)):

    rule findings_systems:
        input:
            scores=paths.dataset_files("{dataset}/scores.csv", _frozen),
            methods=paths.dataset_files("{dataset}/method_comparisons.csv", _frozen),
        output:
            systems="<results>/findings/systems.csv",
            orders="<results>/findings/orders.csv",
            markdown="<results>/findings/findings.md",
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
            slice=stage_parameters.show(settings, "confidence"),
            systems=_systems,
        script:
            "../scripts/findings_systems.py"

    found_files += [rules.findings_systems.output]


for _name in ("effects", "variance", "scores"):
    found_files += paths.dataset_files(f"{{dataset}}/{_name}.csv", _adapted)
