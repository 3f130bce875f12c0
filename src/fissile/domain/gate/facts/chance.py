"""Whether letters were drawn by chance or written by someone."""

from __future__ import annotations

import operator
import re

# The pairs of letters that make up most of written English; of drawn letters about a quarter fall on one of them.
_USUAL = frozenset(
    "th he in er an re on at en nd ti es or te of ed is it al ar st to nt ng se ha as ou io le ve co me de hi ri ro ic "
    "ne ea ra ce li ch ll be ma si om ur ca el ta la ns di fo ho pe ec pr no ct us ac ot il tr ly nc et ut ss so rs un "
    "lo wa ge ie wh ee wi em ad ol rt po we na ul ni ts mo ow pa im mi ai sh ir su id os iv ia am fi ci vi pl ig tu ev "
    "ld ry mp fe bl ab gh ty op wo sa ay ex ke fr oo av ag if ap gr od bo sp rd do uc bu ei ov by rm ep tt oc fa ef cu "
    "rn sc gi da yo cr cl du ga qu ue ff ba ey ls va um pp ua up lu go ht ru ug ds lt pi rc rr eg au ck ew mu br bi pt "
    "ak pu ui rg ib tl ny ki rk ys ob mm fu ph og ms ye ud mb ip ub oi rl gu dr hr cc tw ft wn nu af hu nn eo vo rv nf "
    "xp gn sm fl iz ok nl my gl aw ju oa eq sy sl ps jo lf nv je nk kn gs dy hy ze ks xt bs ik dd pm sw mo xi".split()
)
_WORDS = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|[0-9]+")


def looks_drawn(run: str) -> int:
    """
    Return 0 (a word or a number) to 3 (surely drawn by chance) for a run of ASCII letters and digits.

    Drawn letters change between cases and digits often, and their pairs are not those of a language.
    """
    kinds = len(_WORDS.findall(run))
    has = (run != run.upper(), run != run.lower(), not run.isalpha())
    if sum(has) < 2:
        return 0 if has[2] or _share_of_usual(run) > 0.55 else 1
    if has[2] and not (has[0] and has[1]):  # one case and digits: numbers of parts, orders, hashes
        return 1 if kinds >= 4 or (kinds >= 3 and _share_of_usual(run) < 0.5) else 0
    usual = _share_of_usual(run)
    changes = kinds / len(run)
    if changes >= 0.3 and (has[2] or usual < 0.7):
        return 3
    if usual < 0.45 or (has[2] and kinds >= 4 and usual < 0.65):
        return 3
    if (kinds >= 3 and (usual < 0.65 or has[2])) or (changes >= 0.35 and len(run) >= 10):
        return 2
    return 1 if usual < 0.75 else 0


def is_of_words(run: str) -> bool:
    """Return whether a run is made of few, longer pieces, as names of models are: RTX4090Super, iPhone15ProMax."""
    return len(run) >= 2.8 * len(_WORDS.findall(run))


def _share_of_usual(run: str) -> float:
    """Return which share of its neighbouring letters are pairs that English uses."""
    lower = run.lower()
    pairs = [pair in _USUAL for pair in map(operator.add, lower, lower[1:]) if pair.isalpha()]
    return sum(pairs) / len(pairs) if pairs else 0.5
