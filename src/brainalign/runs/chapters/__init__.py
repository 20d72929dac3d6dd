"""One module a chapter: its parameters. A chapter imports its own module only, so that its key depends on no other."""
