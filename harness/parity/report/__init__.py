"""What a comparison is shown as: one JSON document, and what terminals, browsers and GitHub make of it."""
