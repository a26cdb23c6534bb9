"""Preview of a run: jobs, reasons and expected cost."""
