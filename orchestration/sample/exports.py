"""What each system of the sample company exports, as files of an inbox, in two waves.

Keep out: what happened (people, activity, cases, surveys) and what is true of it (truth). One function per source.
"""

from pathlib import Path

from orchestration.engine import literal
from orchestration.sample import cases, faults, files
from orchestration.sample.clock import ABSENT, CUT, END, START
from orchestration.sample.phrases import NO_ANSWER, PRODUCTS, SATISFACTION, UNKNOWN_LABEL
from orchestration.sample.world import World

STEM = {1: "2025-11", 2: "2025-12"}
PLATFORMS = ("weibo", "xiaohongshu", "douyin")
METHODS = ("interview", "focus_group", "user_test", "sales_note", "staff_note", "in_app_form")
COURSES = ("complaints", "product", "privacy", "english")
QUEUES = ("orders", "service", "members")
FEATURES = ("search", "basket", "checkout", "member_card", "returns")
COST_TYPES = ("staff", "tools", "incentives", "other")
# Forms, as the survey tool numbers them, and the widgets of their fields.
FORMS = {
    "nps_relationship": "65f0000000000000000000a1",
    "csat_purchase": "65f0000000000000000000b2",
    "ces_service": "65f0000000000000000000c3",
}
FIELDS = (
    "member_no", "country", "minor", "language", "channel", "store", "sku", "ticket", "weight", "contact", "comment",
    "nps_score", "overall", "quality", "delivery", "staff", "ease", "effort",
)  # fmt: skip

MACROS = f"""
    create macro at_time(s) as case when s is null or s = {ABSENT} then null else make_timestamp(s::bigint * 1000000) end;
    create macro iso(s) as strftime(at_time(s), '%Y-%m-%dT%H:%M:%SZ');
    create macro iso_ms(s) as strftime(at_time(s), '%Y-%m-%dT%H:%M:%S.000Z');
    create macro local_time(s, zone, format) as strftime(timezone(zone, timezone('UTC', at_time(s))), format);
    create macro shanghai(s) as local_time(s, 'Asia/Shanghai', '%Y-%m-%d %H:%M:%S');
    create macro present(n) as nullif(n, {ABSENT});
    create macro luck(n) as ((n * 2654435761) % 1000003) / 1000003.0;
    create macro fate(n, s) as case
        when s >= {CUT} then 'new'
        when luck(n) < {faults.LATE} then 'late'
        when luck(n) < {faults.LATE + faults.DOUBLE} then 'double'
        when luck(n) < {faults.LATE + faults.DOUBLE + faults.CORRECTED} then 'corrected'
        else 'plain' end;
    create macro comes_in(fate, wave) as case wave
        when 1 then fate in ('plain', 'double', 'corrected') else fate in ('new', 'late', 'double', 'corrected') end;
    create macro agent_code(n) as printf('A%03d', n);
    create macro store_code(n) as case when n = 0 then null else printf('S%02d', n) end;
    create macro sku(n) as printf('P%03d', n + 1);
    create macro author_handle(person) as '@lq_' || (person * 7907 % 1000003);
    create macro nickname(person) as '用户' || (person * 37 % 99991);
    create macro home_address(person, region) as case when person % 3 = 0
        then region || '示例区岚桥路' || (person % 800 + 1) || '号' end;
    create macro caller_number(call, person, phone, country, style) as case when person = {ABSENT}
        then '+86 21 6666 ' || printf('%04d', call % 10000) else as_written(phone, country, style) end;
"""


def write(world: World, inbox: Path, waves: tuple[int, ...]) -> None:
    """Write every source's files of these waves."""
    for wave in waves:
        for source in (
            crm, directory, web_shop, mobile_app, helpdesk, helpdesk_eu, telephony, survey_forms, store_tablet, reviews,
            social, programme,
        ):  # fmt: skip
            source(world, inbox / source.__name__, wave)


def crm(world: World, folder: Path, wave: int) -> None:
    """Customers, consents and erasure requests, JSON lines. Wave 2 repeats some customers and corrects some."""
    changed = f"fate(person, {START}) = 'corrected'"
    wanted = "true" if wave == 1 else f"(fate(person, {START}) = 'double' or {changed})"
    newer = f"({changed} and {wave} = 2)"
    customers = f"""
        select a.account as id, p.name, a.email_written as email, p.is_email_verified as "emailVerified", a.phone_written as mobile,
            p.country, p.is_minor as "isMinor", p.language, p.region, p.age, p.gender,
            case when {newer} then 'loyal' else case when {changed} then 'new' else p.segment end end as segment,
            home_address(p.person, p.region) as address,
            p.contract as membership, p.is_churned as churned, iso(p.first_seen) as "createdAt",
            case when {newer} then 2 else 1 end as version,
            iso(case when {newer} then {CUT + 3600} else greatest(p.first_seen + 60, {START}) end) as "updatedAt"
        from account_spelling as a join person as p using (person)
        where a.source = 'crm' and {wanted}
        order by p.person
    """
    broken: tuple[str, ...] = ()
    if wave == 1:
        broken = tuple(
            f'{{"id": "C99{i:05d}", "name": "' for i in range(faults.BROKEN_JSON_LINES["crm", "customers"])
        ) + tuple(
            f'{{"id": null, "segment": "new", "updatedAt": "2025-01-0{i + 1}T00:00:00Z"}}'
            for i in range(faults.WITHOUT_ID["crm", "customers"])
        )
    files.jsonl(world, folder / f"customers_{STEM[wave]}.jsonl", customers, broken=broken)
    files.jsonl(
        world,
        folder / f"consents_{STEM[wave]}.jsonl",
        f"""
        select consent_id as id, printf('C%07d', person) as "customerId", purpose, consent_type as type, action,
            notice_version as notice, collected_via as via, 'form-' || consent_id as evidence, iso(given_at) as "givenAt",
            iso(expires_at) as "expiresAt"
        from consent where (given_at < {CUT}) = ({wave} = 1) order by consent_id
        """,
    )
    if wave == 2:
        files.jsonl(
            world,
            folder / f"erasures_{STEM[wave]}.jsonl",
            """select erasure_id as id, printf('C%07d', person) as "customerId", iso(deleted_at) as "requestedAt" from erasure order by person""",
        )


def directory(world: World, folder: Path, wave: int) -> None:
    """Staff and their trainings, CSV in GB18030 as the personnel system writes it."""
    if wave == 1:
        files.csv(
            world,
            folder / f"staff_{STEM[wave]}.csv",
            """select agent_id as 工号, name as 姓名, email as 邮箱, team as 团队, role as 岗位, store_id as 门店,
                strftime(at_time(hired), '%Y/%m/%d') as 入职日期 from agent order by agent""",
            encoding="gb18030",
        )
    files.csv(
        world,
        folder / f"trainings_{STEM[wave]}.csv",
        f"""select training as 编号, agent_code(agent) as 工号, {list(COURSES)}[1 + course] as 课程, shanghai(t.at) as 时间, hours as 课时,
            result as 成绩 from training as t where (t.at < {CUT}) = ({wave} = 1) order by training""",
        encoding="gb18030",
    )


def web_shop(world: World, folder: Path, wave: int) -> None:
    """Accounts, orders, subscription periods and products, CSV in UTF-8 with local times."""
    wanted = "true" if wave == 1 else "verified_from = 2"
    files.csv(
        world,
        folder / f"accounts_{STEM[wave]}.csv",
        f"""
        select account as account_no, email_written as email,
            case when verified_from = 1 or (verified_from = 2 and {wave} = 2) then 'Y' else 'N' end as email_verified,
            phone_written as mobile, name, a.country, case when a.is_minor then 'Y' else 'N' end as minor,
            shanghai(first_seen) as registered_at, shanghai(case when {wave} = 2 then {CUT + 7200} else {START} end) as updated_at
        from account_spelling as a join person as p using (person, name)
        where a.source = 'web_shop' and {wanted} order by person
        """,
    )
    order_columns = """
        case when identity = 'web' then printf('W%07d', 5000000 + o.person) end as account_no,
        case when identity = 'member' then printf('C%07d', o.person) end as member_no,
        case when identity = 'guest' then as_written(p.phone, p.country, o.purchase) end as guest_mobile,
        case when identity = 'guest' then p.email end as guest_email,
        p.country
    """
    extra: tuple[str, ...] = ()
    if wave == 1:
        key = ("web_shop", "orders")
        tail = ",CNY,60.00,1,P001,web,,2024-05-05 10:00:00"
        lines = [
            f"O99{i:07d},purchase,W4999999,,,,CN,2024-13-{40 + i},100.00{tail}"
            for i in range(faults.UNPARSABLE_DATES[key])
        ]
        lines += [
            f"O98{i:07d},purchase,W4999999,,,,CN,2024-05-05 10:00:00,n/a{tail}"
            for i in range(faults.UNPARSABLE_AMOUNTS[key])
        ]
        lines += [f",purchase,W4999999,,,,CN,2024-05-05 10:00:0{i},100.00{tail}" for i in range(faults.WITHOUT_ID[key])]
        lines += [
            f"O97{i:07d},gift,W4999999,,,,CN,2024-05-05 10:00:00,100.00{tail}" for i in range(faults.UNKNOWN_TYPES[key])
        ]
        extra = tuple(lines)
    files.csv(
        world,
        folder / f"orders_{STEM[wave]}.csv",
        f"""
        with fated as (select *, fate(purchase, purchase.at) as fate from purchase),
        refunds as (select * from purchase where refunded_at <> {ABSENT} and (refunded_at < {CUT}) = ({wave} = 1))
        select printf('O%09d', purchase) as order_no, 'purchase' as type, {order_columns}, shanghai(o.at) as ordered_at,
            case when fate = 'corrected' and {wave} = 1 then amount * 10 else amount end as amount, currency, cost, o.quantity as qty,
            sku(product) as sku, case when store = 0 then 'web' else 'store' end as channel, store_code(store) as store,
            shanghai(case when fate = 'corrected' and {wave} = 2 then {CUT + 86400} else o.at + 60 end) as updated_at
        from fated as o join person as p using (person) where comes_in(fate, {wave})
        union all
        select printf('R%09d', purchase), 'refund', {order_columns}, shanghai(refunded_at), -amount, currency, -cost, quantity,
            sku(product), case when store = 0 then 'web' else 'store' end, store_code(store), shanghai(refunded_at + 60)
        from refunds as o join person as p using (person)
        order by order_no
        """,
        extra=extra,
    )
    files.csv(
        world,
        folder / f"subscriptions_{STEM[wave]}.csv",
        f"""
        select printf('W%07d', 5000000 + person) as account_no, 'care' as plan, s.amount as price, s.currency,
            strftime(date '2024-01-01' + to_months(month::integer), '%Y-%m-%d') as period_from,
            strftime(date '2024-01-01' + to_months(month::integer + 1), '%Y-%m-%d') as period_to, shanghai(s.at) as billed_at
        from subscription as s where (s.at < {CUT}) = ({wave} = 1) order by person, month
        """,
    )
    if wave == 1:
        rows = ", ".join(str(p) for p in PRODUCTS)
        files.csv(
            world,
            folder / f"products_{STEM[wave]}.csv",
            f"select *, 'CNY' as currency from (values {rows}) as t(sku, name_zh, name_en, category, department, division, price)",
        )


def mobile_app(world: World, folder: Path, wave: int) -> None:
    """Use of the app by account, day and feature, Parquet; and stars given in the app, by nobody in particular."""
    cut_day = (CUT - START) // 86_400
    files.parquet(
        world,
        folder / f"usage_{STEM[wave]}.parquet",
        f"""
        select printf('W%07d', 5000000 + person) as account_no, date '2024-01-01' + day::integer as day,
            {list(FEATURES)}[1 + feature] as feature, uses
        from usage where (day < {cut_day}) = ({wave} = 1) order by person, day, feature
        """,
    )
    if wave == 1:
        _, ratings = faults.QUARANTINED["mobile_app", "review"]
        files.csv(
            world,
            folder / f"ratings_{STEM[wave]}.csv",
            f"""select 'A' || i as no, shanghai({CUT} - 86400 * (1 + i)) as rated, 1 + i * 7 % 10 as stars, 5 as best,
                '6.0' as version from range({ratings}) as r(i) order by i""",
        )


def helpdesk(world: World, folder: Path, wave: int) -> None:
    """Users, tickets and ticket events as saved API pages; times in UTC. Wave 2 lists what changed, and deletions."""
    until = CUT if wave == 1 else END
    changed = "true" if wave == 1 else f"(updated >= {CUT} or is_deleted)"
    world.sql(
        f"create or replace temp table ticket_now as select * from ({cases.snapshot(until)}) where source = 'helpdesk' and {changed}"
    )
    files.pages(
        world,
        folder,
        f"users_{STEM[wave]}",
        "users",
        f"""
        select to_json({{id: account::bigint, name: name, email: email_written, verified: verified_from = 1 or (verified_from = 2 and {wave} = 2),
            phone: phone_written, role: 'end-user', country: country, updated_at: iso(case when {wave} = 2 then {CUT} else {START} end)}}) as record
        from account_spelling
        where source = 'helpdesk' and ({wave} = 1 or verified_from = 2 or person in (select person from ticket_now)) order by person
        """,
        about={"end_of_stream": True},
    )
    files.pages(
        world,
        folder,
        f"tickets_{STEM[wave]}",
        "tickets",
        f"""
        select to_json({{id: "case", requester_id: 700000000 + person, created_at: iso(c.opened),
            updated_at: iso(case when is_deleted and {wave} = 2 then {END - 1} else updated end),
            status: case when is_deleted and {wave} = 2 then 'deleted' when status = 'resolved' then 'solved' when status = 'on_hold' then 'hold' else status end,
            priority: priority_then, type: case_type, category: category, via: {{channel: channel}}, submitter: opened_by,
            subject: left(t.text, 12), description: t.text, 'group': 'service_cn', assignee: agent_code(agent), sku: sku(product),
            store: store_code(store), language: language, close_reason: case when is_spam and status = 'closed' then 'spam' when is_merged and status = 'closed' then 'merged' end
            }}) as record
        from ticket_now as c join case_text as t on t.slot = c."case" join person using (person) order by "case"
        """,
        about={"end_of_stream": True},
    )
    files.pages(
        world,
        folder,
        f"ticket_events_{STEM[wave]}",
        "ticket_events",
        f"""
        select to_json({{id: event, ticket_id: e."case", created_at: iso(e.at), type: {TICKET_EVENT_SQL},
            field: {TICKET_FIELD_SQL}, previous_value: nullif(old_value, ''), value: nullif(new_value, ''),
            author: {{role: case author_role when 'customer' then 'end-user' else author_role end, requester_id: 700000000 + c.person,
                staff_id: case when author_role = 'agent' then agent_code(c.agent) end}},
            public: is_public, automatic: is_automatic, body: t.text, channel: c.channel}}) as record
        from case_event as e join case_ as c using ("case") left join case_event_text as t on t.slot = e.event
        where e.source = 'helpdesk' and (e.at < {CUT}) = ({wave} = 1) order by e.at, event
        """,
        about={"end_of_stream": True},
    )


# How the helpdesk names what happened: changes of fields, comments, and a few words of its own.
TICKET_EVENT_SQL = """case
    when event_type = 'opened' then 'Create'
    when event_type in ('message_in', 'message_out', 'note') then 'Comment'
    when event_type in ('resolved', 'reopened', 'closed', 'status', 'classified', 'priority_changed', 'assigned') then 'Change'
    else event_type end"""
TICKET_FIELD_SQL = """case
    when event_type in ('resolved', 'reopened', 'closed', 'status') then 'status'
    when event_type = 'classified' then 'category' when event_type = 'priority_changed' then 'priority'
    when event_type = 'assigned' then 'group' end"""


def helpdesk_eu(world: World, folder: Path, wave: int) -> None:
    """Tickets and their history, tab-separated, German local times without a zone."""
    until = CUT if wave == 1 else END
    changed = "true" if wave == 1 else f"(updated >= {CUT} or a.verified_from = 2)"
    berlin = "local_time({}, 'Europe/Berlin', '%d.%m.%Y %H:%M:%S')"
    files.csv(
        world,
        folder / f"tickets_{STEM[wave]}.tsv",
        f"""
        select 'EU-' || "case" as ticket, a.account as requester, a.name as requester_name, a.email_written as requester_email,
            case when a.verified_from = 1 or (a.verified_from = 2 and {wave} = 2) then 1 else 0 end as email_verified,
            a.phone_written as requester_phone, a.country, {berlin.format("c.opened")} as created, {berlin.format("c.updated")} as changed, opened_by,
            channel, case_type as type, category, priority_then as priority, status, agent_code(agent) as owner, sku(product) as article,
            case when is_sla_met then 'yes' else 'no' end as sla_met, case when is_timely then 'yes' else 'no' end as timely,
            case when status <> 'closed' then null when is_spam then 'spam' when is_merged then 'merged'
                when is_closed_untimely then 'untimely' end as close_reason,
            a.language, left(t.text, 30) as subject, t.text as body
        from ({cases.snapshot(until)}) as c join account_spelling as a using (source, person)
        join case_text as t on t.slot = c."case"
        where source = 'helpdesk_eu' and {changed} order by "case"
        """,
        delimiter="\t",
    )
    files.csv(
        world,
        folder / f"history_{STEM[wave]}.tsv",
        f"""
        select event as entry, 'EU-' || e."case" as ticket, {berlin.format("e.at")} as at, e.event % 32 as position, event_type as what,
            author_role as who, case when author_role = 'agent' then agent_code(c.agent) end as staff,
            (700000000 + c.person)::varchar as requester, nullif(old_value, '') as before,
            nullif(new_value, '') as after, case when is_public then 1 else 0 end as public, case when is_automatic then 1 else 0 end as automatic,
            t.text as body
        from case_event as e join case_ as c using ("case") left join case_event_text as t on t.slot = e.event
        where e.source = 'helpdesk_eu' and (e.at < {CUT}) = ({wave} = 1) order by e.at, event
        """,
        delimiter="\t",
    )


def telephony(world: World, folder: Path, wave: int) -> None:
    """Calls as saved API pages, unix seconds."""
    broken = faults.NEGATIVE_WAITS["telephony", "calls"] if wave == 1 else 0
    files.pages(
        world,
        folder,
        f"calls_{STEM[wave]}",
        "calls",
        f"""
        with fated as (select *, fate(call, call.at) as fate from call)
        select to_json({{id: call, direction: case when is_outbound then 'outbound' else 'inbound' end, status: 'done',
            started_at: c.at, answered_at: present(answered_at), ended_at: ended_at, waiting: wait, talking: talk, on_hold: hold,
            wrap_up: wrap_up, transfers: transfers,
            raw_digits: caller_number(call, c.person, p.phone, p.country, c.style),
            missed_call_reason: case when answered_at = {ABSENT} then 'abandoned_in_queue' end,
            user: {{id: agent_code(c.agent)}}, number: {{name: {list(QUEUES)}[1 + queue]}}, store: store_code(store),
            language: coalesce(p.language, 'zh'), comments: case when t.text is not null then [{{id: call, content: t.text}}] end}}) as record
        from fated as c left join person as p on p.person = c.person left join call_text as t on t.slot = c.call
        where comes_in(case fate when 'corrected' then 'plain' else fate end, {wave})
        union all
        select to_json({{id: 900000 + i, direction: 'inbound', status: 'done', started_at: {START + 86400}, answered_at: null, ended_at: {START + 86400},
            waiting: -30, talking: 0, on_hold: 0, wrap_up: 0, transfers: 0, raw_digits: '+86 21 6666 0000', missed_call_reason: null}})
        from range({broken}) as r(i)
        """,
        size=500,
        about={"meta": {"per_page": 500}},
    )


def survey_forms(world: World, folder: Path, wave: int) -> None:
    """Form entries with widget ids, the widgets' labels, and the log of invitations, as saved API pages."""
    forms = "map {" + ", ".join(f"{literal(k)}: {literal(v)}" for k, v in FORMS.items()) + "}"
    names = {f: f"_widget_17300000000{i:02d}" for i, f in enumerate(FIELDS)}
    # The forms' fields are told with every export: what they are called may change.
    listed = ", ".join(f"({literal(f)}, {literal(w)})" for f, w in names.items())
    files.pages(
        world,
        folder,
        f"widgets_{STEM[wave]}",
        "widgets",
        f"select to_json({{name: w, label: f, type: 'text'}}) as record from (values {listed}) as t(f, w)",
    )
    files.pages(
        world,
        folder,
        f"invitations_{STEM[wave]}",
        "invitations",
        f"""
        select to_json({{id: invitation, form: {forms}[survey], member_no: printf('C%07d', person), country: country, minor: is_minor,
            channel: i.channel, store: store_code(i.store), sent: iso_ms(sent), delivered: iso_ms(delivered), bounced: iso_ms(bounced), opened: iso_ms(opened),
            started: iso_ms(started), completed: iso_ms(completed), gift: nullif(incentive, ''), entry: case when started <> {ABSENT} then printf('66%022d', invitation) end}}) as record
        from invitation as i join person using (person) where (greatest(sent, started, completed) < {CUT}) = ({wave} = 1) order by invitation
        """,
    )
    labels = " ".join(
        f"when s = {score} then case when lang = 'zh' then {literal(zh)} else {literal(en)} end"
        for score, (zh, en) in SATISFACTION.items()
    )
    world.sql(f"create or replace macro satisfaction(s, lang) as case {labels} end")
    cells = {
        "member_no": "printf('C%07d', r.person)",
        "country": "p.country",
        "minor": "case when p.is_minor then '是' else '否' end",
        "language": "p.language",
        "channel": "r.channel",
        "store": "store_code(r.store)",
        "sku": "case when r.product >= 0 then sku(r.product) end",
        "ticket": 'case when r."case" >= 0 then r."case"::varchar end',
        "weight": "r.weight",
        "contact": "case when r.wants_contact then '是' else '否' end",
        "comment": "t.text",
        "nps_score": f"case when fate = 'corrected' and {wave} = 1 then 10 - s['nps_score'] else s['nps_score'] end",
        **{q: f"case when list_contains(declined, '{q}') then case when p.language = 'zh' then '{NO_ANSWER[0]}' else '{NO_ANSWER[1]}' end "
              f"else satisfaction(s['{q}'], p.language) end" for q in ("overall", "quality", "delivery", "staff")},
        "ease": "s['ease']",
        "effort": "s['effort']",
    }  # fmt: skip
    entry = ", ".join(f'"{names[f]}": {sql}' for f, sql in cells.items())
    broken = (
        (faults.UNKNOWN_LABELS["survey_forms", "responses"], faults.OUT_OF_RANGE_SCORES["survey_forms", "responses"])
        if wave == 1
        else (0, 0)
    )
    creator = "creator: {name: '问卷助手', username: 'bot', type: 0}"
    good = "(select person from person where is_member and not is_minor and country = 'US' order by person limit 1)"
    files.pages(
        world,
        folder,
        f"responses_{STEM[wave]}",
        "data",
        f"""
        with answered as (
            select response, map_from_entries(list((question, raw) order by position)) as s,
                coalesce(list(question order by position) filter (is_declined), []) as declined
            from answer group by response
        ),
        fated as (select *, fate(response, response.at) as fate from response)
        select to_json({{"_id": printf('66%022d', response), "entryId": {forms}[survey], {creator},
            "createTime": iso_ms(r.at), "updateTime": iso_ms(case when fate = 'corrected' and {wave} = 2 then {CUT + 3600} else r.at end), {entry}}}) as record
        from fated as r join answered as s using (response) join person as p using (person)
        left join answer_text as t on t.slot = r.response
        where comes_in(fate, {wave})
        union all
        select to_json({{"_id": printf('67%022d', i), "entryId": '{FORMS["csat_purchase"]}', {creator}, "createTime": iso_ms({START + 90_000}), "updateTime": iso_ms({START + 90_000}),
            "{names["member_no"]}": printf('C%07d', {good}), "{names["country"]}": 'US', "{names["minor"]}": '否', "{names["overall"]}": '{UNKNOWN_LABEL}'}})
        from range({broken[0]}) as u(i)
        union all
        select to_json({{"_id": printf('68%022d', i), "entryId": '{FORMS["nps_relationship"]}', {creator}, "createTime": iso_ms({START + 90_000}), "updateTime": iso_ms({START + 90_000}),
            "{names["member_no"]}": printf('C%07d', {good}), "{names["country"]}": 'US', "{names["minor"]}": '否', "{names["nps_score"]}": 11 + i}})
        from range({broken[1]}) as u(i)
        """,
        size=100,
    )


def store_tablet(world: World, folder: Path, wave: int) -> None:
    """Answers given on tablets in the shops, by nobody in particular."""
    extra: tuple[str, ...] = ()
    if wave == 1:
        key = ("store_tablet", "answers")
        extra = tuple(f"T99{i:05d},31.02.2024 0{i}:00,S01,5,zh" for i in range(faults.UNPARSABLE_DATES[key]))
        extra += tuple(f",2024-02-0{i + 1} 09:00:00,S01,5,zh" for i in range(faults.WITHOUT_ID[key]))
    files.csv(
        world,
        folder / f"answers_{STEM[wave]}.csv",
        f"""select printf('T%07d', tablet) as no, shanghai(t.at) as time, store_code(store) as store, score as smiley,
            case when is_english then 'en' else 'zh' end as language from tablet as t where (t.at < {CUT}) = ({wave} = 1) order by tablet""",
        encoding="utf-8-sig",
        extra=extra,
    )


def reviews(world: World, folder: Path, wave: int) -> None:
    """Reviews of the web shop and the app with replies, CSV in UTF-16, packed. Wave 2 brings new and changed ones."""
    newest = "greatest(posted_at, replied_at, edited_at)"
    wanted = f"posted_at < {CUT}" if wave == 1 else f"{newest} >= {CUT}"
    limit = CUT if wave == 1 else END
    then = {c: f"case when {c} < {limit} then {c} else {ABSENT} end" for c in ("replied_at", "edited_at")}
    removed = f"union all by name select 'V' || review as review_no, 'removed' as state, shanghai(posted_at) as posted, shanghai({END - 1}) as updated from review where review % 211 = 5"
    files.csv(
        world,
        folder / f"reviews_{STEM[wave]}.csv.gz",
        f"""
        select 'V' || review as review_no, 'shown' as state, case when is_shop then 'shop' else 'app' end as platform,
            case when is_shop then printf('W%07d', 5000000 + r.person) end as account_no, nickname(r.person) as nickname,
            rating as stars, case when is_recommended then 1 else 0 end as recommended, helpful,
            shanghai(posted_at) as posted, shanghai({then["edited_at"]}) as edited, shanghai({then["replied_at"]}) as replied,
            left(t.text, 8) as headline, t.text as text, case when {then["replied_at"]} <> {ABSENT} then a.text end as reply, agent_code(agent) as replied_by,
            case when is_shop then sku(product) end as sku, language, case when not is_shop then '5.' || version end as app_version,
            shanghai(greatest(posted_at, {then["replied_at"]}, {then["edited_at"]})) as updated
        from review as r join person as p using (person) left join review_text as t on t.slot = review left join review_reply_text as a on a.slot = review
        where {wanted}
        {removed if wave == 2 else ""}
        order by review_no, updated
        """,
        encoding="utf-16",
        packed="gz",
        extra=tuple(f"V9999{i},shown,shop" for i in range(faults.TORN_ROWS["reviews", "reviews"])) if wave == 1 else (),
    )


def social(world: World, folder: Path, wave: int) -> None:
    """Posts of three platforms, JSON lines, epoch milliseconds."""
    files.jsonl(
        world,
        folder / f"posts_{STEM[wave]}.jsonl",
        f"""
        with fated as (select *, fate(mention, mention.at) as fate from mention)
        select 'M' || mention as post_id, {list(PLATFORMS)}[1 + platform] as platform, author_handle(m.person) as author,
            m.at * 1000 as posted_ms, reach as views, reactions as likes, present(replied_at) * 1000 as replied_ms, t.text as content,
            a.text as reply, case when replied_at <> {ABSENT} then agent_code(agent) end as replied_by, sku(product) as sku, language as lang
        from fated as m join person using (person) join mention_text as t on t.slot = mention left join mention_reply_text as a on a.slot = mention
        where comes_in(case fate when 'corrected' then 'plain' else fate end, {wave})
        order by mention
        """,
        broken=tuple(
            f'{{"post_id": "M99{i}", "platform": "weibo", "content": '
            for i in range(faults.BROKEN_JSON_LINES["social", "posts"])
        )
        if wave == 1
        else (),
    )


def programme(world: World, folder: Path, wave: int) -> None:
    """Interviews and notes, improvements with the feedback they answer, and costs (packed)."""
    shanghai_day = "local_time({}, 'Asia/Shanghai', '%Y-%m-%d')"
    files.csv(
        world,
        folder / f"interviews_{STEM[wave]}.csv",
        f"""
        select 'N' || note as no, case when n.person <> {ABSENT} then printf('C%07d', n.person) end as member_no, shanghai(n.at) as held,
            {list(METHODS)}[1 + method] as method, case when method in (3, 4) then 'staff' else 'customer' end as party,
            agent_code(agent) as held_by, store_code(store) as store, sku(product) as sku, coalesce(language, 'zh') as language, t.text as text
        from note as n left join person as p on p.person = n.person join note_text as t on t.slot = note
        where (n.at < {CUT}) = ({wave} = 1) order by note
        """,
    )
    files.csv(
        world,
        folder / f"actions_{STEM[wave]}.csv",
        f"""
        with answered as (
            select action, string_agg('survey_forms/answer/' || printf('66%022d', response) || ':' || question, ';' order by response, question) as answers
            from action_answer group by action
        )
        select 'I' || action as no, kind, {shanghai_day.format("decided")} as decided,
            {shanghai_day.format("decided + 45 * 86400")} as due, {shanghai_day.format("shipped")} as shipped,
            category as cause, agent_code(agent) as owner, sku(product) as sku,
            concat_ws(';', 'helpdesk/case/' || "case", 'reviews/review/V' || (1 + "case" % (select count(*) from review)), answers) as feedback,
            '改进 ' || category as title
        from action left join answered using (action) where (decided < {CUT}) = ({wave} = 1) order by action
        """,
    )
    cut_month = 23
    files.csv(
        world,
        folder / f"costs_{STEM[wave]}.zip",
        f"""
        select 'L' || cost as line, 'voice of the customer' as programme, {list(COST_TYPES)}[1 + cost_type] as kind,
            strftime(date '2024-01-28' + to_months(month::integer), '%d/%m/%Y') as booked,
            case when cost_type = 0 then hours end as hours, amount, 'CNY' as currency
        from cost where (month < {cut_month}) = ({wave} = 1) order by cost
        """,
        packed="zip",
    )
