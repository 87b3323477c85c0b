"""Chinese names where the words around them say that they are names: after 我叫 or 姓名, before 先生 or 女士.

Keep out: bare names, which are ordinary words too often; the record's own persons (redaction.py).
"""

from orchestration.privacy.rules.rule import HAN, Pattern, Rule

SURNAMES = (
    "王李张刘陈杨黄赵吴周徐孙马朱胡郭何林高罗郑梁谢宋唐许韩冯邓曹彭曾肖田董潘袁蔡蒋余于杜叶程魏苏吕丁任卢姚沈钟姜崔谭陆范汪廖石金"
    "韦贾夏付方邹熊白孟秦邱侯江尹薛闫段雷龙黎史陶贺毛郝顾龚邵万覃武钱戴严莫孔向常汤康易乔赖文樊葛邢颜裴詹欧柯翁包温季俞祝项岑费单"
    "章殷倪傅滕毕邬卞齐康伍元卜穆萧湛祁狄臧庞纪舒屈蓝闵席娄童梅盛骆霍虞昝管裘缪宗宣郁杭诸左吉翟聂焦辛靳佟鲍阮柳凌甄褚楚冉雍匡尚桂鞠闻楼"
)
DOUBLE_SURNAMES = "欧阳|司马|上官|诸葛|东方|皇甫|尉迟|公孙|令狐|慕容|司徒|夏侯|端木"
_SURNAME = f"(?:{DOUBLE_SURNAMES}|[{SURNAMES}])"
TITLES = "先生|女士|小姐|太太|师傅|老师|经理|主任|医生|大夫|阿姨|大哥|大姐"

RULE = Rule(
    name="name_zh",
    token="NAME",
    order=150,
    reads="chinese",
    needs=f"{TITLES}|我叫|姓名|我的名字|联系人|收件人|收货人",
    patterns=(
        Pattern(
            before=r"(?:我叫|名叫|姓名|名字[是叫为]|联系人|收件人|收货人|寄件人|持卡人)[是为:：\s]{0,3}",
            value=rf"{_SURNAME}[{HAN}]{{1,2}}",
            after=rf"[^{HAN}]|$|先生|女士|小姐|电话|手机|身份|地址|邮箱|住|的|，|,",
        ),
        Pattern(before=r"我叫|姓名[是为:：\s]{1,3}", value=rf"{_SURNAME}[{HAN}]{{1,2}}"),
        Pattern(
            before=rf"^|[^{HAN}]|我是|我叫|的|给|找|和|跟|与|让|叫|请|问|被|是|向|对|位|客服|谢|谢谢|感谢|工号",
            value=rf"{_SURNAME}[{HAN}]{{0,2}}",
            after=TITLES,
        ),
    ),
)
