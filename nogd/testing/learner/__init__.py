"""What every learner must do, one theme a file."""
