"""The words for what the Gate decides and finds; a technique or category without one is shown as it is stored."""

from __future__ import annotations

from fissile.web.marking import later as _
from fissile.web.words import Words

GATE_WORDS: dict[str, dict[str, str]] = {
    "verdict": {
        "allow": _("Allowed"),
        "limit": _("Shown to few"),
        "review": _("Needs a reviewer"),
        "block": _("Blocked"),
    },
    "surface": {
        "moments": _("Moments"),
        "moments-comment": _("Comment in Moments"),
        "group": _("Group chat"),
        "group-reply": _("Reply in a group chat"),
        "direct": _("Direct message"),
        "profile": _("Profile"),
        "picture-caption": _("Caption of a picture"),
        "shop": _("Shop page"),
    },
    "form": {"link": _("Link"), "code": _("Code"), "comment": _("Comment"), "poster": _("Poster")},
    "kind": {
        "code": _("Code"),
        "link": _("Link"),
        "contact": _("Contact"),
        "inducement": _("Inducement"),
        "disguise": _("Disguise"),
        "cue": _("Cue word"),
    },
    "carried": {
        "passphrase": _("Passphrase"),
        "short_link": _("In a short link"),
        "long_link": _("In a long link"),
        "qr_payload": _("In a QR code"),
        "search_number": _("Number to search for"),
    },
    "host": {
        "shop": _("Shop"),
        "short_link": _("Short link"),
        "app_jump": _("Opens an app"),
        "netdisk": _("Net disk"),
        "unknown": _("Unknown host"),
    },
    "inducement": {
        "share_to_unlock": _("Share to unlock"),
        "share_reward": _("Reward for sharing"),
        "assist": _("Help me"),
        "bargain": _("Help me bargain"),
        "group_buy": _("Join my group buy"),
        "coercion": _("Pressure to pass it on"),
        "follow_to_unlock": _("Follow to unlock"),
        "test": _("Personality test or oracle"),
        "download_jump": _("Download or jump to an app"),
    },
    "contact": {
        "plain": _("Said plainly"),
        "homophone": _("Word of the same sound"),
        "abbreviation": _("Abbreviation"),
        "emoji-split": _("Emoji put between"),
        "profile-hint": _("Points to the profile"),
        "private-message": _("Asks for a private message"),
    },
    "disguise": {
        "accented-letter": _("Accented letters"),
        "backslash": _("Backslashes"),
        "blank-insert": _("Blanks put between"),
        "bopomofo-insert": _("Bopomofo put between"),
        "circled-letter": _("Circled letters"),
        "code-split": _("Code taken apart"),
        "combining-mark": _("Combining marks"),
        "currency-delimiter": _("Another currency sign as delimiter"),
        "emoji-delimiter": _("Emoji as delimiter"),
        "emoji-split": _("Emoji put between"),
        "full-width": _("Full-width letters"),
        "greek-cyrillic-homoglyph": _("Greek or Cyrillic look-alikes"),
        "hanzi-delimiter": _("Hanzi as delimiter"),
        "homophone": _("Word of the same sound"),
        "idn-host": _("Host in encoded hanzi"),
        "kana-insert": _("Kana put between"),
        "latin-phonetic": _("Pinyin for hanzi"),
        "link-written-out": _("Link written out in words"),
        "lookalike-hanzi": _("Look-alike hanzi"),
        "percent-encoding": _("Percent-encoding"),
        "radical-split": _("Hanzi taken apart"),
        "styled-letter": _("Styled letters"),
        "symbol-insert": _("Signs put between"),
        "traditional": _("Traditional hanzi"),
        "zero-width": _("Invisible characters"),
    },
}


def gate_word(words: Words, *, kind: str, value: str) -> str:
    """Return the word for what the Gate names, in the reader's language."""
    return words.say(GATE_WORDS[kind].get(value, value))
