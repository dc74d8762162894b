get_ipython().run_line_magic("matplotlib", "inline")
print("> trained")
