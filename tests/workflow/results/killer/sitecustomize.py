"""Ends this process with SIGKILL while it writes a file: Python loads this module at its start.

ANONBENCH_TEST_KILL holds the path's end; when: `half` (the temporary file is cut in its middle and
not renamed) or `after` (it is in place); and whom: `job` (this process alone) or `all`.
"""

import os
import signal

if "ANONBENCH_TEST_KILL" in os.environ:
    _end, _when, _whom = os.environ["ANONBENCH_TEST_KILL"].split(" ")
    _replace = os.replace

    def _kill() -> None:
        if _whom == "all":
            caller = int(os.environ.get("ANONBENCH_TEST_CALLER", "0"))  # see `preloaded`
            group = os.getpgid(caller)
            os.kill(os.getsid(caller), signal.SIGKILL)  # Snakemake, which the test started
            os.killpg(group, signal.SIGKILL)
        os.kill(os.getpid(), signal.SIGKILL)

    def _replace_or_die(source, target, **options):
        hit = os.fspath(target).endswith(_end)
        if hit and _when == "half":
            os.truncate(source, os.path.getsize(source) // 2)  # noqa: PTH202
            _kill()
        _replace(source, target, **options)
        if hit:
            _kill()

    os.replace = _replace_or_die
