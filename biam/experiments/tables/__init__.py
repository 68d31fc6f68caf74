"""The tables as data, a file for each family; `biam.experiments.catalogue` lists them."""
