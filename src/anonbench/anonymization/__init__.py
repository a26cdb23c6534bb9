"""Image and regions in, anonymized image out: pixelate, blur, mask, at any degree."""
