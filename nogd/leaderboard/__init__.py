"""The leaderboard over several comparisons: suites of tasks at several budgets, and what it advises for a task."""
