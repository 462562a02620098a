"""What is always on the page: heading, slate, prediction, sidebar."""
