"""Chinese names where the words around them say that they are names: after 我叫 or 姓名, before 先生 or 女士.

Keep out: bare names, which are ordinary words too often; the record's own persons (redaction.py).
"""

from itertools import pairwise

from orchestration.privacy.rules.rule import HAN, Pattern, Rule

SURNAMES = (
    "王李张刘陈杨黄赵吴周徐孙马朱胡郭何林高罗郑梁谢宋唐许韩冯邓曹彭曾肖田董潘袁蔡蒋余于杜叶程魏苏吕丁任卢姚沈钟姜崔谭陆范汪廖石金"
    "韦贾夏付方邹熊白孟秦邱侯江尹薛闫段雷龙黎史陶贺毛郝顾龚邵万覃武钱戴严莫孔向常汤康易乔赖文樊葛邢颜裴詹欧柯翁包温季俞祝项岑费单"
    "章殷倪傅滕毕邬卞齐康伍元卜穆萧湛祁狄臧庞纪舒屈蓝闵席娄童梅盛骆霍虞昝管裘缪宗宣郁杭诸左吉翟聂焦辛靳佟鲍阮柳凌甄褚楚冉雍匡尚桂鞠闻楼"
)
# Less common ones, and traditional forms: many are ordinary words, so fewer words around tell them.
MORE_SURNAMES = (
    "卫尤施华戚喻柏窦云奚郎鲁苗凤花酆廉安乐平禹米贝明伏成茅麻强路刁房解应贲洪钮嵇荣荀羊於惠曲封芮羿储汲邴糜松巫乌巴隗山谷车宓蓬全郗班仰仲伊宫宁仇"
    "栾甘钭厉戎祖符景司韶郜蓟蒲邰鄂索卓蔺屠蒙池阴鬱胥苍莘党贡逄姬申郦郤璩桑牛寿扈燕冀郏浦农庄晏柴瞿阎慕连茹习宦艾鱼古戈庾暨衡耿国寇禄阙殳夔师巩厍"
    "晁敖冷訾阚简饶毋沙乜丰巢关蒯查荆游竺权逯盖桓岳兰代邸佘鹿帅苑仝冼亓亢辜海哈苟谌笪谯晋闾佴缑汝涂钦郇郄仉檀丘商侍粟麦朴鄢迟阳雒漆禤邝甯茆卿栗隋"
    "仵矫綦展"
    "陳張劉楊黃趙吳孫馬鄭謝許韓馮鄧蕭葉蘇呂盧鍾鐘譚陸賈鄒龍賀顧龔萬錢嚴湯喬賴龐顏歐費單畢鄔齊紀閔駱婁聶閻閆榮諸關蘭莊魯嶽車衛竇雲鳳樂貝應鈕羅鮑鄺"
    "勞塗簡豐遊蓋華習蔣範薑韋儲蘆厲連譙陰陽黨寧賁蒼農壽溫遲強饒闞鞏貢麥項薊郟闕權濮欒聞"
)
ANY_SURNAME = f"{SURNAMES}{MORE_SURNAMES}"
DOUBLE_SURNAMES = (
    "欧阳|司马|上官|诸葛|东方|皇甫|尉迟|公孙|令狐|慕容|司徒|夏侯|端木|闻人|赫连|澹台|公冶|宗政|濮阳|淳于|太叔|申屠|仲孙|"
    "轩辕|钟离|宇文|长孙|鲜于|闾丘|司空|亓官|司寇|拓跋|呼延|南宫|独孤|歐陽|司馬|諸葛|尉遲|公孫|東方|鍾離|長孫"
)
# A Chinese character that a given name can hold: none of the small words that every sentence is full of.
_SMALL = sorted(
    map(ord, "的了是在我你他她它们这那不也很就都把被从对给到去来说看吃买用太最没会能要想让还又再只个次块号里吗呢吧啊哦")
)
NAME_SIGN = (
    "["
    + "".join(rf"\x{{{a + 1:x}}}-\x{{{b - 1:x}}}" for a, b in pairwise([0x4DFF, *_SMALL, 0xA000]) if b - a > 1)
    + "]"
)
_SURNAME = f"(?:{DOUBLE_SURNAMES}|[{SURNAMES}])"
_CALLED = MORE_SURNAMES.translate(str.maketrans("", "", "车代米"))  # 我叫车回家 calls a car
_END = rf"[^{HAN}]|$|先生|女士|小姐|电话|手机|身份|地址|邮箱|住|的|，|,"
_BEFORE_A_TITLE = rf"^|[^{HAN}]|我是|我叫|的|给|找|和|跟|与|让|叫|请|问|被|是|向|对|位|客服|谢|谢谢|感谢|工号"
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
            after=_END,
        ),
        Pattern(before=r"(?:我叫|名叫)[:：\s]{0,3}", value=f"[{_CALLED}]{NAME_SIGN}{{2}}", after=_END),
        Pattern(
            before=r"(?:姓名|名字[是叫为]|联系人|收件人|收货人|寄件人|持卡人)[是为:：\s]{1,3}",
            value=f"[{MORE_SURNAMES}]{NAME_SIGN}{{1,2}}",
            after=_END,
        ),
        Pattern(before=r"我叫|姓名[是为:：\s]{1,3}", value=rf"{_SURNAME}[{HAN}]{{1,2}}"),
        Pattern(
            before=_BEFORE_A_TITLE,
            value=rf"{_SURNAME}[{HAN}]{{0,2}}",
            after=TITLES,
        ),
        # 安装师傅, 商务经理 and 车主女士 are nobody: less common surnames count alone or with two signs, and not before
        # a job's title, where most of them begin a trade. A record's own person is found there by any surname.
        Pattern(
            before=_BEFORE_A_TITLE,
            value=f"[{MORE_SURNAMES}](?:{NAME_SIGN}{{2}})?",
            after="先生|女士|小姐|太太",
        ),
    ),
)
