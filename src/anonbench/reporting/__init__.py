"""Tables, figures and the report, made from the tidy scores."""
