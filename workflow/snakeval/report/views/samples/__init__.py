"""The samples: the list and the sample it shows, and the files that hold them."""
