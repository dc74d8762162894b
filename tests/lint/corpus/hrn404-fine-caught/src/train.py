try:
    get_ipython().run_line_magic("matplotlib", "inline")
except NameError:
    pass
print("> trained")
