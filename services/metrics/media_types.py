"""What a measurement may be asked for as."""

PAGE, PICTURE, VALUES = "text/html", "image/png", "application/json"
