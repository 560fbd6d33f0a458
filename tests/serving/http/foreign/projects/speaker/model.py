"""Says the same number again."""


def predict(number):
    return number
