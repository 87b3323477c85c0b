"""Who the sample company knows: persons, their accounts in each system, what proves who they are, consents, staff.

Keep out: what those people do. `person` is a number; nothing here leaves the sample but through exports and truth.
"""

import duckdb
import numpy as np
import pandas as pd

from orchestration.sample import figures
from orchestration.sample.clock import ABSENT, CUT, DAY, END, START
from orchestration.sample.identities import PHONE_MACROS
from orchestration.sample.phrases import FIRST_NAMES, GIVEN, LAST_NAMES, SURNAMES
from orchestration.sample.world import World, quoted

AGENTS = 48
# (company mailbox or switchboard, how many accounts share it): they must never make one person of many.
SHARED_MAILBOX = ("info@hengtong-trading.example", 14)
SHARED_SWITCHBOARD = ("+86 21 5555 0100", 12)
ERASURES = 6
NAMESAKES = 0.02


def build(world: World, customers: int) -> None:
    """Create the tables person, agent, account, consent and erasure."""
    world.sql(PHONE_MACROS)
    _persons(world, customers)
    _agents(world)
    _accounts(world)
    _consents(world)


def _persons(world: World, n: int) -> None:
    rng = world.rng("person")
    country = np.array(["CN", "DE", "FR", "US", ""])[rng.choice(5, n, p=[0.76, 0.08, 0.05, 0.06, 0.05])]
    is_minor = rng.random(n) < figures.MINORS
    frame = pd.DataFrame(
        {
            "person": np.arange(n),
            "country": country,
            "language": np.where((country == "CN") | (country == ""), np.where(rng.random(n) < 0.96, "zh", "en"), "en"),
            "name_a": rng.integers(0, 1 << 30, n),
            "name_b": rng.integers(0, 1 << 30, n),
            "name_c": rng.integers(0, 1 << 30, n),
            "is_namesake": rng.random(n) < NAMESAKES,
            "is_minor": is_minor,
            "has_guardian": rng.random(n) < 0.5,
            "age": np.where(is_minor, rng.integers(9, 14, n), np.clip(rng.normal(39, 13, n).round(), 18, 88)).astype(
                np.int64
            ),
            "gender": np.array(["f", "m", "x"])[rng.choice(3, n, p=[0.53, 0.45, 0.02])],
            "region_index": rng.integers(0, 8, n),
            "has_phone": (rng.random(n) >= figures.WITHOUT_PHONE),
            "has_email": rng.random(n) < 0.95,
            "is_verified": rng.random(n) < 0.80,
            "is_member": rng.random(n) < 0.92,
            "first_seen": START - rng.integers(DAY, 900 * DAY, n),
            "segment_index": rng.integers(0, 4, n),
            "is_churned": rng.random(n) < figures.CHURNED,
            "style": rng.integers(0, 1 << 20, n),
        }
    )
    world.add("person_draws", frame)
    # The membership that the customer file tells: who pays month by month leaves far more often.
    drawn = world.rng("contract").random(n)
    monthly = np.where(frame["is_churned"], figures.MONTHLY_OF_CHURNED, figures.MONTHLY_OF_KEPT)
    world.add("contract_draws", pd.DataFrame({"person": np.arange(n), "is_monthly": drawn < monthly}))
    surnames, given, first, last = quoted(SURNAMES), quoted(GIVEN), quoted(FIRST_NAMES), quoted(LAST_NAMES)
    world.sql(
        f"""
        create table person as
        with numbered as (
            select *, row_number() over (partition by country in ('', 'CN'), country order by person) - 1 as i
            from person_draws
        ),
        named as (
            select *,
                case when language = 'zh'
                    then {surnames}[1 + name_a % {len(SURNAMES)}] || {given}[1 + name_b % {len(GIVEN)}]
                        || case when name_c % 3 = 0 then {given}[1 + name_c % 20] else '' end
                    else {first}[1 + name_a % {len(FIRST_NAMES)}] || ' ' || {last}[1 + name_b % {len(LAST_NAMES)}]
                end as own_name,
                case when country in ('', 'CN') then person else i end as number
            from numbered
        )
        select person, nullif(country, '') as country, language,
            case when is_namesake then coalesce(lag(own_name) over (partition by language order by person), own_name)
                else own_name end as name,
            is_minor, is_minor and has_guardian as has_guardian, age, gender,
            case when country = 'DE' then ['Berlin', 'Hamburg'][1 + region_index % 2]
                when country = 'FR' then 'Paris' when country = 'US' then 'New York'
                else ['上海', '北京', '广东', '浙江', '江苏', '四川', '福建', '湖北'][1 + region_index] end as region,
            case when has_email then case when language = 'zh' then 'user' || printf('%06d', person)
                || ['@youxiang.example', '@mail.example'][1 + style % 2]
                else lower(replace(own_name, ' ', '.')) || '.' || person || ['@mail.example', '@post.example'][1 + style % 2] end
            end as email,
            has_email and is_verified as is_email_verified,
            case when has_phone then e164(country, number) end as phone,
            is_member, first_seen, ['new', 'regular', 'loyal', 'dormant'][1 + segment_index] as segment, is_churned, style,
            case when is_monthly then 'month_to_month' else 'one_year' end as contract
        from named as n join contract_draws using (person)
        order by person
        """
    )


def _agents(world: World) -> None:
    rng = world.rng("agent")
    frame = pd.DataFrame(
        {
            "agent": np.arange(AGENTS),
            "surname": rng.integers(0, len(SURNAMES), AGENTS),
            "given": rng.permutation(len(GIVEN) * 2)[:AGENTS] % len(GIVEN),
            "first": rng.permutation(len(FIRST_NAMES) * 2)[:AGENTS] % len(FIRST_NAMES),
            "last": rng.integers(0, len(LAST_NAMES), AGENTS),
            "hired": START - rng.integers(30 * DAY, 1500 * DAY, AGENTS),
            "store": rng.integers(1, 7, AGENTS),
        }
    )
    world.add("agent_draws", frame)
    world.sql(
        f"""
        create table agent as
        select agent, printf('A%03d', agent) as agent_id,
            case when agent % 6 in (4, 5)
                then {quoted(FIRST_NAMES)}[1 + first] || ' ' || {quoted(LAST_NAMES)}[1 + last]
                else {quoted(SURNAMES)}[1 + surname] || {quoted(GIVEN)}[1 + given]
            end as name,
            printf('agent%03d@lanqiao.example', agent) as email,
            ['service_cn', 'service_cn', 'quality_cn', 'phone_cn', 'service_eu', 'quality_eu'][1 + agent % 6] as team,
            case when agent % 12 = 0 then 'lead' else 'agent' end as role,
            printf('S%02d', store) as store_id, hired
        from agent_draws
        order by agent
        """
    )


def _accounts(world: World) -> None:
    """One row per account of a person in a system, with what the system knows and since when it is proved.

    `verified_from`: ABSENT never, else the wave in which the e-mail address counts as verified.
    """
    n = world.count("person")
    rng = world.rng("account")
    world.add(
        "account_draws",
        pd.DataFrame(
            {
                "person": np.arange(n),
                "web": rng.random(n),
                "web_way": rng.random(n),
                "desk_way": rng.random(n),
                "web_style": rng.integers(0, 1 << 20, n),
                "desk_style": rng.integers(0, 1 << 20, n),
            }
        ),
    )
    world.sql(
        f"""
        create table account as
        with drawn as (from person join account_draws using (person)),
        crm as (
            select person, 'crm' as source, printf('C%07d', person) as account, email,
                case when is_email_verified then 1 else {ABSENT} end as verified_from, phone, style
            from drawn where is_member
        ),
        -- the web shop: linked by a verified address (75 %), by mobile only (10 %), proved late (7 %), or never proved (8 %)
        web as (
            select person, 'web_shop' as source, printf('W%07d', 5000000 + person) as account,
                case when web_way >= 0.75 and web_way < 0.85 and phone is not null then null else email end as email,
                case when not is_email_verified or web_way >= 0.92 then {ABSENT}
                    when web_way >= 0.85 then 2 else 1 end as verified_from,
                case when web_way < 0.85 then phone end as phone,
                web_style as style
            from drawn where web < 0.72 and (email is not null or phone is not null)
        ),
        -- helpdesks: by verified address (82 %), mobile (10 %), proved late (3 %), never proved (5 %)
        desk as (
            select person, case when country in ('DE', 'FR') then 'helpdesk_eu' else 'helpdesk' end as source,
                (700000000 + person)::varchar as account,
                case when desk_way >= 0.82 and desk_way < 0.92 and phone is not null then null else email end as email,
                case when not is_email_verified or desk_way >= 0.95 then {ABSENT}
                    when desk_way >= 0.92 then 2 else 1 end as verified_from,
                case when desk_way < 0.92 then phone end as phone,
                desk_style as style
            from drawn where not is_minor and (email is not null or phone is not null)
        ),
        every as (from crm union all by name from web union all by name from desk),
        ranked as (
            select *, row_number() over (partition by source order by person desc) as from_end from every
        ),
        -- the traps: unrelated accounts of the web shop share a company mailbox, of the helpdesk a switchboard
        trapped as (
            select r.* exclude (from_end),
                r.source = 'web_shop' and from_end <= {SHARED_MAILBOX[1]} as shares_mailbox,
                r.source = 'helpdesk' and from_end <= {SHARED_SWITCHBOARD[1]} as shares_switchboard
            from ranked as r
        )
        select person, source, account,
            case when shares_mailbox then '{SHARED_MAILBOX[0]}' else email end as email,
            case when shares_mailbox then 1 else verified_from end as verified_from,
            case when shares_switchboard then '{SHARED_SWITCHBOARD[0]}' when shares_mailbox then null else phone end as phone,
            style, shares_mailbox, shares_switchboard
        from trapped
        order by source, person
        """
    )
    world.sql(
        """
        create table account_spelling as
        select a.source, a.person, a.account, a.email, a.verified_from, a.phone, p.country, p.name, p.language, p.is_minor,
            case when a.shares_switchboard then a.phone else as_written(a.phone, p.country, a.style) end as phone_written,
            case when a.email is not null and a.style % 7 = 0 then upper(a.email[1]) || a.email[2:] else a.email end as email_written
        from account as a join person as p using (person)
        order by source, person
        """
    )


def _consents(world: World) -> None:
    """Grants and withdrawals of CRM members; the day of a withdrawal decides the wave."""
    n = world.count("person")
    rng = world.rng("consent")
    rows = pd.DataFrame(
        {
            "person": np.arange(n),
            "analytics": rng.random(n),
            "marketing": rng.random(n),
            "separate": rng.random(n),
            "withdraws": rng.random(n),
            "late": rng.random(n),
            "expires": rng.random(n),
            "withdrawn_early": rng.integers(START + 120 * DAY, CUT - 10 * DAY, n),
            "withdrawn_late": rng.integers(CUT + DAY, END - 3 * DAY, n),
            "via": rng.integers(0, 3, n),
        }
    )
    world.add("consent_draws", rows)
    world.sql(
        f"""
        create table consent as
        with drawn as (
            select c.*, p.first_seen, p.is_minor, p.has_guardian, p.country
            from consent_draws as c join person as p using (person) where p.is_member
        ),
        granted as (
            select *, 'analytics' as purpose, 'general' as consent_type, 0 as slot from drawn where analytics < 0.84
            union all by name
            select *, 'marketing' as purpose, 'general' as consent_type, 1 as slot from drawn where marketing < 0.45
            union all by name
            select *, 'cross_border' as purpose, 'separate' as consent_type, 2 as slot from drawn where separate < 0.20
            union all by name
            select *, 'analytics' as purpose, 'guardian' as consent_type, 3 as slot from drawn where has_guardian
        ),
        entries as (
            select person, purpose, consent_type, slot, 'grant' as action, first_seen + 60 as given_at,
                case when slot = 0 and expires < 0.02 and withdraws >= 0.05 then {START + 500 * DAY} else {ABSENT} end as expires_at, via
            from granted
            union all by name
            select person, purpose, consent_type, slot + 4 as slot, 'withdraw' as action,
                case when late < 0.5 then withdrawn_late else withdrawn_early end as given_at, {ABSENT} as expires_at, via
            from granted where slot < 3 and withdraws < 0.05
        )
        select person, printf('K%07d-%d', person, slot) as consent_id, purpose, consent_type, action, given_at, expires_at,
            case when given_at < {START} then 'notice-2023' else 'notice-2025' end as notice_version,
            ['web_form', 'shop_terminal', 'app'][1 + via] as collected_via
        from entries
        order by person, slot
        """
    )
    world.sql(
        f"""
        create table erasure as
        select person, printf('E%05d', person) as erasure_id, {END - 1} as deleted_at
        from person where is_member and not is_minor and person % 331 = 17 order by person limit {ERASURES}
        """
    )


def consents_of(con: duckdb.DuckDBPyConnection) -> pd.DataFrame:
    """Per person the one span in which analytics consent holds: given, expires (ABSENT never), withdrawn."""
    return con.execute(
        f"""
        select p.person, coalesce(p.country, '') as country, p.is_minor, p.has_guardian,
            coalesce(min(c.given_at) filter (action = 'grant' and consent_type = 'general'), {ABSENT}) as given_at,
            coalesce(max(c.expires_at) filter (action = 'grant' and consent_type = 'general'), {ABSENT}) as expires_at,
            coalesce(bool_or(action = 'withdraw'), false) as is_withdrawn
        from person as p left join consent as c on c.person = p.person and c.purpose = 'analytics'
        group by all order by p.person
        """
    ).df()
