"""One process of a training on several GPUs: `python -m anonbench.training.loop.worker JOB.json`.

Started by torchrun. How it ends goes into a file beside the job, for `launch.run` to raise again.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
from pathlib import Path
from typing import Any

from anonbench.core.errors import InputError, Interrupted
from anonbench.core.io import write_json
from anonbench.core.terminal import guard_output
from anonbench.training.distributed import others_failed
from anonbench.training.loop import launch


def main(job_file: Path) -> int:
    """Train as the file says and return the exit status."""
    launch.end_with_parent()
    rank = int(os.environ["RANK"])
    guard_output()
    logging.basicConfig(
        level=logging.INFO if rank == 0 else logging.WARNING,
        format=f"%(levelname)s %(name)s, process {rank}: %(message)s",
    )
    outcome = _train(job_file)
    write_json(launch.outcome_file(job_file.parent, rank), outcome)
    if outcome["kind"] not in ("done", "interrupted"):
        # the others are in the middle of an exchange: no end that waits for it
        logging.shutdown()
        os._exit(1)
    # 0 after an interruption too: torchrun would hurry the processes that still write
    return 0


def _train(job_file: Path) -> dict[str, Any]:
    """Return how the training ended."""
    try:
        launch.train(launch.TrainJob.model_validate_json(job_file.read_text(encoding="utf-8")))
    except Interrupted as stop:
        return {"kind": "interrupted", "reason": stop.reason, "step": stop.step}
    except InputError as error:
        return {"kind": "input", "text": str(error)}
    except OSError as error:
        logging.exception("stopped by the system")
        arguments = (error.errno, error.strerror or str(error), error.filename)
        return {"kind": "system", "arguments": arguments}
    except Exception as error:
        # torchrun's, as soon as another process ends; this one is about to say how it ended
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        if others_failed():
            logging.warning("stopped, as another process of the training failed")
            return {"kind": "left alone"}
        logging.exception("stopped by an error")
        return {"kind": "error", "text": f"{type(error).__name__}: {error}"}
    return {"kind": "done"}


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
