"""Publishers' and users' layouts, each read into the same listing."""
