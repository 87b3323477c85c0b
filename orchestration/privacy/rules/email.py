"""E-mail addresses, also with %40, (at) and (dot), and with blanks or a line break around the @.

Keep out: the record's own address (redaction.py puts <SELF> first), mentions (handle).
"""

from orchestration.privacy.rules.rule import HAN, LATIN, Pattern, Rule

_LETTER = LATIN + r"\x{370}-\x{52f}"  # of Latin, Greek and Cyrillic alphabets
_LOCAL = rf"[{_LETTER}0-9._%+'\-]*[{_LETTER}0-9_%+\-]"
_DOMAIN = rf"(?:[{_LETTER}0-9\-]+\.)+[{_LETTER}]{{2,}}"
_AT = r"\s{0,2}[(\[{（【<]\s?(?i:at|a|@|艾特)\s?[)\]}）】>]\s{0,2}|\s{1,2}(?:@|艾特|圈a)\s{1,2}|艾特|圈a"
_SPOKEN_DOT = r"(?:\s{0,2}[(\[{（【]\s?(?i:dot|点)\s?[)\]}）】]\s{0,2}|\s(?i:dot)\s)"
_DOT = r"(?:\.|\s\.\s|\s{0,2}[(\[{（【]\s?(?i:dot|\.|点)\s?[)\]}）】]\s{0,2}|\s(?i:dot)\s|点)"
_TOP = r"(?i:com|net|org|cn|de|fr|uk|eu|io|me|co|edu|gov|info|us|ca|au|jp|kr|hk|tw|ru|in|nl|it|es|ch|at|se)\b"

RULE = Rule(
    name="email",
    token="EMAIL",
    order=20,
    needs=r"@|%40|艾特|圈a|[(\[{（【<]\s?(?i:at|a)\s?[)\]}）】>]|\s(?i:at)\s{1,2}[A-Za-z0-9\-]+[\s(\[{（【](?i:.?dot|.?点)",
    patterns=(
        Pattern(value=_LOCAL + r"@[A-Za-z0-9.\-]+(?:(?:。|点)(?i:com|net|org|edu|gov|cn)\b)+"),
        Pattern(value=_LOCAL + r"(?:@\s{0,2}|%40)" + _DOMAIN),
        Pattern(
            value=r"[^\x00-\x2c\x2f:-@\[-^`{-\x{ff}]+@[^\x00-\x2c\x2f:-@\[-`{-\x{ff}]+\.(?:中国|公司|网络|在线|我爱你)"
        ),
        Pattern(value=rf"[{HAN}]{{1,4}}@" + _DOMAIN),
        Pattern(value=_LOCAL + f"(?:{_AT})" + rf"[A-Za-z0-9\-]+(?:{_DOT}[A-Za-z0-9\-]+)*?{_DOT}{_TOP}"),
        # A bare "at" is an ordinary word: only with a dot that is spelt out too.
        Pattern(
            value=r"(?:[A-Za-z0-9_\-]+\s(?i:dot)\s){0,3}"
            + _LOCAL
            + r"\s{1,2}(?i:at)\s{1,2}"
            + rf"[A-Za-z0-9\-]+(?:{_SPOKEN_DOT}[A-Za-z0-9\-]+)*?{_SPOKEN_DOT}{_TOP}"
        ),
    ),
)
