"""The search for hyper-parameters by Optuna: ranges, trials by the bench, and a study that is kept.

From outside: `search.Search` and `space.search_space`, by the command line; `page.write_page`
shows what was found.
"""
