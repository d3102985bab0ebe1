"""New packages from a template: `nogd new learner NAME` makes one that can be installed, tested and published."""
