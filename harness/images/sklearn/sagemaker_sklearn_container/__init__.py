"""Stands in for the package of AWS's image, which is on no index; its two modules are named by the image's ENV."""
