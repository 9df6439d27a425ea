"""The report: one page that says which model is better, by how much, and shows every answer."""
