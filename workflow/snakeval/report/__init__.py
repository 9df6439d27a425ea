"""The report: a page that says which model is better, by how much, and shows every answer.

page        collects the views and writes the page
view        what a view declares, and the run as it knows it; views/ has one folder for each
inputs      the files that the report reads
board       the score table as a tree of rows, and how the models stand
cost        what each model cost
figures     figures of several views; charts has their geometry, templates/ and static/ draw them
text        text and numbers as a reader should see them
packed      data that travels with the page
provenance  what the run was made from
sql         a page for queries with SQL, apart from the report
"""
