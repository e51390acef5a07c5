"""Texts of many scripts for property tests: letters with their marks, as people and as machines write
them."""

from __future__ import annotations

import unicodedata

from hypothesis import strategies as st

from tests.unit.shared.text.languages import SPACED, UNSPACED

OTHERS = {
    "vowelled Arabic": "يُولَدُ جَمِيعُ النَّاسِ أَحْرَارًا مُتَسَاوِينَ فِي الْكَرَامَةِ وَالْحُقُوقِ.",
    "Hebrew": "כָּל בְּנֵי אָדָם נוֹלְדוּ בְּנֵי חוֹרִין וְשָׁוִים בְּעֶרְכָּם וּבִזְכֻיּוֹתֵיהֶם.",
    "Persian": "تمام افراد بشر آزاد به دنیا می‌آیند و از لحاظ حیثیت و حقوق با هم برابرند.",
    "Tamil": "மனிதப் பிறிவியினர் சகலரும் சுதந்திரமாகவே பிறக்கின்றனர்.",
    "emoji": "👩\u200d👩\u200d👧 1\ufe0f\u20e3 ❤\ufe0f ok 😀😀",
    "odd": "İstanbul ΟΔΟΣ ΣΑΣ ß ẞ ﬁ ǅ don’t don't пʼять snake_case x-y "
    "\u0345 J\u030cura co\u00adop 𝔘𝔫𝔦 ٣ ² Ⅷ a人b ก้1",
}
ALL = SPACED | UNSPACED | OTHERS
WORDS = sorted({word for text in ALL.values() for word in text.split()})
_PARTS = sorted(
    {text[at : at + size] for text in ALL.values() for size in (1, 2, 5) for at in range(0, len(text), 3)}
)

pieces = st.sampled_from(WORDS) | st.sampled_from(_PARTS) | st.text(max_size=4)
_joined = st.lists(pieces, max_size=14).map(" ".join) | st.lists(pieces, max_size=10).map("".join)
texts = _joined | _joined.map(lambda text: unicodedata.normalize("NFD", text))
mixed = st.lists(
    st.sampled_from(["the", "fox’s", "人", "工", "智能", "コンピュータ", "ที่", "มี", "ខ្មែរ", " ", "。", ", "]),
    max_size=40,
).map("".join)
"""With and without blanks, in one text."""
