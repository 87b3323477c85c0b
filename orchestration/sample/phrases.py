"""What the sample company's customers and staff say, in Chinese and English, with and without personal data.

Keep out: choosing between phrases. {product} stands for a product's name, {value} for a planted identity.
"""

ByLanguage = dict[str, tuple[str, ...]]

NEGATIVE: ByLanguage = {
    "zh": (
        "收到的{product}有破损，希望尽快处理。", "{product}用了两天就坏了，质量太差。", "物流太慢，等了一个多星期还没到。",
        "客服一直不回复，体验非常差。", "退款申请提交很久了还没有结果。", "门店排队时间太长，店员态度也不好。",
        "{product}的颜色和图片不一样，想换货。", "优惠券无法使用，结账页面一直报错。", "发票信息填错了，需要重新开具。",
        "安装师傅没有按约定时间上门。",
    ),
    "en": (
        "The {product} arrived damaged, please sort this out.", "The {product} broke after two days, poor quality.",
        "Delivery is far too slow, I have waited more than a week.", "Nobody answers my messages, very bad experience.",
        "I asked for a refund long ago and still have no answer.", "The queue in the shop was long and staff were rude.",
        "The colour of the {product} differs from the picture, I want to exchange it.",
        "The voucher does not work, the checkout shows an error.", "The invoice is wrong and must be issued again.",
        "The fitter did not come at the agreed time.",
    ),
}  # fmt: skip
POSITIVE: ByLanguage = {
    "zh": (
        "{product}很好用，下次还会买。", "物流很快，包装也很仔细。", "店员很热情，讲解很清楚。", "性价比不错，推荐给朋友了。",
        "客服处理得很及时，满意。", "{product}质量比想象中好。", "整体不错，希望多一些颜色可选。",
    ),
    "en": (
        "The {product} works well, I will buy again.", "Fast delivery and careful packaging.",
        "Staff were friendly and explained everything.", "Good value, I told my friends about it.",
        "Support dealt with it quickly, I am satisfied.", "The {product} is better than I expected.",
        "Good overall, a few more colours would be nice.",
    ),
}  # fmt: skip
QUESTION: ByLanguage = {
    "zh": ("请问{product}什么时候补货？", "想了解一下会员积分怎么兑换。", "{product}支持以旧换新吗？", "建议增加夜间配送的选项。"),
    "en": (
        "When will the {product} be back in stock?", "How do I redeem my member points?",
        "Can I trade in my old {product}?", "I suggest offering evening delivery.",
    ),
}  # fmt: skip
REPLY: ByLanguage = {
    "zh": (
        "您好，问题已经核实，我们今天安排补发。", "非常抱歉给您带来不便，退款已经提交，预计三个工作日到账。",
        "您好，已经为您更换，请留意物流信息。", "感谢反馈，我们已经转给门店处理。",
    ),
    "en": (
        "We have checked this and will send a replacement today.",
        "We are sorry for the trouble, the refund is on its way and takes three working days.",
        "It has been exchanged for you, please watch the tracking.", "Thank you, we passed this on to the shop.",
    ),
}  # fmt: skip
AUTOMATIC: ByLanguage = {
    "zh": ("我们已收到您的消息，工作人员会尽快回复。",),
    "en": ("We have received your message and will reply as soon as we can.",),
}
FOLLOW_UP: ByLanguage = {
    "zh": ("照片已经补充，请查收。", "还没有收到，请再确认一下。", "好的，我再等等。"),
    "en": ("I have added the photos.", "Nothing has arrived yet, please check again.", "All right, I will wait."),
}
INTERNAL: ByLanguage = {
    "zh": ("已联系仓库核实库存。", "客户要求电话回访。", "疑似批次问题，转质量组。"),
    "en": (
        "Checked the stock with the warehouse.",
        "Customer asked to be called back.",
        "Maybe a batch fault, to quality.",
    ),
}
CALL_NOTE: ByLanguage = {
    "zh": ("来电咨询{product}的保修。", "来电投诉配送延误，已登记。", "来电查询订单进度。", "来电要求修改收货信息。"),
    "en": (
        "Asked about the warranty of the {product}.", "Complained about a late delivery, noted.",
        "Asked where the order is.", "Wanted the delivery details changed.",
    ),
}  # fmt: skip
POST: ByLanguage = {
    "zh": ("在岚桥买的{product}，大家觉得怎么样？", "岚桥的售后真的要改进。", "今天逛了岚桥新店，氛围不错。", "岚桥双十一的活动有点复杂。"),
    "en": (
        "Bought a {product} at Lanqiao, what do you think?", "Lanqiao really has to improve its after-sales.",
        "Went to the new Lanqiao shop today, nice place.", "The Lanqiao sale is a bit complicated.",
    ),
}  # fmt: skip
INTERVIEW: ByLanguage = {
    "zh": ("受访者认为结账流程步骤太多。", "店员反映顾客常问{product}的安装。", "受访者希望可以预约到店时间。", "用户测试中多数人找不到退货入口。"),
    "en": (
        "The interviewee finds the checkout too long.", "Shop staff say customers often ask how to fit the {product}.",
        "The interviewee would like to book a visit.", "In the test most people did not find the returns page.",
    ),
}  # fmt: skip

# kind of entity: (Chinese snippet, English snippet). The Chinese ones touch the value on both sides.
SNIPPETS = {
    "own_name": ("我叫{value}，请尽快处理。", "My name is {value}."),
    "own_email": ("邮箱{value}可以联系我", "Write to me at {value} please."),
    "own_phone": ("电话{value}可以联系我", "Call me on {value} please."),
    "agent_name": ("上次是{value}接待的。", "Last time {value} served me."),
    "email": ("请同时发到{value}给我家人", "Please also send it to {value} for my family."),
    "phone": ("收货人电话{value}请更新", "The recipient's phone is {value} now."),
    "resident_id": ("身份证{value}已经提供过", "The resident id is {value} as I said."),
    "card": ("卡号{value}付的款", "I paid with card {value} on the web."),
    "iban": ("退款到{value}这个账户", "Refund to {value} please."),
    "address": ("地址是{value}，别再送错", "The address is {value}, please note."),
    "plate": ("车牌{value}停在门口", "My car {value} was parked outside."),
    "url": ("见{value} 这个页面", "See {value} for details."),
}
# How a value is written: as it is, with full-width digits, or with spaced digits.
FORMS = ("plain", "full_width", "spaced")

PRODUCTS = (
    ("P001", "电热水壶", "electric kettle", "kitchen", "appliances", "home", 199.0),
    ("P002", "空气炸锅", "air fryer", "kitchen", "appliances", "home", 399.0),
    ("P003", "吸尘器", "vacuum cleaner", "cleaning", "appliances", "home", 899.0),
    ("P004", "台灯", "desk lamp", "lighting", "furnishing", "home", 129.0),
    ("P005", "床上四件套", "bed linen set", "bedding", "textiles", "home", 329.0),
    ("P006", "羊毛毯", "wool blanket", "bedding", "textiles", "home", 459.0),
    ("P007", "双肩包", "backpack", "bags", "accessories", "fashion", 259.0),
    ("P008", "运动鞋", "running shoes", "shoes", "footwear", "fashion", 499.0),
    ("P009", "雨衣", "raincoat", "outdoor", "clothing", "fashion", 189.0),
    ("P010", "保温杯", "thermos flask", "outdoor", "accessories", "fashion", 99.0),
    ("P011", "蓝牙音箱", "bluetooth speaker", "audio", "electronics", "digital", 299.0),
    ("P012", "儿童积木", "building blocks", "toys", "children", "family", 149.0),
)
STORES = (
    ("S01", "上海南京路店", "Shanghai Nanjing Road", "华东", "CN", "Asia/Shanghai", "2016-05-01"),
    ("S02", "杭州湖滨店", "Hangzhou Lakeside", "华东", "CN", "Asia/Shanghai", "2018-03-15"),
    ("S03", "北京东城店", "Beijing Dongcheng", "华北", "CN", "Asia/Shanghai", "2017-09-01"),
    ("S04", "广州天河店", "Guangzhou Tianhe", "华南", "CN", "Asia/Shanghai", "2019-06-18"),
    ("S05", "成都锦江店", "Chengdu Jinjiang", "西南", "CN", "Asia/Shanghai", "2020-11-11"),
    ("S06", "柏林店", "Berlin Mitte", "Europe", "DE", "Europe/Berlin", "2022-04-01"),
)
SURNAMES = "王李张刘陈杨黄赵吴周徐孙马朱胡郭何林高罗郑梁谢宋唐许韩冯邓曹彭曾萧田董潘袁蔡蒋余"
GIVEN = (
    "伟", "芳", "娜", "敏", "静", "丽", "强", "磊", "洋", "艳", "勇", "军", "杰", "娟", "涛", "超", "霞", "刚", "桂英", "秀兰",
    "建国", "志强", "晓东", "雨桐", "子涵", "欣怡", "浩然", "思远", "嘉怡", "梓萱", "俊杰", "文博", "雅琴", "海燕", "明轩", "佳琪",
    "立新", "春梅", "国栋", "婉清",
)  # fmt: skip
FIRST_NAMES = (
    "Emma", "Liam", "Olivia", "Noah", "Anna", "Paul", "Marie", "Lukas", "Claire", "Hugo", "Julia", "Felix", "Sophie", "Jonas",
    "Laura", "Theo", "Nina", "Oscar", "Alice", "Simon", "Greta", "Martin", "Helen", "Peter", "Ruth", "Victor", "Irene", "Adam",
    "Clara", "Walter",
)  # fmt: skip
LAST_NAMES = (
    "Miller", "Schneider", "Dubois", "Carter", "Weber", "Moreau", "Fischer", "Bennett", "Laurent", "Keller", "Hughes", "Vogel",
    "Petit", "Russell", "Hoffmann", "Garnier", "Sullivan", "Brandt", "Fontaine", "Whitaker", "Lindner", "Rousseau", "Parker",
    "Steiner", "Chevalier", "Griffin", "Neumann", "Lambert", "Foster", "Albrecht",
)  # fmt: skip

# Five-point labels: score → labels as customers' forms show them.
SATISFACTION = {
    1: ("非常不满意", "Very dissatisfied"),
    2: ("不满意", "Dissatisfied"),
    3: ("一般", "Neutral"),
    4: ("满意", "Satisfied"),
    5: ("非常满意", "Very satisfied"),
}
NO_ANSWER = ("不适用", "Not applicable")
UNKNOWN_LABEL = "超级满意"
