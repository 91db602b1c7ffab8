"""Whether a text is Russian, as far as its letters and its commonest words tell."""

import re

# The commonest words that carry grammar and no topic; Ukrainian, Bulgarian or Kazakh share a few of them at most.
_WORDS = """
    и в во не на что с со как по это из у за к ко от о об для до при после над под перед между через без про
    но а или же бы ли то так чтобы если когда где уже еще ещё только также тоже ни да нет он она они его ее
    её их ему им ей мы вы я нас вас нам вам мне себя свой свою своей своих который которая которое которые
    которых которого которой был была было были быть будет будут есть этот эта эти этого этой этом тот та те
    того той том все всех всего весь более может могут лет году года
"""
FUNCTION_WORDS = frozenset(_WORDS.split())
# Letters of neighbouring languages that Russian does not have, and the Bulgarian vowel ъ, which in Russian only parts a
# consonant from е, ё, ю, я.
FOREIGN = re.compile("[іїєґўјљњћђџѓќѕәғқңөұүһ]|ъ(?=[бвгджзйклмнпрстфхцчшщ])")
CYRILLIC = re.compile("[Ѐ-ӿ]")
# Headlines do without function words, longer texts do not.
WORDS_OF_A_HEADLINE = 20
LEAST_SHARE = 0.05


def looks_russian(text: str) -> bool:
    """Whether ``text`` may be Russian. In doubt, as for a few words or digits alone, it may.

    Most letters have to be Cyrillic, hardly any of another language's alphabet, and of more than a
    headline's words at least one in twenty a Russian function word.
    """
    text = text[:20_000].lower()
    letters = [character for character in text if character.isalpha()]
    if len(letters) < 3:
        return True
    if sum(CYRILLIC.match(letter) is not None for letter in letters) < 0.5 * len(letters):
        return False
    if len(FOREIGN.findall(text)) > 0.01 * len(letters):
        return False
    words = re.findall(r"[^\W\d_]+", text)
    if len(words) <= WORDS_OF_A_HEADLINE:
        return True
    return sum(word in FUNCTION_WORDS for word in words) >= LEAST_SHARE * len(words)
