"""Synthetic documents: one file per data set. A new file with `GENERATORS` adds one.

generate    finds the generators and divides what they make into splits
generator   what a generator declares
words       the words that several generators use
"""
