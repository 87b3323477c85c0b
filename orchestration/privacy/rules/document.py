"""Numbers of passports, driving licences and permits after the word that names them.

Keep out: the resident identity number, which has a check digit of its own.
"""

from orchestration.privacy.rules.rule import Pattern, Rule

RULE = Rule(
    name="document",
    token="ID",
    order=55,
    reads="digits",
    needs=r"护照|证件[号编]|通行证|驾驶证|驾照|居住证|军官证|(?i:passport|licen[cs]e|permit)",
    patterns=(
        Pattern(
            before=r"(?:(?:护照|通行证|驾驶证|驾照|居住证|军官证)(?:号码?|编号)?|证件(?:号码?|编号))[\s:：是为]{0,4}",
            value=r"[A-Za-z]{0,3}[0-9]{6,18}[A-Za-z]?",
        ),
        Pattern(
            before=r"(?i:passport|driv(?:er'?s?|ing)\slicen[cs]e|(?:residence|work)\spermit)(?i:\s(?:number|no\.?|#))?(?i:\sis)?[\s:：#]{1,3}",
            value=r"[A-Za-z]{0,3}[0-9][A-Za-z0-9\-]{4,17}",
        ),
    ),
)
