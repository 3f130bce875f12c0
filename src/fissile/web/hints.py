"""What the judge of passwords (zxcvbn) may say: longer sentences first, for one may stand in another."""

from __future__ import annotations

from fissile.web.marking import later as _

HINTS = (
    _("Predictable substitutions like '@' instead of 'a' don't help very much."),
    _('Repeats like "abcabcabc" are only slightly harder to guess than "abc".'),
    _("All-uppercase is almost as easy to guess as all-lowercase."),
    _("Add another word or two. Uncommon words are better."),
    _("Avoid dates and years that are associated with you."),
    _("Names and surnames by themselves are easy to guess."),
    _("No need for symbols, digits, or uppercase letters."),
    _('Sequences like "abc" or "6543" are easy to guess.'),
    _("Use a longer keyboard pattern with more turns."),
    _("This is similar to a commonly used password."),
    _("Common names and surnames are easy to guess."),
    _("Reversed words aren't much harder to guess."),
    _("Short keyboard patterns are easy to guess."),
    _("Avoid years that are associated with you."),
    _("Straight rows of keys are easy to guess."),
    _("Use a few words, avoid common phrases."),
    _("Capitalization doesn't help very much."),
    _('Repeats like "aaa" are easy to guess.'),
    _("Avoid repeated words and characters."),
    _("This is a top-100 common password."),
    _("A word by itself is easy to guess."),
    _("This is a top-10 common password."),
    _("Recent years are easy to guess."),
    _("This is a very common password."),
    _("Dates are often easy to guess."),
    _("Avoid recent years."),
    _("Avoid sequences."),
)
