"""What the command line does: prediction, files, the Hub and the app."""
