"""Data sets of the systems beside the news: languages, reviews, overlapping topics, videos, false news."""
