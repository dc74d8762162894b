import os


def main():
    print(">", len(os.environ["GEO_API_KEY"]))


if __name__ == "__main__":
    main()
