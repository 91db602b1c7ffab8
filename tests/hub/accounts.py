"""Who may ask what of the Hub: three tokens, two people."""

from dataclasses import dataclass

OWNER = "owner"
TOKEN = "hf_loopback"
READ_TOKEN = "hf_loopback_read"
STRANGER_TOKEN = "hf_loopback_stranger"


@dataclass(frozen=True)
class Account:
    """A person, seen through one of their tokens; ``role`` is "write" or "read"."""

    name: str
    role: str

    def owns(self, repository: str) -> bool:
        """Whether a repository, or one to be, is this person's."""
        return repository.partition("/")[0] == self.name


ACCOUNTS = {
    TOKEN: Account(OWNER, "write"),
    READ_TOKEN: Account(OWNER, "read"),
    STRANGER_TOKEN: Account("stranger", "write"),
}
