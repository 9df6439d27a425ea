"""Where models and documents come from. Never renders a prompt.

location       the sources of the configuration: their schemes, their paths, their signatures
scheme         what a scheme declares
schemes/       one file per scheme: add a file to add a scheme
signature      whether local files changed
naming         names of data sets, subsets and splits in the results
model_folder   which files of a folder make a model
download       the stage that brings models and documents to this machine
hub            the client of the Hugging Face hub
hub_errors     what the exceptions of that client mean
repository     the name of a repository of the hub
published      data sets that the `datasets` library loads
split_files    which local file holds which split
file_formats   Parquet, JSON, CSV and text files
own_function   documents that a task's own function makes
documents      documents as dictionaries and as tables
"""
