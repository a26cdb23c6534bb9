"""Hidden regions drawn anew, so that an unchanged model embeds a picture as its original."""
