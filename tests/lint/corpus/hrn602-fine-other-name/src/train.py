from slugify import slugify

print(">", slugify("A Model"))
