"""What people look at: tables, figures and the report, all made from the tidy scores."""
