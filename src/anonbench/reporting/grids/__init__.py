"""Result tables as text: their layout, notes and commands, and files of them."""
