"""New packages from a template: `nogd new KIND NAME` makes one that can be installed, tested and published.

From outside: `package.new_package`, by the command line.
"""
