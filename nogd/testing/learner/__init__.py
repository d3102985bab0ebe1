"""What every learner must do, one theme per file."""
