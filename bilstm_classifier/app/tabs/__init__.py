"""The tabs of the page: each module fills one, or helps to."""
