from pathlib import Path

from anonbench.core.jobs.job import job

with job(snakemake, __file__):
    from anonbench.datasets.clusters import read_clusters
    from anonbench.detection.review.queue import review_dataset
    from anonbench.evaluation.detection import evaluate_detection
    from anonbench.reporting.grid_tables import write_quality

    given, params, made = snakemake.input, snakemake.params, snakemake.output
    found = {each: given[each] for each in ("manifest", "boxes", "images")}
    review_dataset(**found, most=params.listed, output=made.uncertain)
    if made.get("summary"):
        summary, visible_area = evaluate_detection(
            **found,
            truth=Path(params.drawn_truth or given.truth[0]),
            drawn=bool(params.drawn_truth),
            resamples=params.shown["bootstrap"],
            confidence=params.shown["confidence"],
            hidden=params.hidden,
            regions=made.regions,
            by_image=made.images,
            summary=made.summary,
            sight=made.visible_area,
            clusters=read_clusters(given.clusters),
        )
        confidence = params.shown["confidence"]
        write_quality(summary, visible_area, params.dataset, confidence, made.markdown)
