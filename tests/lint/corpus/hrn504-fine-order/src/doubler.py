class Doubler:
    def predict(self, rows):
        return rows.sum(axis=1) * 2
