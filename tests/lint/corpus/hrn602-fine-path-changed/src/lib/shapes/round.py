def circle(radius):
    return radius * 6
