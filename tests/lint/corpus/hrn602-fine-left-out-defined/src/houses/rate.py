print("a notebook of ours")
