"""The overview: the verdict in a sentence, the table of scores, the heat map."""
