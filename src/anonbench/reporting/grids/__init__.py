"""Result tables as text: layout, notes, commands and output files."""
