# The workflow is workflow/Snakefile. An included file cannot set the default target.
include: "workflow/Snakefile"


workflow.default_target = "all"
