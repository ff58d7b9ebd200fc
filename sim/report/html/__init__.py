"""A run or a sweep as one HTML file that needs nothing else: data as JSON and packed columns, drawn by scripts in the page."""
