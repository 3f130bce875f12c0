# ruff: noqa: E501 - lists of texts are easier to read when each stands on one line
"""Share texts, ordinary texts and disguises made from seeds: shapes as the formats describe them, letters by chance."""

from __future__ import annotations

import random
import string
from collections.abc import Callable
from dataclasses import dataclass

LETTERS = string.ascii_letters + string.digits
TITLES = (
    "夏季新款雪纺连衣裙女", "不锈钢保温杯500ml大容量", "儿童益智积木玩具3-6岁", "无线蓝牙耳机降噪", "纯棉四件套1.8m床", "iPhone15手机壳防摔",
    "四川爱媛果冻橙10斤装", "男士短袖T恤2024夏装", "￥9.9包邮洗脸巾3包", "【百亿补贴】电动牙刷", "小米手环8 NFC版", "MAX9814麦克风模块", "家用落地扇 静音",
    "韩版宽松卫衣女ins潮", "猫砂豆腐味6L*4包", "飞利浦剃须刀S5000", "LED护眼台灯(学生款)", "厨房置物架 5层", "云南小粒咖啡豆454g", "运动鞋男透气网面鞋",
)  # fmt: skip


@dataclass(frozen=True)
class Sample:
    """A text with what is in it; ``code`` is ``None`` where the text holds a link or nothing to name."""

    text: str
    label: str
    platform: str | None
    kind: str | None
    code: str | None
    group: str


def drawn(rng: random.Random, length: int, letters: str = LETTERS) -> str:
    """Return letters by chance, with capitals, small letters and mostly a digit among them, as apps make them."""
    while True:
        run = "".join(rng.choice(letters) for _ in range(length))
        if any(map(str.isupper, run)) and any(map(str.islower, run)):
            return run


def _tag(rng: random.Random) -> str:
    return rng.choice(["CZ", "MF", "HU", "ZH", "CA", "MU"]) + str(rng.randint(100, 9999))


def _taobao_mark(rng: random.Random) -> Sample:
    code, title = drawn(rng, 11), rng.choice(TITLES)
    mark = rng.choice("￥￥￥¥€₤₳₴¢$")
    text = rng.choice([
        "【{t}】，复制这条信息{c}后打开👉手淘👈", "复制框内整段文字，打开「手淘」即可「领取优惠券」并购买{c}",
        "【{t}】http://m.tb.cn/h.{s} 点击链接，再选择浏览器打开；或复制这段描述{c}后到👉淘宝👈", "{c}", "{t}\n券后{p}元\n复制{c}打开淘宝领券下单",
        "点击链接，再选择浏览器打开；或复制这条信息，打开👉手机淘宝👈{c}", "{t} 原价{p}，口令{c} 打开手机淘宝", "亲，长按复制{c}，手淘里就能看到啦",
    ])  # fmt: skip
    return _sample(text, rng, f"{mark}{code}{mark}", title, "taobao", "passphrase", code, "taobao-mark")


def _taobao_brackets(rng: random.Random) -> Sample:
    code, title = drawn(rng, 11), rng.choice(TITLES)
    pair = rng.choice(
        [
            "({})",
            "（{}）",
            "《{}《",
            "《{}》",
            "啊{}啊",
            "💰{}💰",
            "🔑{}🔑",
            "/{}/",
            "📲{}📲",
            "{}:// " + _tag(rng),
            "哈{}哈",
            "【{}】",
        ]
    )
    text = rng.choice(
        [
            "{t} 复制这段话{c}打开tao寳",
            "9👈覆置这段描述{c}到淘宝【{t}】",
            "复制整段话 {c} 打开手机淘宝，{t}",
            "{t}\n付制{c} 去淘宝下单",
        ]
    )
    return _sample(text, rng, pair.format(code), title, "taobao", "passphrase", code, "taobao-brackets")


def _taobao_link(rng: random.Random) -> Sample:
    code, title = drawn(rng, 11), rng.choice(TITLES)
    link = f"https://{rng.choice(['m', 'e'])}.tb.cn/h.{drawn(rng, rng.randint(7, 15))}?tk={code} {_tag(rng)}"
    text = rng.choice(
        [
            "【淘宝】7天无理由退货 {c} 「{t}」\n点击链接直接打开 或者 淘宝搜索直接打开",
            "【淘宝】{c} 「{t}」点击链接直接打开",
            "{c}",
            "看看这个 {c}",
        ]
    )
    return _sample(text, rng, link, title, "taobao", "short_link", code, "taobao-link")


def _xianyu(rng: random.Random) -> Sample:
    code, title = drawn(rng, 11), rng.choice(TITLES)
    link = f"https://m.tb.cn/h.{drawn(rng, 7)}?tk={code} {_tag(rng)}"
    return _sample(
        "【闲鱼】{c} 「我在闲鱼发布了【{t}】」\n点击链接直接打开",
        rng,
        link,
        title,
        "xianyu",
        "short_link",
        code,
        "xianyu",
    )


def _jd(rng: random.Random) -> Sample:
    title = rng.choice(TITLES)
    if rng.random() < 0.5:
        code = drawn(rng, rng.choice([14, 16]))
        mark = rng.choice(["￥{}￥", "￥{}%"]).format(code)
        text = rng.choice(
            ["{c}", "{t} 复制{c}打开京东", "{c} " + _tag(rng) + "\n「{t}」复制打开京东APP", "京口令 {c}，{t}"]
        )
        return _sample(text, rng, mark, title, "jd", "passphrase", code, "jd-mark")
    code = drawn(rng, rng.randint(10, 12))
    link = f"https://3.cn/{rng.choice(['', '-'])}{drawn(rng, 7)}?jkl=@{code}@ {_tag(rng)}"
    text = rng.choice(["【京东】{c} 「{t}」\r\n点击链接直接打开 或者复制文案打开京东", "{c}"])
    return _sample(text, rng, link, title, "jd", "short_link", code, "jd-link")


def _links(rng: random.Random) -> Sample:
    number = rng.randint(10**9, 10**13)
    rows = [
        ("jd", "short_link", f"https://u.jd.com/{drawn(rng, 7)}"),
        ("jd", "long_link", f"https://item.m.jd.com/product/{number}.html"),
        ("pdd", "short_link", f"https://p.pinduoduo.com/{drawn(rng, 8)}"),
        ("pdd", "long_link", f"https://mobile.yangkeduo.com/goods2.html?goods_id={number}"),
        ("taobao", "long_link", f"https://item.taobao.com/item.htm?id={number}"),
        ("tmall", "long_link", f"https://detail.tmall.com/item.htm?id={number}&skuId=1"),
        ("taobao", "long_link", f"https://uland.taobao.com/coupon/edetail?e={drawn(rng, 40)}%3D"),
        ("wechat", "qr_payload", f"http://weixin.qq.com/r/{drawn(rng, 20)}"),
        ("alipay", "qr_payload", f"https://qr.alipay.com/{drawn(rng, 20).lower()}"),
        ("alipay", "qr_payload", f"alipays://platformapi/startapp?appId={number}"),
        ("wechat", "qr_payload", f"wxp://f2f0{drawn(rng, 20)}"),
        ("dewu", "short_link", f"https://dw4.co/t/A/{drawn(rng, 9)}"),
        ("aliexpress", "short_link", f"https://s.click.aliexpress.com/e/_{drawn(rng, 7)}"),
        ("amazon", "short_link", f"https://amzn.to/{drawn(rng, 7)}"),
        ("tmall", "short_link", f"http://{rng.choice(['zmnxbc.com', 'yukhj.com', 'share.laiwang.com'])}/s/{drawn(rng, 5)}?tm={number:06x}"[:46]),
        ("taobao", "short_link", f"http://b.mashort.cn/h.{drawn(rng, 5)}?sm="),
        ("taobao", "short_link", f"http://www.dwntme.com/h.{drawn(rng, 6)}"),
    ]  # fmt: skip
    platform, kind, link = rng.choice(rows)
    text = rng.choice(["{c}", "{t} {c}", "买这个：{c} 挺好用", "「{t}」\n{c}", "[{t}]({c})"])
    return _sample(text, rng, link, rng.choice(TITLES), platform, kind, None, "links")


def _coded_links(rng: random.Random) -> Sample:
    alphabet = LETTERS + "_-"
    rows = [
        ("pdd", 10, "https://mobile.yangkeduo.com/goods.html?ps={}"),
        ("kuaishou", 6, "https://v.kuaishou.com/{} 复制此消息，打开【快手】直接观看！"),
        ("meituan", 8, "http://dpurl.cn/{}"),
        ("meituan", 10, "https://dpurl.cn/p/{}"),
        ("bilibili", 7, "【{t}-哔哩哔哩】 https://b23.tv/{}"),
        ("huoshan", 11, "https://share.huoshan.com/hotsoon/s/{}/ 复制此链接，打开【抖音火山版】"),
        ("baidu", 11, "https://mr.baidu.com/r/{}"),
        ("taobao", 7, "https://s.click.taobao.com/{}"),
    ]
    if rng.random() < 0.35:
        code = drawn(rng, 9) + rng.choice(alphabet) + rng.choice(LETTERS)
        parts = [f"{rng.randint(0, 9)}.{rng.randint(10, 99)}", "复制打开抖音，看看【某某的作品】", f"https://v.douyin.com/{code}/",
                 f"{rng.choice(LETTERS)}@{rng.choice(LETTERS)}.{drawn(rng, 2)}", "05/09", "Atr:/"]  # fmt: skip
        rng.shuffle(parts)
        return Sample(" ".join(parts), "code", "douyin", "short_link", code, "coded-links")
    platform, length, link = rng.choice(rows)
    code = drawn(rng, length)
    return _sample(link.replace("{}", code), rng, "", rng.choice(TITLES), platform, "short_link", code, "coded-links")


def _other_passphrases(rng: random.Random) -> Sample:
    name = rng.choice(["喜家德", "瑞幸咖啡", "海底捞", "腾讯文档", "蜜雪冰城"])
    six, eleven, ten, fifteen = (drawn(rng, size) for size in (7, 11, 10, 15))
    digits = str(rng.randint(10**5, 10**9 - 1))
    eight = str(rng.randint(60_000_000, 79_999_999))
    rows = [
        ("wechat_miniprogram", fifteen, f"#小程序://{name}/{fifteen}"),
        ("pdd", fifteen, f"#小程序://拼多多/{fifteen}"),
        ("alipay", ten, f"#吱口令#长按复制此条消息，打开支付宝给我转账{ten}"),
        ("alipay", ten, f"支付宝发红包啦！人人可领，天天可领！长按复制此消息，打开支付宝领红包！{ten}"),
        ("alipay", digits, f"打开支付宝首页搜“{digits}”领红包，领到大红包的小伙伴赶紧使用哦！"),
        ("alipay", digits, f"打开支付宝首页搜索 {digits} 即可领红包"),
        ("xiaohongshu", fifteen, f"75 某某发布了一篇小红书笔记，快来看吧！ 😆 {fifteen} 😆 http://xhslink.com/{six}，复制本条信息，打开【小红书】App查看精彩内容！"),
        ("douyin", eleven, f"##{eleven}##[抖音口令] 长按复制此条消息，打开抖音搜索"),
        ("dewu", six, f"{rng.randint(1, 9)} CA1234 å{six}å https://dw4.co/t/A/{drawn(rng, 8)} {rng.choice(TITLES)} 点开链接，快来看！"),
        ("pdd", eight, f"福袋互助码 {eight} 帮我点点，必回"),
        ("pdd", eight, f"拼多多助力码：{eight}，互助互点"),
        ("unknown", digits, f"【房间号#{digits}#,一起来玩】复制这条信息后打开XX即可加入房间"),
    ]  # fmt: skip
    platform, code, text = rng.choice(rows)
    return Sample(text, "code", platform, "passphrase", code, "other-passphrases")


def _sample(
    text: str, rng: random.Random, carried: str, title: str, platform: str, kind: str, code: str | None, group: str
) -> Sample:
    filled = (
        text.replace("{c}", carried)
        .replace("{t}", title)
        .replace("{s}", drawn(rng, 7))
        .replace("{p}", str(rng.randint(9, 299)))
    )
    return Sample(filled, "code", platform, kind, code, group)


POSITIVE: tuple[Callable[[random.Random], Sample], ...] = (
    _taobao_mark, _taobao_brackets, _taobao_link, _xianyu, _jd, _links, _coded_links, _other_passphrases,
)  # fmt: skip


def positives(seed: int, number: int) -> list[Sample]:
    """Return share texts of every platform, the same for the same seed."""
    rng = random.Random(seed)
    return [rng.choice(POSITIVE)(rng) for _ in range(number)]


# --- ordinary texts that look like it -------------------------------------------------------------------------------


def _hard_rows(rng: random.Random) -> list[tuple[str, str]]:
    price, other = rng.randint(5, 300), rng.randint(301, 900)
    run, eleven, eight = drawn(rng, rng.randint(8, 14)), drawn(rng, 11), rng.randint(10_000_000, 99_999_999)
    hexes = "".join(rng.choice("0123456789abcdef") for _ in range(40))
    title = rng.choice(TITLES)
    return [
        ("price_pair", f"{title}一件￥{price}，两件￥{other}"), ("price_pair", f"原价￥{other}现价￥{price}，{title}"),
        ("price_pair", f"¥{price}.00 × 2 = ¥{price * 2}.00"), ("price_pair", f"tickets are ${price} each or ${other} for 4, $10 deposit"),
        ("env_var", "export PATH=$HOME/bin:$PATH && echo ${USER} $GOPATH"), ("env_var", "把 $JAVA_HOME 和 $CLASSPATH 都配上"),
        ("tex", f"设 $x_{price % 10}$ 为未知数，则 $a^2+b^2=c^2$ 成立"), ("tex", "where $alpha1beta2$ is the rate and $gamma$ the cost"),
        ("template", "Dear ${customerName}, your order ${orderId} has shipped"), ("template", "<p>{{ userName }}</p> {% if isAdmin %}"),
        ("order_number", f"订单号 E{price}{eight}{other} 已发货，{title}"), ("order_number", f"我的单号是 SF{eight}{eight}，帮我看看到哪了"),
        ("order_number", f"order no. {drawn(rng, 10).upper()} has been cancelled"), ("order_number", f"复制订单号 {eight}{price} 去官网查物流"),
        ("flight", f"我坐 CA{rng.randint(1000, 9999)} 过去，MU{rng.randint(1000, 9999)} 回来"), ("flight", "flight MF8101 departs gate B12 at 09:40"),
        ("wifi_password", f"店里 WiFi 密码 {run}，注意大小写"), ("wifi_password", f"wifi: CafeGuest  password: {run}"),
        ("wifi_password", f"无线密码：{run}，连不上找我"), ("wifi_password", f"初始密码（{run}），登录后请修改"),
        ("verification", f"【某某银行】您尾号{price}的账户验证码{eight % 1000000:06d}，请勿泄露"), ("verification", f"您的验证码是 {eight % 1000000:06d}，打开App输入即可"),
        ("pickup", f"【菜鸟】取件码 {price % 20}-{price % 7}-{other}{price % 9}，请到驿站"), ("pickup", f"外卖取餐码 {price}，放前台了"),
        ("game", f"加我好友，游戏 ID：{eight}，晚上一起打"), ("game", f"房间号 {eight % 1000000}，密码 {price}，快进来"), ("game", f"王者荣耀 搜 {eight} 加我"),
        ("netdisk", f"链接: https://pan.baidu.com/s/1{drawn(rng, 22)} 提取码: {drawn(rng, 4).lower()} 复制这段内容后打开百度网盘手机App，操作更方便哦"),
        ("netdisk", f"https://pan.quark.cn/s/{hexes[:12]} 提取码：{drawn(rng, 4)}"),
        ("git", f"commit {hexes}"), ("git", f"fix landed in {hexes[:11]}, please rebase"), ("git", f"sha256:{hexes}{hexes[:24]}"),
        ("base64", f"data:image/png;base64,iVBORw0KGgo{drawn(rng, 40)}=="), ("code", f"const userId = getUserById({price}); // {run}"),
        ("code", f"HashMap<String, List<Integer>> myMapping = new HashMap<>(); int maxValue{price} = 0;"),
        ("code", f"api_key = '{run}{run}'"), ("code", "camelCaseVariable (getElementById) works; see XMLHttpRequest2"),
        ("url", f"https://github.com/python/cpython/blob/main/Lib/re.py#L{price}"), ("url", f"https://www.youtube.com/watch?v={eleven}"),
        ("url", f"看看这个视频 https://youtu.be/{eleven}"), ("url", f"https://www.zhihu.com/question/{eight}/answer/{eight}"),
        ("url", "邮箱 someone@163.com 或 www.163.cn，官网 example.com/about"), ("url", f"https://docs.google.com/document/d/{drawn(rng, 30)}/edit"),
        ("url", f"https://mp.weixin.qq.com/s/{drawn(rng, 22)}"), ("url", f"https://www.bilibili.com/video/BV1{drawn(rng, 9)}"),
        ("news", "记者获悉，微信将封禁淘口令等特殊识别码，用户复制口令打开淘宝的方式将受限"), ("news", "什么是淘口令？其实就是一段可以复制到淘宝打开的文字"),
        ("news", "据报道，抖音口令、吱口令均在本次规范的整治范围内"), ("news", "以前复制口令再打开手机淘宝就能看到商品，现在不行了"),
        ("chat", f"文件在 D:\\work\\Report{price}Final.docx，打开就能看"), ("chat", "把这段复制到文档里再打开一遍试试"), ("chat", "你打开淘宝看一下我的订单"),
        ("chat", "复制一份钥匙多少钱？"), ("chat", f"型号 {drawn(rng, 9)} 的打印机，说明书在官网下载"), ("chat", "点击右上角，选择在浏览器打开，文档就能编辑了"),
        ("chat", f"腾讯会议 会议号：{eight % 1000}-{price}-{other}"),
        ("parenthesised", f"新版本是 (build2026{price}{other}) 那个"), ("parenthesised", "公司名（GuangZhouTech）已经注册"), ("brand", "iPhone15ProMax 和 MacBookPro16 哪个好"),
        ("brand", f"雷蛇 DeathAdderV3 京东￥{other}，淘宝￥{price}"), ("salary", f"月薪￥{price}00-￥{other}00，五险一金"),
        ("unit", "功率2000W 220V 50Hz IPX7防水 USB3.0 Type-C 5Gbps"), ("id", f"身份证号 4403{eight}{price}X 已实名"), ("id", f"UUID 550e8400-e29b-41d4-a716-4466{eight}"),
        ("phone", f"电话 138{eight}，帮我转告一下"), ("phone", f"我的助力电动车卖了，电话 6{eight % 10_000_000:07d}"), ("account", f"微博账号 {run}，关注的人不多"),
        ("invoice", f"发票抬头：某某科技，税号 91440300MA5{drawn(rng, 7).upper()}"), ("coupon", f"coupon code SAVE{price}NOW at checkout"), ("isbn", f"ISBN 978-7-{price}-{eight % 10000}-{price % 10}"),
    ]  # fmt: skip


def hard_negatives(seed: int, number: int) -> list[Sample]:
    """Return ordinary texts that hold what a code might be taken from."""
    rng = random.Random(seed)
    found = []
    for _ in range(number):
        group, text = rng.choice(_hard_rows(rng))
        found.append(Sample(text, "benign", None, None, None, group))
    return found


# --- disguises ------------------------------------------------------------------------------------------------------

_WORDS = (
    "复制",
    "打开",
    "淘宝",
    "手淘",
    "链接",
    "点击",
    "口令",
    "浏览器",
    "京东",
    "支付宝",
    "抖音",
    "小红书",
    "快手",
    "搜索",
    "长按",
    "天猫",
)
_HOMOPHONES = {"复": "腹付妇附傅負", "制": "置志治智质", "打": "大", "开": "揩", "淘": "逃陶桃掏", "宝": "保饱堡抱", "点": "典碘", "击": "几机鸡", "链": "连练恋", "接": "街节姐",
               "口": "扣寇", "令": "另玲凌", "京": "经晶惊", "东": "冬懂咚", "支": "之知", "付": "富父", "抖": "斗陡", "音": "因阴", "快": "块", "手": "首守", "搜": "馊", "索": "所锁",
               "长": "常尝", "按": "暗岸", "小": "晓", "红": "洪宏", "书": "输叔", "天": "添", "猫": "毛喵"}  # fmt: skip
_RARE = {"复": "復緮椱", "制": "製淛", "打": "咑", "开": "開閞", "淘": "綯匋", "宝": "寳寶", "点": "點奌", "击": "擊", "链": "鏈", "接": "椄", "口": "囗", "令": "伶", "京": "亰", "东": "東",
         "浏": "瀏", "览": "覽", "器": "噐", "书": "書", "红": "紅", "长": "長", "音": "喑", "猫": "貓"}  # fmt: skip
_SPLIT = {
    "淘": "氵匋",
    "打": "扌丁",
    "链": "钅连",
    "接": "扌妾",
    "抖": "扌斗",
    "按": "扌安",
    "红": "纟工",
    "快": "忄夬",
    "搜": "扌叟",
    "猫": "犭苗",
}
_PINYIN = {
    "淘": "tao",
    "宝": "bao",
    "复": "fu",
    "制": "zhi",
    "打": "da",
    "开": "kai",
    "京": "jing",
    "东": "dong",
    "抖": "dou",
    "音": "yin",
    "链": "lian",
    "接": "jie",
    "口": "kou",
    "令": "ling",
}
_WIDE = {chr(n): chr(n + 0xFEE0) for n in range(0x21, 0x7F)}
_MATH = {c: chr(0x1D5D4 + i) for i, c in enumerate(string.ascii_uppercase)} | {
    c: chr(0x1D5EE + i) for i, c in enumerate(string.ascii_lowercase)
}
_FOREIGN = dict(zip("AaBCceEHKMOopPTxXyjs", "АаВСсеЕНКМОорРТхХујѕ", strict=True))
_CIRCLED = {c: chr(0x24B6 + i) for i, c in enumerate(string.ascii_uppercase)} | {
    c: chr(0x24D0 + i) for i, c in enumerate(string.ascii_lowercase)
}


def _words(text: str, change: Callable[[str], str]) -> str:
    for word in _WORDS:
        text = text.replace(word, change(word))
    return text


def _code_of(text: str, sample: Sample | None, change: Callable[[str], str]) -> str:
    return text.replace(sample.code, change(sample.code)) if sample and sample.code else text


def _hosts(text: str, change: Callable[[str], str]) -> str:
    from re import sub

    return sub(
        r"(?<=//)[a-z0-9.]+(?=/)|(?<![\w/.])[a-z0-9]+(?:\.[a-z0-9]+)+(?=/)", lambda match: change(match.group()), text
    )


Technique = Callable[[random.Random, str, Sample | None], str]

TECHNIQUES: dict[str, Technique] = {
    "symbol-insert": lambda rng, t, s: _words(t, lambda w: rng.choice("·♂★→●■~*・…♀◇").join(w)),
    "kana-insert": lambda rng, t, s: _words(t, lambda w: rng.choice("ァずのアヤッ").join(w)),
    "bopomofo-insert": lambda rng, t, s: _words(t, lambda w: rng.choice("ㄅㄆㄊㄜㄣ").join(w)),
    "emoji-split": lambda rng, t, s: _words(t, lambda w: rng.choice(["❤️", "🔥", "🌸", "👉"]).join(w)),
    "blank-insert": lambda rng, t, s: _words(t, lambda w: " ".join(w)),
    "lookalike-hanzi": lambda rng, t, s: _words(t, lambda w: "".join(rng.choice(_RARE.get(c, c)) for c in w)),
    "homophone": lambda rng, t, s: _words(t, lambda w: "".join(rng.choice(_HOMOPHONES.get(c, c)) for c in w)),
    "radical-split": lambda rng, t, s: _words(t, lambda w: "".join(_SPLIT.get(c, c) for c in w)),
    "latin-phonetic": lambda rng, t, s: _words(t, lambda w: "".join(_PINYIN.get(c, c) if i == 0 or rng.random() < 0.3 else c for i, c in enumerate(w))),
    "zero-width": lambda rng, t, s: rng.choice(["\u200b", "\u200d", "\u2060", "\ufeff", "\u00ad"]).join(t),
    "full-width": lambda rng, t, s: "".join(_WIDE.get(c, c) if c.isalnum() or c in "./:?=" else c for c in t),
    "styled-letter": lambda rng, t, s: _code_of(t, s, lambda c: "".join(_MATH.get(x, x) for x in c)),
    "circled-letter": lambda rng, t, s: _code_of(t, s, lambda c: "".join(_CIRCLED.get(x, x) for x in c)),
    "greek-cyrillic-homoglyph": lambda rng, t, s: "".join(_FOREIGN.get(c, c) if c.isascii() and rng.random() < 0.5 else c for c in t),
    "combining-mark": lambda rng, t, s: _code_of(t, s, lambda c: "".join(x + "\u0336" for x in c)),
    "code-split": lambda rng, t, s: _split_code(rng, t, s),
    "link-written-out": lambda rng, t, s: _hosts(t, lambda h: h.replace(".", rng.choice(["点", "。", " . ", "(.)", "[.]", "丶", "·"]))),
    "scheme-apart": lambda rng, t, s: t.replace("https://", "h t t p s : / / ").replace("http://", "h t t p : / / "),
    "backslash": lambda rng, t, s: t.replace("//", "\\\\").replace("/", "\\") if "http" in t else t,
    "percent-encoding": lambda rng, t, s: _hosts(t, lambda h: h.replace(".", "%2E")),
    "no-scheme": lambda rng, t, s: t.replace("https://", "").replace("http://", ""),
    "traditional": lambda rng, t, s: t.translate(str.maketrans("复制开链点击这条选择浏览信后长红书东单领转", "復製開鏈點擊這條選擇瀏覽信後長紅書東單領轉")),
}  # fmt: skip


def _split_code(rng: random.Random, text: str, sample: Sample | None) -> str:
    if sample is None or sample.code is None or sample.kind != "passphrase" or sample.code.isdigit():
        return text
    return text.replace(sample.code, rng.choice([" ", "·", "🌸", "\n", "-"]).join(sample.code))


def disguised(technique: str, seed: int, text: str, sample: Sample | None = None) -> str:
    """Return a text with one technique applied, the same for the same seed."""
    return TECHNIQUES[technique](random.Random(seed), text, sample)
